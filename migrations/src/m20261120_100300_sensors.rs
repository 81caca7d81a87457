//! Gateways, which sensor measured which unit when, calibrations, and what is left to do with a frame.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE gateways (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    site_id {uuid},
    name TEXT NOT NULL,
    gateway_eui {ascii},
    last_seen_at {bigint},
    created_at {bigint} NOT NULL,
    updated_at {bigint},
    deleted_at {bigint},
    version {bigint} NOT NULL DEFAULT 1,
    CONSTRAINT gateways_pkey PRIMARY KEY (id),
    CONSTRAINT gateways_org_key UNIQUE (org_id, id),
    CONSTRAINT gateways_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT gateways_site_fkey FOREIGN KEY (org_id, site_id) REFERENCES sites (org_id, id)
) {strict};

CREATE UNIQUE INDEX gateways_eui_key ON gateways (org_id, gateway_eui) WHERE deleted_at IS NULL;

CREATE TABLE device_assignments (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    device_id {uuid} NOT NULL,
    unit_id {uuid} NOT NULL,
    from_at {bigint} NOT NULL,
    -- not included; NULL while it lasts
    until_at {bigint},
    CONSTRAINT device_assignments_pkey PRIMARY KEY (id),
    CONSTRAINT device_assignments_device_fkey FOREIGN KEY (org_id, device_id) REFERENCES devices (org_id, id),
    CONSTRAINT device_assignments_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id),
    CONSTRAINT device_assignments_forward CHECK (until_at IS NULL OR until_at >= from_at)
) {strict};

-- a sensor measures one unit at a time
CREATE UNIQUE INDEX device_assignments_present_key ON device_assignments (device_id) WHERE until_at IS NULL;
CREATE INDEX device_assignments_device_idx ON device_assignments (device_id, from_at);
CREATE INDEX device_assignments_unit_idx ON device_assignments (unit_id, from_at);

-- since 2000-01-01, the first instant of any reading: what was known of a sensor so far held for all that it said
INSERT INTO device_assignments (id, org_id, device_id, unit_id, from_at, until_at)
SELECT id, org_id, id, unit_id, 946684800000, deleted_at FROM devices WHERE unit_id IS NOT NULL;

-- sensors whose change was not carried through yet: units to be told, kept frames to be read
CREATE TABLE device_chores (
    device_id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    since_at {bigint} NOT NULL,
    CONSTRAINT device_chores_pkey PRIMARY KEY (device_id),
    CONSTRAINT device_chores_device_fkey FOREIGN KEY (org_id, device_id) REFERENCES devices (org_id, id)
) {strict};

CREATE TABLE calibrations (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    device_id {uuid} NOT NULL,
    performed_at {bigint} NOT NULL,
    performed_by TEXT NOT NULL,
    -- what the sensor read beyond the reference, in thousandths of a degree Celsius
    deviation INTEGER,
    certificate TEXT,
    note TEXT,
    due_at {bigint},
    created_by {uuid},
    created_at {bigint} NOT NULL,
    updated_at {bigint},
    deleted_at {bigint},
    version {bigint} NOT NULL DEFAULT 1,
    CONSTRAINT calibrations_pkey PRIMARY KEY (id),
    CONSTRAINT calibrations_org_key UNIQUE (org_id, id),
    CONSTRAINT calibrations_device_fkey FOREIGN KEY (org_id, device_id) REFERENCES devices (org_id, id)
) {strict};

CREATE INDEX calibrations_device_idx ON calibrations (device_id, id);

-- vendor/model as the network knows the sensor
ALTER TABLE uplinks ADD COLUMN model TEXT;
-- true until it was seen whether anything can be made of it
ALTER TABLE uplinks ADD COLUMN is_in_hand {bool} NOT NULL DEFAULT {false};

CREATE INDEX uplinks_unsettled_idx ON uplinks (org_id, dev_eui, id) WHERE NOT is_settled;
CREATE INDEX uplinks_in_hand_idx ON uplinks (id) WHERE is_in_hand;
",
)];

const DOWN: &[Part] = &[Part::Both(
    "
DROP INDEX uplinks_in_hand_idx;
DROP INDEX uplinks_unsettled_idx;
ALTER TABLE uplinks DROP COLUMN is_in_hand;
ALTER TABLE uplinks DROP COLUMN model;
DROP TABLE calibrations;
DROP TABLE device_chores;
DROP TABLE device_assignments;
DROP TABLE gateways;
",
)];
