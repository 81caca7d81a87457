//! What people record: logs by hand, doors, corrective actions, and times in which a unit is worked on.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE manual_logs (
    -- may be of its sender's choosing, so it is one within its organization alone
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    site_id {uuid} NOT NULL,
    unit_id {uuid} NOT NULL,
    temperature INTEGER NOT NULL,
    humidity {smallint},
    note TEXT,
    -- whether it was outside the limits that held
    is_out_of_range {bool} NOT NULL,
    -- the person's time, and the hub's
    recorded_at {bigint} NOT NULL,
    -- of what was sent, so that one sent again is told from another of the same id
    fingerprint {bytes} NOT NULL,
    created_by {uuid} NOT NULL,
    created_at {bigint} NOT NULL,
    updated_at {bigint},
    deleted_at {bigint},
    version {bigint} NOT NULL DEFAULT 1,
    CONSTRAINT manual_logs_pkey PRIMARY KEY (org_id, id),
    CONSTRAINT manual_logs_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id)
) {strict};

CREATE INDEX manual_logs_org_idx ON manual_logs (org_id, recorded_at, id);
CREATE INDEX manual_logs_unit_idx ON manual_logs (unit_id, recorded_at, id);
CREATE INDEX manual_logs_wanting_idx ON manual_logs (org_id, recorded_at, id) WHERE is_out_of_range;

CREATE TABLE door_events (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    unit_id {uuid} NOT NULL,
    source_id {uuid} NOT NULL,
    is_open {bool} NOT NULL,
    recorded_at {bigint} NOT NULL,
    received_at {bigint} NOT NULL,
    -- who said so, where a person did
    created_by {uuid},
    CONSTRAINT door_events_pkey PRIMARY KEY (id),
    CONSTRAINT door_events_identity_key UNIQUE (unit_id, source_id, recorded_at),
    CONSTRAINT door_events_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id)
) {strict};

CREATE TABLE corrective_actions (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    site_id {uuid} NOT NULL,
    unit_id {uuid} NOT NULL,
    alert_id {uuid},
    manual_log_id {uuid},
    action TEXT NOT NULL,
    taken_at {bigint} NOT NULL,
    created_by {uuid} NOT NULL,
    created_at {bigint} NOT NULL,
    updated_at {bigint},
    deleted_at {bigint},
    version {bigint} NOT NULL DEFAULT 1,
    CONSTRAINT corrective_actions_pkey PRIMARY KEY (id),
    CONSTRAINT corrective_actions_org_key UNIQUE (org_id, id),
    CONSTRAINT corrective_actions_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id),
    CONSTRAINT corrective_actions_alert_fkey FOREIGN KEY (org_id, alert_id) REFERENCES alerts (org_id, id),
    CONSTRAINT corrective_actions_log_fkey FOREIGN KEY (org_id, manual_log_id) REFERENCES manual_logs (org_id, id)
) {strict};

CREATE INDEX corrective_actions_org_idx ON corrective_actions (org_id, taken_at, id);
CREATE INDEX corrective_actions_unit_idx ON corrective_actions (unit_id, taken_at, id);
CREATE INDEX corrective_actions_log_idx ON corrective_actions (manual_log_id) WHERE manual_log_id IS NOT NULL;
CREATE INDEX corrective_actions_alert_idx ON corrective_actions (alert_id) WHERE alert_id IS NOT NULL;

CREATE TABLE maintenance_windows (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    site_id {uuid} NOT NULL,
    -- NULL: every unit of the site
    unit_id {uuid},
    -- set for a snooze, which keeps back what is told of one alert
    alert_id {uuid},
    kind TEXT NOT NULL,
    starts_at {bigint} NOT NULL,
    ends_at {bigint} NOT NULL,
    reason TEXT NOT NULL,
    -- set once the units were told, of its begin and of its end
    begun_at {bigint},
    ended_at {bigint},
    -- the version that the units were told last
    told_version {bigint},
    created_by {uuid},
    created_at {bigint} NOT NULL,
    updated_at {bigint},
    deleted_at {bigint},
    version {bigint} NOT NULL DEFAULT 1,
    CONSTRAINT maintenance_windows_pkey PRIMARY KEY (id),
    CONSTRAINT maintenance_windows_org_key UNIQUE (org_id, id),
    CONSTRAINT maintenance_windows_site_fkey FOREIGN KEY (org_id, site_id) REFERENCES sites (org_id, id),
    CONSTRAINT maintenance_windows_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id),
    CONSTRAINT maintenance_windows_alert_fkey FOREIGN KEY (org_id, alert_id) REFERENCES alerts (org_id, id),
    CONSTRAINT maintenance_windows_kind_known CHECK (kind IN ('maintenance', 'defrosting', 'commissioning', 'snooze')),
    CONSTRAINT maintenance_windows_forward CHECK (ends_at > starts_at),
    CONSTRAINT maintenance_windows_snooze_whole CHECK ((kind = 'snooze') = (alert_id IS NOT NULL))
) {strict};

CREATE INDEX maintenance_windows_org_idx ON maintenance_windows (org_id, id);
CREATE INDEX maintenance_windows_unit_idx ON maintenance_windows (unit_id) WHERE unit_id IS NOT NULL;
CREATE INDEX maintenance_windows_site_idx ON maintenance_windows (site_id);
CREATE INDEX maintenance_windows_alert_idx ON maintenance_windows (alert_id) WHERE alert_id IS NOT NULL;
CREATE INDEX maintenance_windows_due_idx ON maintenance_windows (starts_at) WHERE ended_at IS NULL AND alert_id IS NULL;

-- units that are to be brought into the mode that their windows have for them, and when
CREATE TABLE unit_chores (
    unit_id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    due_at {bigint} NOT NULL,
    CONSTRAINT unit_chores_pkey PRIMARY KEY (unit_id),
    CONSTRAINT unit_chores_unit_fkey FOREIGN KEY (org_id, unit_id) REFERENCES units (org_id, id)
) {strict};

CREATE INDEX unit_chores_due_idx ON unit_chores (due_at);

-- few alerts are open among many that are over
CREATE INDEX alerts_unresolved_org_idx ON alerts (org_id, id) WHERE resolved_at IS NULL;
",
)];

const DOWN: &[Part] = &[Part::Both(
    "
DROP INDEX alerts_unresolved_org_idx;
DROP TABLE unit_chores;
DROP TABLE maintenance_windows;
DROP TABLE corrective_actions;
DROP TABLE door_events;
DROP TABLE manual_logs;
",
)];
