//! Digests: when they are due, and what they say.

mod due;
mod totals;
