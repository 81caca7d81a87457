//! Who is told of each day or week, and what came of each of them.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        "
CREATE TABLE digest_subscriptions (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    -- whom: a contact, or a member; no foreign key, as of the ledger's lines: one who is gone is told nothing, and the
    -- ledger says so
    contact_id {uuid},
    user_id {uuid},
    rhythm TEXT NOT NULL,
    -- of a weekly one: 1 is Monday, 7 is Sunday
    weekday {bigint},
    -- of the day, by the clocks of the zone
    minute {bigint} NOT NULL,
    timezone TEXT NOT NULL,
    -- a JSON list of the sites that it is of; empty: all there are. No rows of their own, since one of which the last
    -- site was purged must not become one of all
    sites TEXT NOT NULL,
    is_only_if_needed {bool} NOT NULL,
    -- how far it has come: the day of the last one, as 2026-03-29, and until when it told, or since when it is wanted
    last_day {ascii},
    last_until {bigint} NOT NULL,
    -- when the next one is due
    due_at {bigint} NOT NULL,
    -- counts edits and digests: of two who saw the same, one moves it on
    seq {bigint} NOT NULL,
    created_at {bigint} NOT NULL,
    updated_at {bigint},
    deleted_at {bigint},
    version {bigint} NOT NULL DEFAULT 1,
    CONSTRAINT digest_subscriptions_pkey PRIMARY KEY (id),
    CONSTRAINT digest_subscriptions_org_key UNIQUE (org_id, id),
    CONSTRAINT digest_subscriptions_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT digest_subscriptions_whom CHECK ((contact_id IS NULL) <> (user_id IS NULL)),
    CONSTRAINT digest_subscriptions_rhythm CHECK (
        (rhythm = 'daily' AND weekday IS NULL)
        OR (rhythm = 'weekly' AND weekday IS NOT NULL AND weekday BETWEEN 1 AND 7)),
    CONSTRAINT digest_subscriptions_minute CHECK (minute BETWEEN 0 AND 1439)
) {strict};

CREATE INDEX digest_subscriptions_due_idx ON digest_subscriptions (due_at) WHERE deleted_at IS NULL;

CREATE TABLE digests (
    -- derived from subscription and day; its line in the ledger has the same
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    subscription_id {uuid} NOT NULL,
    -- by the calendar of its reader, as 2026-03-29
    day {ascii} NOT NULL,
    rhythm TEXT NOT NULL,
    timezone TEXT NOT NULL,
    -- what it is of: from then on and before then
    from_at {bigint} NOT NULL,
    to_at {bigint} NOT NULL,
    -- due: its job is to count; told: its line is in the ledger; skipped: the line says why
    state TEXT NOT NULL,
    -- of a skipped one: the reason's word
    skipped_for TEXT,
    -- of a told one: what it says, counted once, as JSON
    totals TEXT,
    -- counts how often it was given to the queue
    generation {bigint} NOT NULL,
    created_at {bigint} NOT NULL,
    changed_at {bigint} NOT NULL,
    CONSTRAINT digests_pkey PRIMARY KEY (id),
    CONSTRAINT digests_day_key UNIQUE (org_id, subscription_id, day),
    CONSTRAINT digests_subscription_fkey FOREIGN KEY (org_id, subscription_id)
        REFERENCES digest_subscriptions (org_id, id),
    CONSTRAINT digests_span CHECK (from_at < to_at),
    CONSTRAINT digests_state_known CHECK (CASE state
        WHEN 'due' THEN skipped_for IS NULL AND totals IS NULL
        WHEN 'told' THEN skipped_for IS NULL AND totals IS NOT NULL
        WHEN 'skipped' THEN skipped_for IS NOT NULL
        ELSE FALSE END)
) {strict};

CREATE INDEX digests_left_idx ON digests (changed_at) WHERE state = 'due';
",
    ),
    // as all tables of tenants have it since m20261120_100700
    Part::Postgres(
        "
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['digest_subscriptions', 'digests'] LOOP
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
    -- what came of each is written by who counts
    REVOKE INSERT, UPDATE ON digests FROM hub_api;
END
$$;
",
    ),
];

const DOWN: &[Part] = &[Part::Both("DROP TABLE digests; DROP TABLE digest_subscriptions;")];
