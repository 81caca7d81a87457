//! Sockets over real connections: our own small client and raw bytes, real channels, a stand-in only for the rest
//! of the hub.

mod events;
mod fixture;
mod hostile;
mod limits;
mod protocol;
mod recovery;
