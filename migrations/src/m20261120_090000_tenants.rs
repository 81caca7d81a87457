//! Organizations, people and who is what where.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE organizations (
    id {uuid} NOT NULL,
    name TEXT NOT NULL,
    -- rises with each edit of any of its rules
    rules_version {bigint} NOT NULL DEFAULT 0,
    created_at {bigint} NOT NULL,
    CONSTRAINT organizations_pkey PRIMARY KEY (id)
) {strict};

CREATE TABLE users (
    id {uuid} NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT,
    issuer TEXT,
    subject TEXT,
    created_at {bigint} NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_subject_key UNIQUE (issuer, subject),
    CONSTRAINT users_subject_whole CHECK ((issuer IS NULL) = (subject IS NULL))
) {strict};

CREATE TABLE memberships (
    org_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    role TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    CONSTRAINT memberships_pkey PRIMARY KEY (org_id, user_id),
    CONSTRAINT memberships_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT memberships_user_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT memberships_role_known
        CHECK (role IN ('inspector', 'viewer', 'staff', 'manager', 'admin', 'owner'))
) {strict};

CREATE INDEX memberships_user_idx ON memberships (user_id);
",
)];

const DOWN: &[Part] =
    &[Part::Both("DROP TABLE memberships; DROP TABLE users; DROP TABLE organizations;")];
