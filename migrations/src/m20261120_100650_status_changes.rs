//! What each unit was shown as, and since when: written with the transition that changed it.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE unit_status_changes (
    org_id {uuid} NOT NULL,
    unit_id {uuid} NOT NULL,
    -- when it became true; does not go back within a unit
    at {bigint} NOT NULL,
    -- of the transition, and the place within it
    version {bigint} NOT NULL,
    ordinal {bigint} NOT NULL,
    written_at {bigint} NOT NULL,
    status TEXT NOT NULL,
    thermal TEXT NOT NULL,
    link TEXT NOT NULL,
    door TEXT NOT NULL,
    manual_log TEXT NOT NULL,
    mode TEXT NOT NULL,
    -- no foreign key, as of readings: the transition that it comes with was checked
    CONSTRAINT unit_status_changes_pkey PRIMARY KEY (unit_id, at, version, ordinal)
) {strict};
",
)];

const DOWN: &[Part] = &[Part::Both("DROP TABLE unit_status_changes;")];
