//! Alert rules and every version they had.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE alert_rules (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    scope TEXT NOT NULL,
    -- the id of the organization, site or unit
    scope_id {uuid} NOT NULL,
    version {bigint} NOT NULL,
    -- a JSON object: each field said, with its number or null
    layer TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    updated_at {bigint} NOT NULL,
    CONSTRAINT alert_rules_pkey PRIMARY KEY (id),
    CONSTRAINT alert_rules_org_key UNIQUE (org_id, id),
    CONSTRAINT alert_rules_scope_key UNIQUE (org_id, scope_id),
    CONSTRAINT alert_rules_org_fkey FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT alert_rules_scope_known CHECK (scope IN ('unit', 'site', 'organization'))
) {strict};

CREATE TABLE alert_rule_versions (
    rule_id {uuid} NOT NULL,
    version {bigint} NOT NULL,
    org_id {uuid} NOT NULL,
    layer TEXT NOT NULL,
    updated_at {bigint} NOT NULL,
    CONSTRAINT alert_rule_versions_pkey PRIMARY KEY (rule_id, version),
    CONSTRAINT alert_rule_versions_rule_fkey FOREIGN KEY (org_id, rule_id) REFERENCES alert_rules (org_id, id)
) {strict};
",
)];

const DOWN: &[Part] = &[Part::Both("DROP TABLE alert_rule_versions; DROP TABLE alert_rules;")];
