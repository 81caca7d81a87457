//! Who pays for what, what was used, and what partners told the hub.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        "
-- one for each organization of a hub that has billing; its trial is one
CREATE TABLE subscriptions (
    org_id {uuid} NOT NULL,
    plan TEXT NOT NULL,
    state TEXT NOT NULL,
    -- when that state began
    since_at {bigint} NOT NULL,
    -- the end of the trial, or of what is paid
    until_at {bigint},
    cancels_at {bigint},
    -- Stripe's ids
    customer {ascii},
    subscription {ascii},
    item {ascii},
    -- when Stripe made the subscription
    subscribed_at {bigint},
    -- when Stripe was asked for what stands here: an answer to an older question changes nothing
    asked_at {bigint},
    created_at {bigint} NOT NULL,
    updated_at {bigint},
    version {bigint} NOT NULL DEFAULT 1,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (org_id),
    CONSTRAINT subscriptions_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT subscriptions_customer_key UNIQUE (customer),
    CONSTRAINT subscriptions_subscription_key UNIQUE (subscription),
    CONSTRAINT subscriptions_plan_known CHECK (plan IN ('starter', 'pro', 'haccp', 'enterprise')),
    CONSTRAINT subscriptions_state_known CHECK (state IN ('trial', 'active', 'past_due', 'canceled', 'paused'))
) {strict};

-- lines of what was used on a day; one that was told is never changed
CREATE TABLE usage_ledger (
    org_id {uuid} NOT NULL,
    meter {ascii} NOT NULL,
    -- of UTC, as days since 1970-01-01
    day {bigint} NOT NULL,
    ordinal {bigint} NOT NULL,
    value {bigint} NOT NULL,
    -- what Stripe knows it by
    identifier {ascii} NOT NULL,
    -- the line of the same day that it adds to
    adjustment_of {ascii},
    -- the plan of that day, and whether it was paid for
    plan TEXT NOT NULL,
    is_billed {bool} NOT NULL,
    counted_at {bigint} NOT NULL,
    -- as of when Stripe is told; set before it is told, and with it the line is fixed
    effective_at {bigint},
    -- when it is to be told, or tried again; none once that is settled
    due_at {bigint},
    attempts {bigint} NOT NULL DEFAULT 0,
    reported_at {bigint},
    -- why it is not told
    refusal TEXT,
    CONSTRAINT usage_ledger_pkey PRIMARY KEY (org_id, meter, day, ordinal),
    CONSTRAINT usage_ledger_identifier_key UNIQUE (identifier),
    CONSTRAINT usage_ledger_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT usage_ledger_meter_known CHECK (meter IN ('active_sensors', 'temperature_readings')),
    CONSTRAINT usage_ledger_counts CHECK (value >= 0 AND ordinal >= 0 AND (ordinal = 0) = (adjustment_of IS NULL))
) {strict};

CREATE INDEX usage_ledger_due_idx ON usage_ledger (due_at) WHERE due_at IS NOT NULL;

-- what came by a webhook: stored first, worked later, once for each of the partner's ids
CREATE TABLE webhook_events (
    provider {ascii} NOT NULL,
    event_id {ascii} NOT NULL,
    -- known once it was worked, if it is an organization's at all
    org_id {uuid},
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    -- as the partner has it
    occurred_at {bigint} NOT NULL,
    received_at {bigint} NOT NULL,
    attempts {bigint} NOT NULL DEFAULT 0,
    -- when it is to be worked, or tried again; none once it was
    due_at {bigint},
    worked_at {bigint},
    outcome TEXT,
    CONSTRAINT webhook_events_pkey PRIMARY KEY (provider, event_id),
    CONSTRAINT webhook_events_settled CHECK ((due_at IS NULL) = (worked_at IS NOT NULL))
) {strict};

CREATE INDEX webhook_events_org_idx ON webhook_events (org_id);
CREATE INDEX webhook_events_due_idx ON webhook_events (provider, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_events_worked_idx ON webhook_events (worked_at) WHERE worked_at IS NOT NULL;
",
    ),
    // as all tables of tenants have it since m20261120_100700
    Part::Postgres(
        "
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['subscriptions', 'usage_ledger', 'webhook_events'] LOOP
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
    -- what was used and told is written by who counts it
    REVOKE INSERT, UPDATE, DELETE ON usage_ledger, webhook_events FROM hub_api;
END
$$;
",
    ),
];

const DOWN: &[Part] =
    &[Part::Both("DROP TABLE webhook_events; DROP TABLE usage_ledger; DROP TABLE subscriptions;")];
