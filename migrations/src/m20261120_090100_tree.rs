//! Sites, areas, units and devices.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE sites (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    name TEXT NOT NULL,
    timezone TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    deleted_at {bigint},
    CONSTRAINT sites_pkey PRIMARY KEY (id),
    CONSTRAINT sites_org_key UNIQUE (org_id, id),
    CONSTRAINT sites_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id)
) {strict};

CREATE TABLE areas (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    site_id {uuid} NOT NULL,
    name TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    deleted_at {bigint},
    CONSTRAINT areas_pkey PRIMARY KEY (id),
    CONSTRAINT areas_org_key UNIQUE (org_id, site_id, id),
    CONSTRAINT areas_site_fkey FOREIGN KEY (org_id, site_id) REFERENCES sites (org_id, id)
) {strict};

CREATE TABLE units (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    site_id {uuid} NOT NULL,
    area_id {uuid},
    name TEXT NOT NULL,
    preset TEXT,
    created_at {bigint} NOT NULL,
    deleted_at {bigint},
    CONSTRAINT units_pkey PRIMARY KEY (id),
    CONSTRAINT units_org_key UNIQUE (org_id, id),
    CONSTRAINT units_site_fkey FOREIGN KEY (org_id, site_id) REFERENCES sites (org_id, id),
    -- an area of another site is none
    CONSTRAINT units_area_fkey FOREIGN KEY (org_id, site_id, area_id) REFERENCES areas (org_id, site_id, id)
) {strict};

CREATE INDEX units_site_idx ON units (site_id, id);

CREATE TABLE devices (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    unit_id {uuid},
    name TEXT NOT NULL,
    dev_eui {ascii},
    model TEXT,
    created_at {bigint} NOT NULL,
    deleted_at {bigint},
    CONSTRAINT devices_pkey PRIMARY KEY (id),
    CONSTRAINT devices_org_key UNIQUE (org_id, id),
    CONSTRAINT devices_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT devices_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id)
) {strict};

CREATE UNIQUE INDEX devices_dev_eui_key ON devices (org_id, dev_eui) WHERE deleted_at IS NULL;
CREATE INDEX devices_unit_idx ON devices (unit_id, id);
",
)];

const DOWN: &[Part] =
    &[Part::Both("DROP TABLE devices; DROP TABLE units; DROP TABLE areas; DROP TABLE sites;")];
