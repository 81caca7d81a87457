//! Readings, by far the largest table.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        // Neither foreign keys nor a second index: each would cost more than the row. What wrote it was the check.
        "
CREATE TABLE readings (
    org_id {uuid} NOT NULL,
    unit_id {uuid} NOT NULL,
    source_id {uuid} NOT NULL,
    channel {ascii} NOT NULL,
    recorded_at {bigint} NOT NULL,
    sequence {bigint} NOT NULL,
    received_at {bigint} NOT NULL,
    temperature INTEGER NOT NULL,
    humidity {smallint},
    battery_percent {smallint},
    battery_mv INTEGER,
    door_open {bool},
    signal_dbm {smallint},
    is_late {bool} NOT NULL,
    CONSTRAINT readings_pkey PRIMARY KEY (unit_id, source_id, channel, recorded_at, sequence),
    -- 2000-01-01: an earlier instant is a clock that was never set
    CONSTRAINT readings_recorded_at_believed CHECK (recorded_at >= 946684800000)
) {readings_storage};
",
    ),
    Part::Postgres("CREATE TABLE readings_default PARTITION OF readings DEFAULT;"),
];

const DOWN: &[Part] = &[Part::Both("DROP TABLE readings;")];
