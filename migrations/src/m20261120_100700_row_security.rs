//! The second fence, on PostgreSQL: the hub works as one of two roles that own nothing.
//!
//! `hub_api` answers people. It sees the rows of the one organization that its transaction named in `hub.org_id`, and
//! none where it named none. `hub_writer` works across organizations: the group-commit writer, actors that load, jobs,
//! sign-in. Neither may change or take away what the audit log holds, but for an erasure that was recorded before.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[
    // Roles belong to the whole server, and another database of it may be making them at this moment. From 16 on, who
    // makes a role without being a superuser may administer it and yet not work as it: that is asked and granted apart.
    Part::Postgres(
        "
DO $$
DECLARE
    wanted TEXT;
    is_told_apart CONSTANT BOOLEAN := current_setting('server_version_num')::int >= 160000;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['hub_api', 'hub_writer'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
        IF NOT pg_has_role(current_user, wanted, CASE WHEN is_told_apart THEN 'SET' ELSE 'MEMBER' END) THEN
            EXECUTE format('GRANT %I TO %I', wanted, current_user)
                || CASE WHEN is_told_apart THEN ' WITH SET TRUE' ELSE '' END;
        END IF;
    END LOOP;
END
$$;
",
    ),
    Part::Postgres(
        "
DO $$
DECLARE
    it RECORD;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO hub_api, hub_writer', current_schema());
    FOR it IN
        SELECT tables.relname AS name,
            EXISTS (SELECT 1 FROM pg_attribute
                WHERE attrelid = tables.oid AND attname = 'org_id' AND NOT attisdropped) AS is_tenants
        FROM pg_class AS tables
        WHERE tables.relnamespace = current_schema()::regnamespace AND tables.relkind IN ('r', 'p')
            AND NOT tables.relispartition AND tables.relname <> 'seaql_migrations'
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO hub_writer', it.name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', it.name);
        EXECUTE format('CREATE POLICY hub_writer ON %I TO hub_writer USING (TRUE) WITH CHECK (TRUE)', it.name);
        IF it.is_tenants THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO hub_api', it.name);
            EXECUTE format(
                'CREATE POLICY hub_api ON %I TO hub_api
                    USING (org_id = NULLIF(current_setting(''hub.org_id'', TRUE), '''')::uuid)
                    WITH CHECK (org_id = NULLIF(current_setting(''hub.org_id'', TRUE), '''')::uuid)',
                it.name
            );
        END IF;
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE ON organizations TO hub_api;
CREATE POLICY hub_api ON organizations TO hub_api
    USING (id = NULLIF(current_setting('hub.org_id', TRUE), '')::uuid)
    WITH CHECK (id = NULLIF(current_setting('hub.org_id', TRUE), '')::uuid);

-- of people, the names and addresses of those in the organization
GRANT SELECT (id, email, name, created_at, email_verified_at) ON users TO hub_api;
CREATE POLICY hub_api ON users FOR SELECT TO hub_api
    USING (EXISTS (SELECT 1 FROM memberships WHERE memberships.user_id = users.id));

REVOKE UPDATE, DELETE ON audit_log FROM hub_api, hub_writer;
REVOKE INSERT, UPDATE, DELETE ON erasures FROM hub_api;
",
    ),
];

const DOWN: &[Part] = &[Part::Postgres(
    "
DO $$
DECLARE
    it RECORD;
BEGIN
    FOR it IN SELECT schemaname, tablename, policyname FROM pg_policies
        WHERE schemaname = current_schema() AND policyname IN ('hub_api', 'hub_writer')
    LOOP
        EXECUTE format('DROP POLICY %I ON %I', it.policyname, it.tablename);
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', it.tablename);
    END LOOP;
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM hub_api, hub_writer', current_schema());
    EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM hub_api, hub_writer', current_schema());
END
$$;
",
)];
