//! The hubs that share a database, and when each site was taken over.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        "
CREATE TABLE hub_nodes (
    id {uuid} NOT NULL,
    -- the machine and the address it listens on: who takes that comes in the stead of who had it
    place TEXT NOT NULL,
    -- where the others reach it, if they can, and what they show then: it is of this process alone, and ends with it
    address TEXT,
    secret TEXT NOT NULL,
    version TEXT NOT NULL,
    -- by the database's clock
    seen_at {bigint} NOT NULL,
    CONSTRAINT hub_nodes_pkey PRIMARY KEY (id)
) {strict};

-- by the database's clock, so that whoever had a site before hears of it; 0 where nobody has had it since this column
ALTER TABLE site_owners ADD COLUMN claimed_at {bigint} NOT NULL DEFAULT 0;
CREATE INDEX site_owners_claimed_at_idx ON site_owners (claimed_at);
",
    ),
    Part::Postgres(
        "
GRANT SELECT, INSERT, UPDATE, DELETE ON hub_nodes TO hub_writer;
ALTER TABLE hub_nodes ENABLE ROW LEVEL SECURITY;
CREATE POLICY hub_writer ON hub_nodes TO hub_writer USING (TRUE) WITH CHECK (TRUE);
",
    ),
];

const DOWN: &[Part] = &[Part::Both(
    "
DROP INDEX site_owners_claimed_at_idx;
ALTER TABLE site_owners DROP COLUMN claimed_at;
DROP TABLE hub_nodes;
",
)];
