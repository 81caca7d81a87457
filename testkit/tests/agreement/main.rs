//! The engine against what must be: the reference model on random histories, and a fortnight's own truth.

mod chance;
mod fortnight;
mod histories;
mod live;
mod teller;
