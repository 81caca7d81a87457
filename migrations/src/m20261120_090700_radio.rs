//! Radio frames, and sensors that nobody has claimed.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE uplinks (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    dev_eui {ascii} NOT NULL,
    session {ascii} NOT NULL,
    f_cnt {bigint} NOT NULL,
    payload_hash {bytes} NOT NULL,
    f_port {smallint},
    payload {bytes} NOT NULL,
    decoded_payload TEXT,
    recorded_at {bigint} NOT NULL,
    received_at {bigint} NOT NULL,
    rssi_dbm {smallint},
    is_decoded {bool} NOT NULL,
    -- true once whatever could be made of it was made
    is_settled {bool} NOT NULL,
    unit_id {uuid},
    CONSTRAINT uplinks_pkey PRIMARY KEY (id),
    CONSTRAINT uplinks_identity_key UNIQUE (org_id, dev_eui, session, f_cnt, payload_hash),
    CONSTRAINT uplinks_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT uplinks_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id)
) {strict};

CREATE INDEX uplinks_unit_idx ON uplinks (unit_id, id) WHERE unit_id IS NOT NULL;

CREATE TABLE unclaimed_devices (
    org_id {uuid} NOT NULL,
    dev_eui {ascii} NOT NULL,
    first_seen_at {bigint} NOT NULL,
    last_seen_at {bigint} NOT NULL,
    frames {bigint} NOT NULL,
    CONSTRAINT unclaimed_devices_pkey PRIMARY KEY (org_id, dev_eui),
    CONSTRAINT unclaimed_devices_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id)
) {strict};
",
)];

const DOWN: &[Part] = &[Part::Both("DROP TABLE unclaimed_devices; DROP TABLE uplinks;")];
