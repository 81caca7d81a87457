//! What a unit does, told as tables.

mod conditions;
mod link;
mod people;
mod story;
mod thermal;
