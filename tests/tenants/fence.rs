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
