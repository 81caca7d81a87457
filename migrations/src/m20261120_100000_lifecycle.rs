//! What may be edited has a version; what may be taken away and brought back says when it was.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
ALTER TABLE organizations ADD COLUMN version {bigint} NOT NULL DEFAULT 1;
ALTER TABLE organizations ADD COLUMN updated_at {bigint};
ALTER TABLE organizations ADD COLUMN deleted_at {bigint};
ALTER TABLE memberships ADD COLUMN version {bigint} NOT NULL DEFAULT 1;
ALTER TABLE memberships ADD COLUMN updated_at {bigint};
ALTER TABLE sites ADD COLUMN version {bigint} NOT NULL DEFAULT 1;
ALTER TABLE sites ADD COLUMN updated_at {bigint};
ALTER TABLE sites ADD COLUMN requires_corrective_action {bool} NOT NULL DEFAULT {false};
ALTER TABLE areas ADD COLUMN version {bigint} NOT NULL DEFAULT 1;
ALTER TABLE areas ADD COLUMN updated_at {bigint};
ALTER TABLE units ADD COLUMN version {bigint} NOT NULL DEFAULT 1;
ALTER TABLE units ADD COLUMN updated_at {bigint};
-- set as its purge begins, which goes on until nothing of it is left
ALTER TABLE units ADD COLUMN purge_requested_at {bigint};
ALTER TABLE devices ADD COLUMN version {bigint} NOT NULL DEFAULT 1;
ALTER TABLE devices ADD COLUMN updated_at {bigint};
ALTER TABLE api_keys ADD COLUMN version {bigint} NOT NULL DEFAULT 1;
ALTER TABLE api_keys ADD COLUMN updated_at {bigint};
ALTER TABLE ttn_connections ADD COLUMN version {bigint} NOT NULL DEFAULT 1;
ALTER TABLE ttn_connections ADD COLUMN updated_at {bigint};
ALTER TABLE alert_rules ADD COLUMN deleted_at {bigint};
-- what was done, and by whom, as the audit log has it
ALTER TABLE alert_rule_versions ADD COLUMN action TEXT NOT NULL DEFAULT 'updated';
ALTER TABLE alert_rule_versions ADD COLUMN actor_kind TEXT NOT NULL DEFAULT 'hub';
ALTER TABLE alert_rule_versions ADD COLUMN actor_id {uuid};
-- the secret before the present one, which is taken for a while so that senders can be changed one by one
ALTER TABLE api_keys ADD COLUMN previous_hash {bytes};
ALTER TABLE api_keys ADD COLUMN previous_until {bigint};
ALTER TABLE ttn_connections ADD COLUMN previous_hash {bytes};
ALTER TABLE ttn_connections ADD COLUMN previous_until {bigint};

-- lists go by organization and id
CREATE INDEX units_org_idx ON units (org_id, id);
CREATE INDEX devices_org_idx ON devices (org_id, id);
CREATE INDEX alerts_org_idx ON alerts (org_id, id);
CREATE INDEX alerts_site_idx ON alerts (site_id, id);
CREATE INDEX uplinks_eui_idx ON uplinks (org_id, dev_eui, id);
",
)];

const DOWN: &[Part] = &[Part::Both(
    "
DROP INDEX uplinks_eui_idx;
DROP INDEX alerts_site_idx;
DROP INDEX alerts_org_idx;
DROP INDEX devices_org_idx;
DROP INDEX units_org_idx;
ALTER TABLE ttn_connections DROP COLUMN previous_until;
ALTER TABLE ttn_connections DROP COLUMN previous_hash;
ALTER TABLE api_keys DROP COLUMN previous_until;
ALTER TABLE api_keys DROP COLUMN previous_hash;
ALTER TABLE alert_rule_versions DROP COLUMN actor_id;
ALTER TABLE alert_rule_versions DROP COLUMN actor_kind;
ALTER TABLE alert_rule_versions DROP COLUMN action;
ALTER TABLE alert_rules DROP COLUMN deleted_at;
ALTER TABLE ttn_connections DROP COLUMN updated_at;
ALTER TABLE ttn_connections DROP COLUMN version;
ALTER TABLE api_keys DROP COLUMN updated_at;
ALTER TABLE api_keys DROP COLUMN version;
ALTER TABLE devices DROP COLUMN updated_at;
ALTER TABLE devices DROP COLUMN version;
ALTER TABLE units DROP COLUMN purge_requested_at;
ALTER TABLE units DROP COLUMN updated_at;
ALTER TABLE units DROP COLUMN version;
ALTER TABLE areas DROP COLUMN updated_at;
ALTER TABLE areas DROP COLUMN version;
ALTER TABLE sites DROP COLUMN requires_corrective_action;
ALTER TABLE sites DROP COLUMN updated_at;
ALTER TABLE sites DROP COLUMN version;
ALTER TABLE memberships DROP COLUMN updated_at;
ALTER TABLE memberships DROP COLUMN version;
ALTER TABLE organizations DROP COLUMN deleted_at;
ALTER TABLE organizations DROP COLUMN updated_at;
ALTER TABLE organizations DROP COLUMN version;
",
)];
