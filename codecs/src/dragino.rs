//! Dragino's sensors: one module for each layout, all most significant byte first.

mod door;
mod lht65;
mod lsn50v2;
mod ltc2;

pub(crate) use self::{door::Door, lht65::Lht65, lsn50v2::Lsn50v2, ltc2::Ltc2};
