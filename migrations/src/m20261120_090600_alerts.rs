//! Alerts, what happened to them, and room for who is to be told.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE alerts (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    site_id {uuid} NOT NULL,
    unit_id {uuid} NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    status TEXT NOT NULL,
    opened_at {bigint} NOT NULL,
    confirmed_at {bigint},
    acknowledged_at {bigint},
    acknowledged_by {uuid},
    escalated_at {bigint},
    resolved_at {bigint},
    resolved_by {uuid},
    source_id {uuid},
    channel {ascii},
    temperature INTEGER,
    temperature_limit INTEGER,
    peak INTEGER,
    rule_version {bigint} NOT NULL,
    event_count {bigint} NOT NULL,
    CONSTRAINT alerts_pkey PRIMARY KEY (id),
    CONSTRAINT alerts_org_key UNIQUE (org_id, id),
    CONSTRAINT alerts_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id),
    CONSTRAINT alerts_severity_known CHECK (severity IN ('warning', 'critical')),
    CONSTRAINT alerts_status_known CHECK (status IN ('active', 'acknowledged', 'resolved')),
    CONSTRAINT alerts_resolved_whole CHECK ((status = 'resolved') = (resolved_at IS NOT NULL))
) {strict};

CREATE UNIQUE INDEX alerts_one_unresolved ON alerts (unit_id, kind) WHERE resolved_at IS NULL;
CREATE INDEX alerts_unresolved_site_idx ON alerts (site_id) WHERE resolved_at IS NULL;
CREATE INDEX alerts_unit_idx ON alerts (unit_id, id);

CREATE TABLE alert_events (
    alert_id {uuid} NOT NULL,
    ordinal {bigint} NOT NULL,
    org_id {uuid} NOT NULL,
    event TEXT NOT NULL,
    at {bigint} NOT NULL,
    written_at {bigint} NOT NULL,
    severity TEXT NOT NULL,
    user_id {uuid},
    note TEXT,
    muted {bool} NOT NULL,
    CONSTRAINT alert_events_pkey PRIMARY KEY (alert_id, ordinal),
    CONSTRAINT alert_events_alert_fkey FOREIGN KEY (org_id, alert_id) REFERENCES alerts (org_id, id)
) {strict};

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
)];

const DOWN: &[Part] =
    &[Part::Both("DROP TABLE notification_intents; DROP TABLE alert_events; DROP TABLE alerts;")];
