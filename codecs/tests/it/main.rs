//! The codecs against what the vendors publish, and against everything else.

mod cold_chain;
mod fuzz;
mod layouts;
mod published;
mod vector;
