//! Who did what. Rows are added and never changed.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        "
CREATE TABLE audit_log (
    id {uuid} NOT NULL,
    org_id {uuid} NOT NULL,
    at {bigint} NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id {uuid},
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id {uuid} NOT NULL,
    -- a JSON object
    detail TEXT NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (id),
    CONSTRAINT audit_log_actor_known CHECK (actor_kind IN ('user', 'key', 'hub')),
    CONSTRAINT audit_log_actor_whole CHECK ((actor_kind = 'hub') = (actor_id IS NULL))
) {strict};

CREATE INDEX audit_log_org_idx ON audit_log (org_id, id);
",
    ),
    Part::Postgres(
        "
CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only';
END
$$;

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();
",
    ),
    Part::Sqlite(
        "
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
",
    ),
];

const DOWN: &[Part] =
    &[Part::Both("DROP TABLE audit_log;"), Part::Postgres("DROP FUNCTION audit_log_refuse();")];
