//! End to end: the binary itself, over HTTP and sockets.

mod edge;
mod kill;
mod promises;
mod replayed;
