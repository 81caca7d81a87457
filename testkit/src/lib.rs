//! Private servers, hub processes, clients and the reference model for tests.
//!
//! Nothing here is part of the product: the crate is a dev-dependency, and it meets the hub as its users do, as a
//! process that speaks HTTP and WebSocket. Whatever it starts ends with the process that started it, however that
//! one ends: see [`janitor`].

mod account;
pub mod api;
pub mod bench;
pub mod contract_mock;
pub mod hub;
pub mod janitor;
pub mod ledger;
pub mod mail_sink;
pub mod model;
pub mod pooler;
pub mod ports;
pub mod postgres;
pub mod python;
pub mod redis;
pub mod relay;
pub mod rows;
pub mod shared;
pub mod socket;
pub mod statements;
pub mod usage;
pub mod wait;
pub mod worker;
