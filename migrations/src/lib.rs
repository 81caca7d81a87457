//! The schema, one file for each change.
//!
//! The same tables on PostgreSQL and SQLite. Every instant is whole milliseconds since 1970 (`…_at`), temperatures
//! are thousandths of a degree Celsius, humidity is per mille. All tables but `users` and what hangs on
//! them, `operators` and `signing_keys`, which belong to no tenant, have `org_id`, and foreign keys between a tenant's rows include it.

mod ddl;
mod m20261120_090000_tenants;
mod m20261120_090100_tree;
mod m20261120_090200_keys;
mod m20261120_090300_rules;
mod m20261120_090400_readings;
mod m20261120_090500_unit_states;
mod m20261120_090600_alerts;
mod m20261120_090700_radio;
mod m20261120_090800_audit;
mod m20261120_090900_signing_keys;
mod m20261120_100000_lifecycle;
mod m20261120_100100_accounts;
mod m20261120_100200_access;
mod m20261120_100300_sensors;
mod m20261120_100400_records;
mod m20261120_100500_contacts;
mod m20261120_100600_accountability;
mod m20261120_100650_status_changes;
mod m20261120_100700_row_security;
mod m20261129_100000_notifications;
mod m20261129_120000_billing;
mod m20261129_130000_answers;
mod m20261129_140000_account_mails;
mod m20261129_140000_digests;
mod m20261129_141000_setup_failures;
mod m20261130_100000_nodes;

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::{DbErr, MigratorTrait};

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261120_090000_tenants::Migration),
            Box::new(m20261120_090100_tree::Migration),
            Box::new(m20261120_090200_keys::Migration),
            Box::new(m20261120_090300_rules::Migration),
            Box::new(m20261120_090400_readings::Migration),
            Box::new(m20261120_090500_unit_states::Migration),
            Box::new(m20261120_090600_alerts::Migration),
            Box::new(m20261120_090700_radio::Migration),
            Box::new(m20261120_090800_audit::Migration),
            Box::new(m20261120_090900_signing_keys::Migration),
            Box::new(m20261120_100000_lifecycle::Migration),
            Box::new(m20261120_100100_accounts::Migration),
            Box::new(m20261120_100200_access::Migration),
            Box::new(m20261120_100300_sensors::Migration),
            Box::new(m20261120_100400_records::Migration),
            Box::new(m20261120_100500_contacts::Migration),
            Box::new(m20261120_100600_accountability::Migration),
            Box::new(m20261120_100650_status_changes::Migration),
            Box::new(m20261120_100700_row_security::Migration),
            Box::new(m20261129_100000_notifications::Migration),
            Box::new(m20261129_120000_billing::Migration),
            Box::new(m20261129_130000_answers::Migration),
            Box::new(m20261129_140000_digests::Migration),
            Box::new(m20261129_140000_account_mails::Migration),
            Box::new(m20261129_141000_setup_failures::Migration),
            Box::new(m20261130_100000_nodes::Migration),
        ]
    }
}
