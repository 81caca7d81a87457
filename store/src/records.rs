//! The records of the store as its callers see them: typed ids, whole milliseconds, no database types.

mod load;
mod radio;

pub use load::{LoadedSite, LoadedUnit};
pub use radio::{KeptUplink, TtnConnection, UnclaimedDevice, Uplink};

use hub_domain::{
    AlertEventKind, AlertId, AlertKind, AlertStatus, AreaId, DeviceId, KeyId, Layer, MilliCelsius,
    OrgId, Reading, RuleId, RuleLayer, Severity, SiteId, Timestamp, UnitId, UserId,
};
use uuid::Uuid;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Lower-cased address, unique.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// The argon2id hash in PHC form, where they sign in here.
    pub password_hash: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// What a person may do in an organization, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads by a link that ends.
    Inspector,
    /// Reads everything.
    Viewer,
    /// Logs by hand and acknowledges.
    Staff,
    /// Edits units and limits, resolves.
    Manager,
    /// Edits the tree, devices, rules, keys, members.
    Admin,
    /// Everything.
    Owner,
}

impl Role {
    /// Every role, least first.
    pub const ALL: [Self; 6] =
        [Self::Inspector, Self::Viewer, Self::Staff, Self::Manager, Self::Admin, Self::Owner];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inspector => "inspector",
            Self::Viewer => "viewer",
            Self::Staff => "staff",
            Self::Manager => "manager",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A person's place in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub organization: Organization,
    /// The person.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
}

/// A place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Its tenant.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// Its IANA time zone.
    pub timezone: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A part of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its id.
    pub id: AreaId,
    /// Its tenant.
    pub org: OrgId,
    /// Its site.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A watched cooler, freezer or room, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitRecord {
    /// Its id.
    pub id: UnitId,
    /// Its tenant.
    pub org: OrgId,
    /// Its site.
    pub site: SiteId,
    /// Its part of the site.
    pub area: Option<AreaId>,
    /// Its name.
    pub name: String,
    /// The id of its type's preset.
    pub preset: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id: the source of its readings.
    pub id: DeviceId,
    /// Its tenant.
    pub org: OrgId,
    /// The unit it measures.
    pub unit: Option<UnitId>,
    /// Its name.
    pub name: String,
    /// Its radio identity, 16 upper-case hex digits.
    pub dev_eui: Option<String>,
    /// Its model, e.g. `dragino/lht65`.
    pub model: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A key for ingest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public half.
    pub id: KeyId,
    /// Its tenant.
    pub org: OrgId,
    /// The only site it may write to, if it is bound to one.
    pub site: Option<SiteId>,
    /// What it is called.
    pub name: String,
    /// SHA-256 of the secret half.
    pub secret_hash: [u8; 32],
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// About when it was last used; kept in whole minutes, so that using it writes no hot row.
    pub last_used_at: Option<Timestamp>,
}

/// The rule of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRule {
    /// Its id.
    pub id: RuleId,
    /// Its tenant.
    pub org: OrgId,
    /// Organization, site or unit.
    pub scope: RuleLayer,
    /// The id of the organization, site or unit.
    pub scope_id: Uuid,
    /// Rises with each edit.
    pub version: i64,
    /// What it says.
    pub layer: Layer,
    /// Since when.
    pub created_at: Timestamp,
    /// Last edit.
    pub updated_at: Timestamp,
}

/// An alert as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRecord {
    /// Its id.
    pub id: AlertId,
    /// Its tenant.
    pub org: OrgId,
    /// Its site.
    pub site: SiteId,
    /// Its unit.
    pub unit: UnitId,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad.
    pub severity: Severity,
    /// Where it stands.
    pub status: AlertStatus,
    /// When the condition became true.
    pub opened_at: Timestamp,
    /// When it was last confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// When acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// By whom.
    pub acknowledged_by: Option<UserId>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Who resolved it; `None` with `resolved_at` set means by itself.
    pub resolved_by: Option<UserId>,
    /// The temperature that opened it.
    pub temperature: Option<MilliCelsius>,
    /// The limit passed.
    pub limit: Option<MilliCelsius>,
    /// Farthest out.
    pub peak: Option<MilliCelsius>,
    /// The rules that judged its last event.
    pub rule_version: i64,
}

/// One event of an alert as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEventRecord {
    /// Position within the alert's history, from 0.
    pub ordinal: i64,
    /// What happened.
    pub event: AlertEventKind,
    /// When it became true.
    pub at: Timestamp,
    /// When it was written.
    pub written_at: Timestamp,
    /// Severity after it.
    pub severity: Severity,
    /// Who did it.
    pub by: Option<UserId>,
    /// Their words.
    pub note: Option<String>,
    /// Whether the unit's mode kept notifications back.
    pub muted: bool,
}

/// A stored reading with its flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReading {
    /// The reading.
    pub reading: Reading,
    /// True if it came after a newer one of its point and moved nothing.
    pub is_late: bool,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts: `None` at the end. Opaque to callers.
    pub next: Option<String>,
}

/// Which page is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// At most so many items, 1 to 200.
    pub limit: u16,
    /// [`Page::next`] of the page before.
    pub cursor: Option<String>,
}

/// Which alerts are wanted. Fields left out do not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of this unit.
    pub unit: Option<UnitId>,
    /// Of this site.
    pub site: Option<SiteId>,
    /// Of this kind.
    pub kind: Option<AlertKind>,
    /// In one of these states.
    pub statuses: Vec<AlertStatus>,
}

/// A key pair that signs the hub's own tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The key id in token headers.
    pub kid: String,
    /// PKCS#8 of the Ed25519 private key.
    pub pkcs8: Vec<u8>,
    /// Since when.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Who did something, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person.
    User(UserId),
    /// An API key.
    Key(KeyId),
    /// The hub itself, or its command line.
    Hub,
}

/// A sensor to be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewDevice {
    /// Its name.
    pub name: String,
    /// Its radio identity, 16 upper-case hex digits.
    pub dev_eui: Option<String>,
    /// The unit it measures.
    pub unit: Option<UnitId>,
    /// Its model.
    pub model: Option<String>,
}

/// What upkeep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpkeepReport {
    /// The partitions of readings that were made.
    pub partitions_created: Vec<String>,
}

/// How much there is of everything that is worth watching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Organizations.
    pub organizations: u64,
    /// Sites.
    pub sites: u64,
    /// Units.
    pub units: u64,
    /// Devices.
    pub devices: u64,
    /// Alerts that are not resolved.
    pub unresolved_alerts: u64,
    /// Radio frames kept raw.
    pub undecoded_uplinks: u64,
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id; sorts by time.
    pub id: Uuid,
    /// The tenant.
    pub org: OrgId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What, e.g. `site.created`.
    pub action: String,
    /// To what kind of thing.
    pub object_kind: String,
    /// To which.
    pub object_id: Uuid,
    /// More on it, a JSON object.
    pub detail: String,
}
