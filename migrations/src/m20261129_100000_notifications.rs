//! Who is to be told of which alert, what was tried, and what came of it.
//!
//! `alert_plans` is written in the transaction of each alert's event: the promise that its notifications are planned.
//! `notification_intents`, which nothing wrote so far, is made anew: the ledger of who is told what by which way.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        "
CREATE TABLE alert_plans (
    alert_id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    -- counts what happened to the alert and how often it was planned: a plan of an older state settles nothing
    seq {bigint} NOT NULL,
    -- when there is something to plan next; null: nothing more
    due_at {bigint},
    CONSTRAINT alert_plans_pkey PRIMARY KEY (alert_id),
    CONSTRAINT alert_plans_alert_fkey FOREIGN KEY (org_id, alert_id) REFERENCES alerts (org_id, id)
) {strict};

-- those that are open are told from here on
INSERT INTO alert_plans (alert_id, org_id, seq, due_at)
SELECT id, org_id, 1, opened_at FROM alerts WHERE resolved_at IS NULL;

CREATE INDEX alert_plans_due_idx ON alert_plans (due_at) WHERE due_at IS NOT NULL;

-- counts the plans of an organization: one is made at a time, so that its caps hold
CREATE TABLE organization_plans (
    org_id {uuid} NOT NULL,
    seq {bigint} NOT NULL,
    CONSTRAINT organization_plans_pkey PRIMARY KEY (org_id),
    CONSTRAINT organization_plans_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id)
) {strict};

DROP TABLE notification_intents;

CREATE TABLE notification_intents (
    -- of an alert: derived from what it says to whom; so it is planned often and exists once
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    -- null where it is of no alert, or of many, whose own intents it supersedes
    alert_id {uuid},
    -- what is told: a step of a round such as critical+15, or resolved, outage, group, overflow, test, phone_code
    stage TEXT NOT NULL,
    -- whom: a contact, or a member who is none
    contact_id {uuid},
    user_id {uuid},
    channel TEXT NOT NULL,
    -- null for the hub's own plan, and for a message of several
    policy_id {uuid},
    state TEXT NOT NULL,
    -- why it is there, or why it is not sent: a word, and a sentence for people that names nobody
    reason_code TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- of a suppressed one: when the rule that keeps it back ends
    held_until {bigint},
    superseded_by {uuid},
    possible_duplicate {bool} NOT NULL,
    -- what it says, where that is not made of its alerts when it is sent
    words TEXT,
    -- counts how often it was given to the queue
    generation {bigint} NOT NULL,
    attempts {bigint} NOT NULL,
    planned_at {bigint} NOT NULL,
    -- not before then
    due_at {bigint} NOT NULL,
    changed_at {bigint} NOT NULL,
    sent_at {bigint},
    settled_at {bigint},
    CONSTRAINT notification_intents_pkey PRIMARY KEY (id),
    CONSTRAINT notification_intents_org_key UNIQUE (org_id, id),
    CONSTRAINT notification_intents_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT notification_intents_alert_fkey FOREIGN KEY (org_id, alert_id) REFERENCES alerts (org_id, id),
    CONSTRAINT notification_intents_channel_known CHECK (channel IN ('sms', 'email')),
    CONSTRAINT notification_intents_state_known CHECK (state IN
        ('planned', 'queued', 'sending', 'sent', 'delivered', 'failed', 'suppressed', 'superseded')),
    CONSTRAINT notification_intents_whom CHECK ((contact_id IS NULL) <> (user_id IS NULL)),
    -- what was sent may still be waiting for a receipt, or there may be none to wait for
    CONSTRAINT notification_intents_settled CHECK (CASE
        WHEN state IN ('delivered', 'failed', 'suppressed', 'superseded') THEN settled_at IS NOT NULL
        WHEN state = 'sent' THEN TRUE
        ELSE settled_at IS NULL END)
) {strict};

CREATE INDEX notification_intents_alert_idx ON notification_intents (org_id, alert_id);
CREATE INDEX notification_intents_planned_idx ON notification_intents (org_id, planned_at, id);
CREATE INDEX notification_intents_sent_idx ON notification_intents (org_id, channel, sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX notification_intents_superseded_idx ON notification_intents (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX notification_intents_open_idx ON notification_intents (changed_at) WHERE settled_at IS NULL;

CREATE TABLE delivery_attempts (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    intent_id {uuid} NOT NULL,
    -- from 1
    number {bigint} NOT NULL,
    state TEXT NOT NULL,
    -- what the provider calls the message
    provider_message_id {ascii},
    code TEXT,
    -- a sentence for people
    detail TEXT,
    begun_at {bigint} NOT NULL,
    answered_at {bigint},
    settled_at {bigint},
    CONSTRAINT delivery_attempts_pkey PRIMARY KEY (id),
    CONSTRAINT delivery_attempts_number_key UNIQUE (intent_id, number),
    CONSTRAINT delivery_attempts_intent_fkey FOREIGN KEY (org_id, intent_id)
        REFERENCES notification_intents (org_id, id),
    CONSTRAINT delivery_attempts_state_known CHECK (state IN
        ('begun', 'accepted', 'sent', 'delivered', 'unclear', 'refused', 'failed'))
) {strict};

CREATE INDEX delivery_attempts_message_idx ON delivery_attempts (provider_message_id)
    WHERE provider_message_id IS NOT NULL;

-- a number to answer an open alert by, of one phone
CREATE TABLE reply_codes (
    org_id {uuid} NOT NULL,
    phone {ascii} NOT NULL,
    code {bigint} NOT NULL,
    alert_id {uuid} NOT NULL,
    -- no foreign key: a contact may be purged while its numbers are kept from others
    contact_id {uuid} NOT NULL,
    made_at {bigint} NOT NULL,
    CONSTRAINT reply_codes_pkey PRIMARY KEY (phone, code),
    CONSTRAINT reply_codes_alert_fkey FOREIGN KEY (org_id, alert_id) REFERENCES alerts (org_id, id)
) {strict};

CREATE INDEX reply_codes_alert_idx ON reply_codes (org_id, alert_id);

ALTER TABLE contacts ADD COLUMN phone_verified_at {bigint};
ALTER TABLE contacts ADD COLUMN sms_consent_at {bigint};
ALTER TABLE contacts ADD COLUMN sms_opted_out_at {bigint};
ALTER TABLE contacts ADD COLUMN email_opted_out_at {bigint};
-- SHA-256 of a code that was sent to the phone, until when it is good, and wrong guesses at it
ALTER TABLE contacts ADD COLUMN phone_code_hash {bytes};
ALTER TABLE contacts ADD COLUMN phone_code_until {bigint};
ALTER TABLE contacts ADD COLUMN phone_code_guesses {bigint} NOT NULL DEFAULT 0;
CREATE INDEX contacts_phone_idx ON contacts (phone) WHERE phone IS NOT NULL;
",
    ),
    Part::Postgres(FENCE),
];

/// The second fence around the new tables, as the migration `row_security` has it around the others.
const FENCE: &str = "
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['alert_plans', 'organization_plans', 'notification_intents', 'delivery_attempts',
        'reply_codes'] LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO hub_writer, hub_api', name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY hub_writer ON %I TO hub_writer USING (TRUE) WITH CHECK (TRUE)', name);
        EXECUTE format(
            'CREATE POLICY hub_api ON %I TO hub_api
                USING (org_id = NULLIF(current_setting(''hub.org_id'', TRUE), '''')::uuid)
                WITH CHECK (org_id = NULLIF(current_setting(''hub.org_id'', TRUE), '''')::uuid)',
            name
        );
    END LOOP;
END
$$;
";

const DOWN: &[Part] = &[
    Part::Both(
        "
DROP INDEX contacts_phone_idx;
ALTER TABLE contacts DROP COLUMN phone_code_guesses;
ALTER TABLE contacts DROP COLUMN phone_code_until;
ALTER TABLE contacts DROP COLUMN phone_code_hash;
ALTER TABLE contacts DROP COLUMN email_opted_out_at;
ALTER TABLE contacts DROP COLUMN sms_opted_out_at;
ALTER TABLE contacts DROP COLUMN sms_consent_at;
ALTER TABLE contacts DROP COLUMN phone_verified_at;
DROP TABLE reply_codes;
DROP TABLE delivery_attempts;
DROP TABLE notification_intents;
DROP TABLE organization_plans;
DROP TABLE alert_plans;

CREATE TABLE notification_intents (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    alert_id {uuid} NOT NULL,
    event_ordinal {bigint} NOT NULL,
    state TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    CONSTRAINT notification_intents_pkey PRIMARY KEY (id),
    CONSTRAINT notification_intents_alert_fkey FOREIGN KEY (org_id, alert_id) REFERENCES alerts (org_id, id)
) {strict};
",
    ),
    Part::Postgres(
        "
DO $$
BEGIN
    GRANT SELECT, INSERT, UPDATE, DELETE ON notification_intents TO hub_writer, hub_api;
    ALTER TABLE notification_intents ENABLE ROW LEVEL SECURITY;
    CREATE POLICY hub_writer ON notification_intents TO hub_writer USING (TRUE) WITH CHECK (TRUE);
    CREATE POLICY hub_api ON notification_intents TO hub_api
        USING (org_id = NULLIF(current_setting('hub.org_id', TRUE), '')::uuid)
        WITH CHECK (org_id = NULLIF(current_setting('hub.org_id', TRUE), '')::uuid);
END
$$;
",
    ),
];
