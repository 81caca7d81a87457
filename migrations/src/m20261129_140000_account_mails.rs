//! Mails of accounts: invitations, and links that set a password or prove an address. They belong to no tenant: who lost a
//! password may be in no organization, and who is invited is nobody yet.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        "
CREATE TABLE account_mails (
    id {uuid} NOT NULL,
    purpose TEXT NOT NULL,
    -- whose it is: an invitation's (no foreign key: that may be erased meanwhile), a person's, or whoever's an address is
    -- that somebody typed, which is forgotten as soon as that is known
    invitation_id {uuid},
    user_id {uuid},
    email TEXT,
    state TEXT NOT NULL,
    -- how it ended, or why it is tried again: a sentence that names nobody
    reason TEXT,
    -- counts how often it was given to the queue
    generation {bigint} NOT NULL,
    attempts {bigint} NOT NULL,
    planned_at {bigint} NOT NULL,
    -- not before then
    due_at {bigint} NOT NULL,
    changed_at {bigint} NOT NULL,
    settled_at {bigint},
    CONSTRAINT account_mails_pkey PRIMARY KEY (id),
    CONSTRAINT account_mails_user_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT account_mails_purpose_known CHECK (purpose IN ('invitation', 'password_reset', 'email_verification')),
    CONSTRAINT account_mails_state_known CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'superseded')),
    CONSTRAINT account_mails_settled CHECK ((state IN ('queued', 'sending')) = (settled_at IS NULL)),
    CONSTRAINT account_mails_forgotten CHECK (settled_at IS NULL OR email IS NULL)
) {strict};

CREATE INDEX account_mails_user_idx ON account_mails (user_id);
CREATE INDEX account_mails_invitation_idx ON account_mails (invitation_id) WHERE invitation_id IS NOT NULL;
CREATE INDEX account_mails_open_idx ON account_mails (changed_at) WHERE settled_at IS NULL;
CREATE INDEX account_mails_settled_idx ON account_mails (settled_at) WHERE settled_at IS NOT NULL;
",
    ),
    Part::Postgres(
        "
GRANT SELECT, INSERT, UPDATE, DELETE ON account_mails TO hub_writer;
ALTER TABLE account_mails ENABLE ROW LEVEL SECURITY;
CREATE POLICY hub_writer ON account_mails TO hub_writer USING (TRUE) WITH CHECK (TRUE);
",
    ),
];

const DOWN: &[Part] = &[Part::Both(
    "
DROP TABLE account_mails;
",
)];
