//! What a unit does, told as tables.

mod conditions;
mod link;
mod people;
mod statuses;
mod story;
mod thermal;
