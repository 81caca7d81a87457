//! The audit log says what was before and after and why; an organization that asks for it is erased, its log too.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    Part::Both(
        "
ALTER TABLE audit_log ADD COLUMN reason TEXT;
-- JSON objects: the object before and after
ALTER TABLE audit_log ADD COLUMN old_value TEXT;
ALTER TABLE audit_log ADD COLUMN new_value TEXT;
-- set where an operator of the platform did it
ALTER TABLE audit_log ADD COLUMN impersonation_id {uuid};

CREATE INDEX audit_log_object_idx ON audit_log (org_id, object_id, id);
CREATE INDEX audit_log_actor_idx ON audit_log (org_id, actor_id, id);
CREATE INDEX audit_log_action_idx ON audit_log (org_id, action, id);
CREATE INDEX audit_log_kind_idx ON audit_log (org_id, object_kind, id);

-- outlives what it speaks of: who had an organization erased, and when
CREATE TABLE erasures (
    org_id {uuid} NOT NULL,
    requested_by {uuid},
    requested_at {bigint} NOT NULL,
    done_at {bigint},
    CONSTRAINT erasures_pkey PRIMARY KEY (org_id)
) {strict};
",
    ),
    Part::Postgres(
        "
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();

CREATE FUNCTION audit_log_erase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM erasures WHERE erasures.org_id = OLD.org_id AND erasures.done_at IS NULL) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_log is append-only';
END
$$;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_erase();
",
    ),
    Part::Sqlite(
        "
DROP TRIGGER audit_log_no_delete;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
WHEN NOT EXISTS (SELECT 1 FROM erasures WHERE erasures.org_id = OLD.org_id AND erasures.done_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;

-- INSERT OR REPLACE takes a row away without asking the trigger above
CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id OR rowid = NEW.rowid)
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
",
    ),
];

const DOWN: &[Part] = &[
    Part::Sqlite(
        "
DROP TRIGGER audit_log_no_replace;
DROP TRIGGER audit_log_no_delete;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
",
    ),
    Part::Postgres(
        "
DROP TRIGGER audit_log_no_delete ON audit_log;
DROP FUNCTION audit_log_erase();
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();
",
    ),
    Part::Both(
        "
DROP TABLE erasures;
DROP INDEX audit_log_kind_idx;
DROP INDEX audit_log_action_idx;
DROP INDEX audit_log_actor_idx;
DROP INDEX audit_log_object_idx;
ALTER TABLE audit_log DROP COLUMN impersonation_id;
ALTER TABLE audit_log DROP COLUMN new_value;
ALTER TABLE audit_log DROP COLUMN old_value;
ALTER TABLE audit_log DROP COLUMN reason;
",
    ),
];
