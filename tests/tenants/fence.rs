//! The second fence: PostgreSQL itself shows the hub's role the rows of one organization, or none.

use hub_testkit::rows::Rows;

use crate::world::World;

/// What is found to be seen or written past the fence, asked directly as the hub's role.
pub(crate) async fn findings(world: &World, rows: &Rows) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let tables = rows.tenant_tables().await?;
    assert!(tables.len() > 15, "{tables:?}");
    let mut owned = Vec::new();
    for table in &tables {
        let count =
            format!("SELECT count(*)::text FROM {table} WHERE org_id = '{}'", world.ours.org);
        owned.push(one(rows, &count).await?);
    }
    let parts = "SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'r'
        AND has_table_privilege('hub_api', oid, 'SELECT, INSERT, UPDATE, DELETE')";
    findings.extend(rows.texts(parts).await?.into_iter().map(|part| format!("{part} is open")));
    findings.extend(catalog(rows).await?);
    rows.run("SET ROLE hub_api").await?;
    for table in &tables {
        let seen = one(rows, &format!("SELECT count(*)::text FROM {table}")).await?;
        if seen != "0" {
            findings.push(format!("{table}: {seen} rows without an organization"));
        }
    }
    if rows.run(&site_of(&world.ours.org)).await.is_ok() {
        findings.push("a site was made without an organization".to_owned());
    }
    rows.run(&format!("SET hub.org_id = '{}'", world.ours.org)).await?;
    for (table, owned) in tables.iter().zip(&owned) {
        let seen = one(rows, &format!("SELECT count(*)::text FROM {table}")).await?;
        if seen != *owned {
            findings.push(format!("{table}: {seen} rows are seen of our {owned}"));
        }
    }
    if rows.run(&site_of(&world.theirs.org)).await.is_ok() {
        findings.push("a site was made for them".to_owned());
    }
    findings.extend(moved(world, rows, &tables).await?);
    let moved = format!("UPDATE sites SET org_id = '{}'", world.theirs.org);
    for refused in
        [&moved, "UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
    {
        if rows.run(refused).await.is_ok() {
            findings.push(format!("taken: {refused}"));
        }
    }
    let seen = one(rows, "SELECT count(*)::text FROM organizations").await?;
    if seen != "1" {
        findings.push(format!("{seen} organizations are seen"));
    }
    rows.run("RESET hub.org_id; RESET ROLE").await?;
    Ok(findings)
}

/// Tables that are none of the business of who answers people: no row of them belongs to an organization.
const OF_ACCOUNTS: [&str; 8] = [
    "refresh_tokens",
    "account_links",
    "account_mails",
    "recovery_codes",
    "operators",
    "signing_keys",
    "hub_presence",
    "hub_nodes",
];

/// What the catalog is asked: what is wrong with each thing that it finds.
const QUESTIONS: [(&str, &str); 6] = [
        (
            "is more than a role",
            "SELECT rolname::text FROM pg_roles WHERE rolname IN ('hub_api', 'hub_writer')
                AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin)",
        ),
        (
            "is owned by one of the two",
            "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
                WHERE refobjid IN (SELECT oid FROM pg_roles WHERE rolname IN ('hub_api', 'hub_writer'))
                    AND deptype = 'o' AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))",
        ),
        (
            "is a member of another role",
            "SELECT member::regrole::text || ' of ' || roleid::regrole::text FROM pg_auth_members
                WHERE member IN (SELECT oid FROM pg_roles WHERE rolname IN ('hub_api', 'hub_writer'))",
        ),
        (
            "has no row-level security",
            "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace
                AND relkind IN ('r', 'p') AND NOT relispartition AND NOT relrowsecurity
                AND relname <> 'seaql_migrations'",
        ),
        (
            "is a foreign key between tenants' tables that does not hold the organization",
            "SELECT conrelid::regclass::text || '.' || conname FROM pg_constraint
                WHERE contype = 'f' AND conparentid = 0
                    AND EXISTS (SELECT 1 FROM pg_attribute
                        WHERE attrelid = conrelid AND attname = 'org_id' AND NOT attisdropped)
                    AND EXISTS (SELECT 1 FROM pg_attribute
                        WHERE attrelid = confrelid AND attname = 'org_id' AND NOT attisdropped)
                    AND NOT EXISTS (SELECT 1 FROM unnest(conkey, confkey) AS pair (own, other)
                        JOIN pg_attribute AS a ON a.attrelid = conrelid AND a.attnum = own
                        JOIN pg_attribute AS b ON b.attrelid = confrelid AND b.attnum = other
                        WHERE a.attname = 'org_id' AND b.attname = 'org_id')",
        ),
        (
            "is a policy of hub_api that does not compare the organization both ways",
            "SELECT tablename || '.' || policyname FROM pg_policies
                WHERE schemaname = current_schema() AND policyname = 'hub_api' AND tablename <> 'users'
                    AND NOT (qual LIKE '%hub.org_id%' AND with_check LIKE '%hub.org_id%')",
        ),
    ];

/// What the database's own catalog says of the fence: a line for each thing that is not as it should be.
async fn catalog(rows: &Rows) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for (what, question) in QUESTIONS {
        findings.extend(rows.texts(question).await?.into_iter().map(|of| format!("{of} {what}")));
    }
    findings.extend(rights(rows).await?);
    Ok(findings)
}

/// What hub_api may do that is none of its business.
async fn rights(rows: &Rows) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let known = rows.texts("SELECT relname::text FROM pg_class WHERE relkind = 'r'").await?;
    for table in OF_ACCOUNTS {
        if !known.iter().any(|name| name == table) {
            findings.push(format!("{table} is no table any more"));
        }
        for may in ["SELECT", "INSERT", "UPDATE", "DELETE"] {
            let asked = format!("SELECT has_table_privilege('hub_api', '{table}', '{may}')::text");
            if one(rows, &asked).await? == "true" {
                findings.push(format!("hub_api may {may} {table}"));
            }
        }
    }
    let secret = "SELECT has_column_privilege('hub_api', 'users', 'password_hash', 'SELECT')::text";
    if one(rows, secret).await? == "true" {
        findings.push("hub_api may read passwords".to_owned());
    }
    Ok(findings)
}

/// Tables of which a row of ours was given away to them: every table is tried, as the hub's role, with our organization
/// named. Where there is no row of ours, nothing was tried, and that is told too.
async fn moved(world: &World, rows: &Rows, tables: &[String]) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for table in tables {
        let seen = one(rows, &format!("SELECT count(*)::text FROM {table}")).await?;
        let give = format!("UPDATE {table} SET org_id = '{}'", world.theirs.org);
        let told = rows.run(&give).await.err().map(|error| format!("{error:#}"));
        let is_refused = told.as_ref().is_some_and(|told| {
            told.contains("row-level security") || told.contains("permission denied")
        });
        match (seen.as_str(), is_refused) {
            (_, true) => {}
            ("0", false) if EMPTY.contains(&table.as_str()) => {}
            (seen, false) => findings.push(format!("{table}, {seen} rows, given away: {told:?}")),
        }
    }
    Ok(findings)
}

/// Tables of which the suite's organizations may have no row: what is for a moment, an operator's, about an end, of
/// billing, or of messages, which this hub is not set up to send.
const EMPTY: [&str; 13] = [
    "device_chores",
    "unit_chores",
    "impersonations",
    "erasures",
    "site_owners",
    "subscriptions",
    "usage_ledger",
    "webhook_events",
    "notification_intents",
    "delivery_attempts",
    "organization_plans",
    "reply_codes",
    "digests",
];

fn site_of(org: &str) -> String {
    format!(
        "INSERT INTO sites (id, org_id, name, timezone, created_at) VALUES ('{}', '{org}', 'x', 'UTC', 0)",
        uuid::Uuid::now_v7()
    )
}

async fn one(rows: &Rows, sql: &str) -> anyhow::Result<String> {
    let found = rows.texts(sql).await?;
    found.into_iter().next().ok_or_else(|| anyhow::anyhow!("{sql} finds nothing"))
}
