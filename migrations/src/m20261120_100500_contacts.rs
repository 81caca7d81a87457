//! Whom to tell, and by what policy.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE contacts (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    -- the member that this is, if they are one
    user_id {uuid},
    name TEXT NOT NULL,
    email TEXT,
    -- E.164
    phone {ascii},
    language TEXT NOT NULL,
    timezone TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    updated_at {bigint},
    deleted_at {bigint},
    version {bigint} NOT NULL DEFAULT 1,
    CONSTRAINT contacts_pkey PRIMARY KEY (id),
    CONSTRAINT contacts_org_key UNIQUE (org_id, id),
    CONSTRAINT contacts_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT contacts_reachable CHECK (email IS NOT NULL OR phone IS NOT NULL)
) {strict};

CREATE TABLE notification_policies (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    -- the id of the organization, site or unit
    scope_id {uuid} NOT NULL,
    -- a JSON object: which alerts, whom, how, and when next
    steps TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    updated_at {bigint},
    deleted_at {bigint},
    version {bigint} NOT NULL DEFAULT 1,
    CONSTRAINT notification_policies_pkey PRIMARY KEY (id),
    CONSTRAINT notification_policies_org_key UNIQUE (org_id, id),
    CONSTRAINT notification_policies_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT notification_policies_scope_known CHECK (scope IN ('unit', 'site', 'organization'))
) {strict};

CREATE INDEX notification_policies_scope_idx ON notification_policies (org_id, scope_id);
",
)];

const DOWN: &[Part] = &[Part::Both("DROP TABLE notification_policies; DROP TABLE contacts;")];
