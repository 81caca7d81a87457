//! API keys and webhook connections.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE api_keys (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    site_id {uuid},
    name TEXT NOT NULL,
    secret_hash {bytes} NOT NULL,
    created_at {bigint} NOT NULL,
    revoked_at {bigint},
    last_used_at {bigint},
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_org_key UNIQUE (org_id, id),
    CONSTRAINT api_keys_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT api_keys_site_fkey FOREIGN KEY (org_id, site_id) REFERENCES sites (org_id, id)
) {strict};

CREATE TABLE ttn_connections (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    name TEXT NOT NULL,
    secret_hash {bytes} NOT NULL,
    created_at {bigint} NOT NULL,
    deleted_at {bigint},
    CONSTRAINT ttn_connections_pkey PRIMARY KEY (id),
    CONSTRAINT ttn_connections_org_key UNIQUE (org_id, id),
    CONSTRAINT ttn_connections_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id)
) {strict};
",
)];

const DOWN: &[Part] = &[Part::Both("DROP TABLE ttn_connections; DROP TABLE api_keys;")];
