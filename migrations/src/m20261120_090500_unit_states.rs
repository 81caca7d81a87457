//! What units were at their last transition, and who may move them.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE unit_states (
    unit_id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    site_id {uuid} NOT NULL,
    -- how many transitions were committed: each compares and raises it
    version {bigint} NOT NULL,
    state TEXT NOT NULL,
    rule_version {bigint} NOT NULL,
    -- when it must be looked at again: may be early, never late
    wake_at {bigint},
    CONSTRAINT unit_states_pkey PRIMARY KEY (unit_id),
    CONSTRAINT unit_states_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id)
) {strict};

CREATE INDEX unit_states_wake_at_idx ON unit_states (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE site_owners (
    site_id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    -- rises with each taking over: what was begun under an older one commits nothing
    owner_epoch {bigint} NOT NULL,
    CONSTRAINT site_owners_pkey PRIMARY KEY (site_id),
    CONSTRAINT site_owners_site_fkey FOREIGN KEY (org_id, site_id) REFERENCES sites (org_id, id)
) {strict};
",
)];

const DOWN: &[Part] = &[Part::Both("DROP TABLE site_owners; DROP TABLE unit_states;")];
