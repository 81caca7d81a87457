//! Who is let into an organization: invitations, inspectors' links; and requests that must not be done twice.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        "
-- inspectors come by a link; who was a member as one sees all as before
UPDATE memberships SET role = 'viewer' WHERE role = 'inspector';
",
    ),
    Part::Postgres(
        "
ALTER TABLE memberships DROP CONSTRAINT memberships_role_known;
ALTER TABLE memberships ADD CONSTRAINT memberships_role_known
    CHECK (role IN ('viewer', 'staff', 'manager', 'admin', 'owner'));
",
    ),
    Part::Sqlite(
        "
CREATE TRIGGER memberships_no_inspector_made BEFORE INSERT ON memberships WHEN NEW.role = 'inspector'
BEGIN SELECT RAISE(ABORT, 'memberships_role_known'); END;
CREATE TRIGGER memberships_no_inspector_written BEFORE UPDATE OF role ON memberships WHEN NEW.role = 'inspector'
BEGIN SELECT RAISE(ABORT, 'memberships_role_known'); END;
",
    ),
    Part::Both(
        "
CREATE TABLE invitations (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    secret_hash {bytes} NOT NULL,
    invited_by {uuid},
    created_at {bigint} NOT NULL,
    expires_at {bigint} NOT NULL,
    accepted_at {bigint},
    accepted_by {uuid},
    revoked_at {bigint},
    CONSTRAINT invitations_pkey PRIMARY KEY (id),
    CONSTRAINT invitations_org_key UNIQUE (org_id, id),
    CONSTRAINT invitations_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT invitations_role_known CHECK (role IN ('viewer', 'staff', 'manager', 'admin', 'owner'))
) {strict};

-- one open invitation an address
CREATE UNIQUE INDEX invitations_open_key ON invitations (org_id, email)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;

CREATE TABLE inspector_links (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    name TEXT NOT NULL,
    secret_hash {bytes} NOT NULL,
    created_by {uuid},
    created_at {bigint} NOT NULL,
    expires_at {bigint} NOT NULL,
    revoked_at {bigint},
    last_used_at {bigint},
    CONSTRAINT inspector_links_pkey PRIMARY KEY (id),
    CONSTRAINT inspector_links_org_key UNIQUE (org_id, id),
    CONSTRAINT inspector_links_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id)
) {strict};

CREATE TABLE inspector_link_sites (
    org_id {uuid} NOT NULL,
    link_id {uuid} NOT NULL,
    site_id {uuid} NOT NULL,
    CONSTRAINT inspector_link_sites_pkey PRIMARY KEY (link_id, site_id),
    CONSTRAINT inspector_link_sites_link_fkey FOREIGN KEY (org_id, link_id) REFERENCES inspector_links (org_id, id),
    CONSTRAINT inspector_link_sites_site_fkey FOREIGN KEY (org_id, site_id) REFERENCES sites (org_id, id)
) {strict};

CREATE TABLE idempotency_keys (
    org_id {uuid} NOT NULL,
    caller_id {uuid} NOT NULL,
    key TEXT NOT NULL,
    -- SHA-256 of method, path and body
    fingerprint {bytes} NOT NULL,
    -- what the first request made
    object_kind TEXT NOT NULL,
    object_id {uuid} NOT NULL,
    -- or what it wrote over, where the one request does either
    is_new {bool} NOT NULL,
    created_at {bigint} NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (org_id, caller_id, key),
    CONSTRAINT idempotency_keys_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id)
) {strict};

CREATE INDEX idempotency_keys_age_idx ON idempotency_keys (created_at);
",
    ),
];

const DOWN: &[Part] = &[
    Part::Both(
        "
DROP TABLE idempotency_keys;
DROP TABLE inspector_link_sites;
DROP TABLE inspector_links;
DROP TABLE invitations;
",
    ),
    Part::Postgres(
        "
ALTER TABLE memberships DROP CONSTRAINT memberships_role_known;
ALTER TABLE memberships ADD CONSTRAINT memberships_role_known
    CHECK (role IN ('inspector', 'viewer', 'staff', 'manager', 'admin', 'owner'));
",
    ),
    Part::Sqlite(
        "DROP TRIGGER memberships_no_inspector_made; DROP TRIGGER memberships_no_inspector_written;",
    ),
];
