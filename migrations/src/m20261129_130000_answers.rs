//! Answers to messages of several alerts, whether the hub was away, and an index for what was sent of late.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        "
-- of a message of several alerts, its line; the number answers all that it carries. No foreign key, as SQLite adds no
-- composite one to a table that is there: a number whose line is gone carries nothing
ALTER TABLE reply_codes ADD COLUMN carrier_id {uuid};

-- a row: when a hub last said that it hears sensors, and when one came back after nobody had for a while
CREATE TABLE hub_presence (
    id {bigint} NOT NULL,
    beat_at {bigint} NOT NULL,
    back_at {bigint},
    CONSTRAINT hub_presence_pkey PRIMARY KEY (id),
    CONSTRAINT hub_presence_once CHECK (id = 1)
) {strict};

-- what counts towards how many somebody gets
CREATE INDEX notification_intents_due_idx ON notification_intents (org_id, channel, due_at);
",
    ),
    Part::Postgres(
        "
GRANT SELECT, INSERT, UPDATE ON hub_presence TO hub_writer;
ALTER TABLE hub_presence ENABLE ROW LEVEL SECURITY;
CREATE POLICY hub_writer ON hub_presence TO hub_writer USING (TRUE) WITH CHECK (TRUE);
",
    ),
];

const DOWN: &[Part] = &[Part::Both(
    "
DROP INDEX notification_intents_due_idx;
DROP TABLE hub_presence;
ALTER TABLE reply_codes DROP COLUMN carrier_id;
",
)];
