//! The hubs that share a PostgreSQL: who is there, and which sites were taken over. All of it by the database's clock, as
//! theirs may differ.

use std::fmt;

use hub_domain::{NodeId, SiteId, Timestamp};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseBackend, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Statement,
    sea_query::{Expr, ExprTrait as _},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{hub_node, site_owner},
    open::{Backend, ask_database},
    sql::{Pools, Sql},
};

/// A node that has said nothing for so long, in milliseconds, counts no more: what is due at its sites is to be seen to within
/// 5 s of its end.
pub const SILENT_MILLIS: i64 = 3_000;

/// What is that old is taken away, in milliseconds: an hour.
const FORGOTTEN_MILLIS: i64 = 3_600_000;

/// So long before the last look a takeover may have been begun that was not committed then, in milliseconds.
const OVERLAP_MILLIS: i64 = 5_000;

/// Says that a node is there; gives when that was.
const BEAT: &str = "
INSERT INTO hub_nodes (id, place, address, secret, version, seen_at)
VALUES ($1, $2, $3, $4, $5, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at
RETURNING seen_at";

/// A hub as it says that it is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    /// This process.
    pub id: NodeId,
    /// Its machine and the address that it listens on. Who comes to the same place comes in the stead of who was there.
    pub place: String,
    /// Where other nodes reach it: `http://HOST:PORT`; `None` if they cannot.
    pub address: Option<String>,
    /// What they show it.
    pub secret: String,
    /// Its version.
    pub version: String,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, place, address, version, secret: _ } = self;
        let mut shown = f.debug_struct("Node");
        shown.field("id", id).field("place", place).field("address", address);
        shown.field("version", version).finish_non_exhaustive()
    }
}

/// What a node sees as it looks around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Around {
    /// The nodes that are there, itself among them, by their ids.
    pub nodes: Vec<Node>,
    /// The sites that anybody has taken over since the look before, with the epochs under which they are held.
    pub claims: Vec<(SiteId, i64)>,
    /// When that was, by the clock of all: what the next look is told.
    pub at: Timestamp,
}

impl Store {
    /// Says that a node is there, and looks around: since when it last did, or for the first time. What one process has
    /// alone, SQLite and memory, nobody else is at.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn look_around(
        &self,
        node: &Node,
        since: Option<Timestamp>,
    ) -> Result<Around, StoreError> {
        if !self.is_shared() {
            return Ok(Around { nodes: vec![node.clone()], claims: Vec::new(), at: self.now() });
        }
        ask_database!(self, look_around(node, since))
    }

    /// Says that a node is leaving: from now on the others look after what was its.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        ask_database!(self, leave(node))
    }

    /// Whether several hubs may work on it at once.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.backend(), Backend::Sql(sql) if matches!(sql.pools, Pools::Postgres { .. }))
    }
}

impl Sql {
    pub(crate) async fn look_around(
        &self,
        node: &Node,
        since: Option<Timestamp>,
    ) -> Result<Around, StoreError> {
        let now = self.beat_of(node, since.is_none()).await?;
        let there = hub_node::Entity::find();
        let there = there.filter(hub_node::Column::SeenAt.gt(now - SILENT_MILLIS));
        let nodes = there.order_by_asc(hub_node::Column::Id).all(&self.db).await?;
        let claims = match since {
            Some(since) => self.claims_since(since.as_millis() - OVERLAP_MILLIS).await?,
            None => Vec::new(),
        };
        let nodes = nodes.into_iter().map(Node::from).collect();
        Ok(Around { nodes, claims, at: Timestamp::from_millis(now) })
    }

    /// Says that a node is there. As it comes, it takes the stead of who was at its place.
    async fn beat_of(&self, node: &Node, is_coming: bool) -> Result<i64, StoreError> {
        let Node { id, place, address, secret, version } = node.clone();
        let values = [id.0.into(), place.into(), address.into(), secret.into(), version.into()];
        let beat = Statement::from_sql_and_values(DatabaseBackend::Postgres, BEAT, values);
        let change = self.begin().await?;
        // said again in a moment: it is not worth a flush of the disk twice a second
        change.execute_unprepared("SET LOCAL synchronous_commit = off").await?;
        let row = change.query_one_raw(beat).await?;
        let row = row.ok_or_else(|| StoreError::Unavailable("nothing was said".to_owned()))?;
        let now = row.try_get_by_index::<i64>(0)?;
        if is_coming {
            let gone = hub_node::Column::Place.eq(node.place.as_str());
            let gone = gone.or(hub_node::Column::SeenAt.lt(now - FORGOTTEN_MILLIS));
            let others = hub_node::Entity::delete_many().filter(hub_node::Column::Id.ne(id.0));
            others.filter(gone).exec(&change).await?;
        }
        change.commit().await?;
        Ok(now)
    }

    async fn claims_since(&self, since: i64) -> Result<Vec<(SiteId, i64)>, StoreError> {
        let claims = site_owner::Entity::find().select_only();
        let claims =
            claims.column(site_owner::Column::SiteId).column(site_owner::Column::OwnerEpoch);
        let claims = claims.filter(site_owner::Column::ClaimedAt.gte(since));
        let claims: Vec<(Uuid, i64)> = claims.into_tuple().all(&self.db).await?;
        Ok(claims.into_iter().map(|(site, epoch)| (SiteId(site), epoch)).collect())
    }

    pub(crate) async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        let change = self.begin().await?;
        hub_node::Entity::delete_by_id(node.0).exec(&change).await?;
        Ok(change.commit().await?)
    }

    /// When a site is taken over: by the clock of all, or never where there is one process alone.
    pub(crate) fn claimed_now(&self) -> Expr {
        match self.pools {
            Pools::Postgres { .. } => {
                Expr::cust("floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            }
            Pools::Sqlite { .. } => Expr::val(0),
        }
    }
}

impl From<hub_node::Model> for Node {
    fn from(row: hub_node::Model) -> Self {
        let hub_node::Model { id, place, address, secret, version, seen_at: _ } = row;
        Self { id: NodeId(id), place, address, secret, version }
    }
}
