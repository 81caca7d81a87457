//! What a person's account needs beyond a password: sessions that are renewed, second factors, links that prove an
//! address or set a password; and the platform's operators with their stays in organizations.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
ALTER TABLE users ADD COLUMN email_verified_at {bigint};
-- where the link that verified it was shown to a colleague, who may have used it; null where only the address's own
-- mailbox or an issuer can have been behind it
ALTER TABLE users ADD COLUMN email_verified_in {uuid};
ALTER TABLE users ADD COLUMN password_changed_at {bigint};
-- rises when all access tokens of the person are to be worthless: each names the one that it is of
ALTER TABLE users ADD COLUMN token_generation {bigint} NOT NULL DEFAULT 0;
-- the shared secret of time-based one-time passwords (RFC 6238); in use once confirmed
ALTER TABLE users ADD COLUMN totp_secret {bytes};
ALTER TABLE users ADD COLUMN totp_confirmed_at {bigint};
-- the newest time step whose password was used: none is taken twice
ALTER TABLE users ADD COLUMN totp_last_step {bigint};

CREATE TABLE refresh_tokens (
    id {uuid} NOT NULL,
    -- all tokens that came of one sign-in
    family_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    secret_hash {bytes} NOT NULL,
    created_at {bigint} NOT NULL,
    expires_at {bigint} NOT NULL,
    used_at {bigint},
    revoked_at {bigint},
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT refresh_tokens_user_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};

CREATE INDEX refresh_tokens_family_idx ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user_idx ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_age_idx ON refresh_tokens (expires_at);

CREATE TABLE recovery_codes (
    user_id {uuid} NOT NULL,
    code_hash {bytes} NOT NULL,
    used_at {bigint},
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_user_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};

CREATE TABLE account_links (
    id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    purpose TEXT NOT NULL,
    secret_hash {bytes} NOT NULL,
    created_at {bigint} NOT NULL,
    expires_at {bigint} NOT NULL,
    used_at {bigint},
    -- of a link that a colleague asked for: where, and which editions of the two memberships allowed it
    made_in {uuid},
    made_at_version {bigint},
    made_by {uuid},
    made_by_version {bigint},
    CONSTRAINT account_links_pkey PRIMARY KEY (id),
    CONSTRAINT account_links_user_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT account_links_purpose_known CHECK (purpose IN ('password_reset', 'email_verification'))
) {strict};

CREATE INDEX account_links_user_idx ON account_links (user_id);

CREATE TABLE operators (
    user_id {uuid} NOT NULL,
    created_at {bigint} NOT NULL,
    CONSTRAINT operators_pkey PRIMARY KEY (user_id),
    CONSTRAINT operators_user_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};

CREATE TABLE impersonations (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    operator_id {uuid} NOT NULL,
    role TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    ends_at {bigint} NOT NULL,
    ended_at {bigint},
    CONSTRAINT impersonations_pkey PRIMARY KEY (id),
    CONSTRAINT impersonations_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT impersonations_operator_fkey FOREIGN KEY (operator_id) REFERENCES users (id),
    CONSTRAINT impersonations_role_known CHECK (role IN ('viewer', 'staff', 'manager', 'admin'))
) {strict};

-- one stay at a time of an operator in an organization
CREATE UNIQUE INDEX impersonations_running_key ON impersonations (operator_id, org_id) WHERE ended_at IS NULL;
CREATE INDEX impersonations_operator_idx ON impersonations (operator_id, org_id, id);
CREATE INDEX impersonations_due_idx ON impersonations (ends_at) WHERE ended_at IS NULL;
",
)];

const DOWN: &[Part] = &[Part::Both(
    "
DROP TABLE impersonations;
DROP TABLE operators;
DROP TABLE account_links;
DROP TABLE recovery_codes;
DROP TABLE refresh_tokens;
ALTER TABLE users DROP COLUMN totp_last_step;
ALTER TABLE users DROP COLUMN totp_confirmed_at;
ALTER TABLE users DROP COLUMN totp_secret;
ALTER TABLE users DROP COLUMN token_generation;
ALTER TABLE users DROP COLUMN password_changed_at;
ALTER TABLE users DROP COLUMN email_verified_in;
ALTER TABLE users DROP COLUMN email_verified_at;
",
)];
