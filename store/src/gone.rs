//! What a purge takes with the object itself: statements about what belongs to it, and what the audit log is told of them.

use std::collections::BTreeMap;

use hub_domain::OrgId;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, Statement,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    StoreError,
    entity::{alert_rule, notification_policy},
    kept::written,
    scope::{within, within_text},
};

/// What went with an object. Of a purge that goes on after it was broken off, what went since.
#[derive(Default)]
pub(crate) struct Gone {
    rows: BTreeMap<&'static str, u64>,
    rules: Vec<Value>,
    policies: Vec<Value>,
}

impl Gone {
    /// Counts what a statement took away.
    pub(crate) fn count(&mut self, sql: &'static str, rows: u64) {
        let mut words = sql.split_ascii_whitespace();
        if let (Some("DELETE"), Some("FROM"), Some(table)) =
            (words.next(), words.next(), words.next())
            && rows > 0
        {
            *self.rows.entry(table).or_default() += rows;
        }
    }

    /// Keeps what was said for the object: its rules and policies, which are few, and no log of their own has.
    pub(crate) async fn keep_rules(
        &mut self,
        change: &DatabaseTransaction,
        org: OrgId,
        id: Uuid,
    ) -> Result<(), StoreError> {
        use alert_rule::Column as Rule;
        use notification_policy::Column as Policy;
        let rules = alert_rule::Entity::find().filter(within(Rule::OrgId, org));
        let rules = rules.filter(Rule::ScopeId.eq(id)).order_by_asc(Rule::Id);
        let policies = notification_policy::Entity::find().filter(within(Policy::OrgId, org));
        let policies = policies.filter(Policy::ScopeId.eq(id)).order_by_asc(Policy::Id);
        self.rules = rules.all(change).await?.iter().map(written).collect::<Result<_, _>>()?;
        self.policies =
            policies.all(change).await?.iter().map(written).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// As the audit log's `detail` has it: how many rows of each table, and the rules and policies themselves.
    pub(crate) fn told(self) -> Value {
        let Self { rows, rules, policies } = self;
        json!({ "removed": rows, "rules": rules, "policies": policies })
    }
}

/// Says one statement about what belongs to an object of an organization; gives how many rows it was for. It says
/// `org_id = $1` of each table that it names.
pub(crate) async fn sweep(
    change: &DatabaseTransaction,
    sql: &str,
    org: OrgId,
    id: Uuid,
) -> Result<u64, StoreError> {
    let sql = sql.replace("org_id = $1", within_text());
    let backend = change.get_database_backend();
    let said = Statement::from_sql_and_values(backend, sql, [org.0.into(), id.into()]);
    let done = change.execute_raw(said).await.map_err(crate::error::in_use)?;
    Ok(done.rows_affected())
}
