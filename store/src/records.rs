//! The records of the store as its callers see them: typed ids, whole milliseconds, no database types.

mod accounts;
mod alerts;
mod audit;
mod billing;
mod contacts;
mod digests;
mod extracts;
mod history;
mod load;
mod radio;
mod readings;
mod recorded;
mod rules;
mod sensors;
mod tenancy;
mod tree;

pub use accounts::{
    Account, Impersonation, Joiner, LinkPurpose, NewImpersonation, NewTenant, OpenInvitation,
    Presence, Renewal, Secret, Standing, Subject, Totp,
};
pub use alerts::{AlertEventRecord, AlertFilter, AlertRecord};
pub use audit::{Actor, AuditEntry, AuditFilter};
pub use billing::{
    BillingAccount, Counted, DueUsage, NewWebhookEvent, NewestSubscription, UsageKey, WebhookEvent,
    WebhookKinds,
};
pub use contacts::{Contact, EffectivePolicy, NotificationPolicy};
pub use digests::{
    CountedDigest, DigestPlan, DigestSubscription, OpenDigest, SiteDigest, ToldDigest, UnitDigest,
};
pub use extracts::{ExtractFilter, PlaceNames};
pub use history::StatusInterval;
pub use hub_domain::{
    Role,
    notify::{Channel, Plan, QuietHours, QuietRule, Repeat, Step, Terms},
};
pub use load::{LoadedSite, LoadedUnit};
pub use radio::{KeptUplink, Settled, TtnConnection, UnclaimedDevice, Uplink};
pub use readings::{Bucket, ReadingFilter, Series};
pub use recorded::{
    AlertAside, CorrectiveAction, DoorChange, DoorEvent, MaintenanceWindow, ManualLog,
    RecordFilter, WindowFilter, WindowKind,
};
pub use rules::{AlertRule, RuleVersion};
pub use sensors::{
    Assignment, AssignmentRecord, Calibration, CalibrationEdit, DeviceChore, DeviceDuties,
    DeviceEdit, DeviceFilter, Gateway, GatewayEdit, NewCalibration, NewGateway, Sensor, UnitChore,
    UnitDuty,
};
pub use tenancy::{
    Erasure, InspectorLink, Invitation, InvitationFilter, InvitationState, Member,
    NewInspectorLink, NewInvitation,
};

use hub_domain::{AreaId, DeviceId, KeyId, OrgId, Reading, SiteId, Timestamp, UnitId, UserId};

pub use tree::{EditedUnit, SiteEdit, UnitEdit, UnitFilter};

/// How an object was edited since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Rises with each edit, from 1.
    pub version: i64,
    /// The last edit.
    pub updated_at: Option<Timestamp>,
    /// Since when it is taken away.
    pub deleted_at: Option<Timestamp>,
}

impl Default for Edition {
    /// One that was just made.
    fn default() -> Self {
        Self { version: 1, updated_at: None, deleted_at: None }
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}

/// A person who may sign in.
#[derive(Clone, PartialEq, Eq)]
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

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
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
    /// Whether an alert is resolved by hand only with a corrective action.
    pub requires_corrective_action: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
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
    /// How it was edited.
    pub edition: Edition,
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
    /// How it was edited.
    pub edition: Edition,
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
    /// How it was edited.
    pub edition: Edition,
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
    /// The secret before, while it is still taken.
    pub previous: Option<PreviousSecret>,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// About when it was last used; kept in whole minutes, so that using it writes no hot row.
    pub last_used_at: Option<Timestamp>,
    /// Rises with each edit, from 1.
    pub version: i64,
    /// The last edit.
    pub updated_at: Option<Timestamp>,
}

/// A secret that another has taken the place of, and that is taken for a while yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// From then on it is refused.
    pub until: Timestamp,
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

/// Whether things are there or taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Life {
    /// They are there.
    #[default]
    Present,
    /// They were taken away and can be brought back.
    Deleted,
}

/// Which page is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// At most so many items, 1 to 200.
    pub limit: u16,
    /// [`Page::next`] of the page before.
    pub cursor: Option<String>,
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
    /// How many keys of requests were forgotten.
    pub keys_forgotten: u64,
    /// How many tokens of sessions were forgotten.
    pub tokens_forgotten: u64,
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
