//! What planning comes to: lines for the ledger, each with an id that follows from what it says.

use std::fmt;

use uuid::Uuid;

use super::{policy::Channel, situation::PersonId};
use crate::{AlertId, OrgId, Timestamp, alert::names, zone::Day};

/// The id of a line of the ledger. It follows from the alert, what is told of it, to whom and how, so that a line that
/// is planned twice is there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentId(pub Uuid);

/// The name space of the ids, itself chosen once by chance.
const SPACE: Uuid = Uuid::from_u128(0x3c1d_5f0e_9a54_4c3b_8e27_61b0_d4a9_72f5);

impl IntentId {
    /// The id of what one alert has to tell.
    #[must_use]
    pub fn of(alert: AlertId, stage: Stage, person: PersonId, channel: Channel) -> Self {
        Self::named(&format!("{alert}|{stage}|{person}|{channel}"))
    }

    /// The id of a message in place of several, the first of which is `first`.
    #[must_use]
    pub fn carrying(first: Self, stage: Stage) -> Self {
        Self::named(&format!("{}|{stage}", first.0))
    }

    /// The id of what a digest tells of a day: each subscription has one of each day at most.
    #[must_use]
    pub fn of_digest(subscription: Uuid, day: Day) -> Self {
        Self::named(&format!("{subscription}|{}|{day}", Stage::Digest))
    }

    /// The id of a message that somebody asked for.
    pub(super) fn asked_for(request: Uuid, person: PersonId, channel: Channel) -> Self {
        Self::named(&format!("{request}|{}|{person}|{channel}", Stage::Test))
    }

    /// The id of a message to an owner that messages cannot be sent, one of a day.
    #[must_use]
    pub fn of_setup(org: OrgId, day: i64, person: PersonId, channel: Channel) -> Self {
        Self::named(&format!("{org}|{}|{day}|{person}|{channel}", Stage::SetupBroken))
    }

    fn named(name: &str) -> Self {
        Self(Uuid::new_v5(&SPACE, name.as_bytes()))
    }
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contact(id) => write!(f, "contact:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

/// What made an escalation begin. The later ones take the place of those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Round {
    /// The alert opened as a warning.
    Opened,
    /// It is critical.
    Critical,
    /// It was acknowledged, and escalated at that instant all the same.
    Again(Timestamp),
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// That the alert is open and nobody has acknowledged it, so many minutes into the round.
    Due {
        /// Of this round.
        round: Round,
        /// By the plan; the clock may say more.
        minute: u32,
    },
    /// That it is over.
    Resolved,
    /// That many units of a site are silent.
    Outage,
    /// That they are heard again.
    OutageOver,
    /// What is left after two SMS in five minutes.
    Group,
    /// That there is more than may be sent.
    Overflow,
    /// That the way works: somebody asked for it.
    Test,
    /// The number by which somebody shows that a phone is theirs.
    PhoneCode,
    /// The answer to what they wrote.
    Reply,
    /// What a day or a week was like.
    Digest,
    /// That a provider refuses for a reason of the hub's own setup.
    SetupBroken,
}

impl fmt::Display for Stage {
    /// The stable text, as in the ledger: `critical+15`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Due { round: Round::Opened, minute } => write!(f, "opened+{minute}"),
            Self::Due { round: Round::Critical, minute } => write!(f, "critical+{minute}"),
            Self::Due { round: Round::Again(at), minute } => {
                write!(f, "again@{}+{minute}", at.as_millis())
            }
            Self::Resolved => f.write_str("resolved"),
            Self::Outage => f.write_str("outage"),
            Self::OutageOver => f.write_str("outage_over"),
            Self::Group => f.write_str("group"),
            Self::Overflow => f.write_str("overflow"),
            Self::Test => f.write_str("test"),
            Self::PhoneCode => f.write_str("phone_code"),
            Self::Reply => f.write_str("reply"),
            Self::Digest => f.write_str("digest"),
            Self::SetupBroken => f.write_str("setup_broken"),
        }
    }
}

impl Stage {
    /// The stage of that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let whole = [
            Self::Resolved,
            Self::Outage,
            Self::OutageOver,
            Self::Group,
            Self::Overflow,
            Self::Test,
            Self::PhoneCode,
            Self::Reply,
            Self::Digest,
            Self::SetupBroken,
        ];
        if let Some(stage) = whole.into_iter().find(|stage| stage.to_string() == text) {
            return Some(stage);
        }
        let (round, minute) = text.split_once('+')?;
        let round = match round.split_once('@') {
            None if round == "opened" => Round::Opened,
            None if round == "critical" => Round::Critical,
            Some(("again", at)) => Round::Again(Timestamp::from_millis(at.parse().ok()?)),
            _ => return None,
        };
        Some(Self::Due { round, minute: minute.parse().ok()? })
    }
}

names! {
    /// Why a line is there, or why it is not sent.
    Reason {
        /// A step of the policy.
        Step = "step",
        /// A repetition of a step.
        Repetition = "repetition",
        /// The steps are done, and nobody acknowledged.
        Owners = "owners",
        /// The other way did not work.
        OtherChannel = "other_channel",
        /// It is over.
        Over = "over",
        /// Many units of a site are silent together.
        Outage = "outage",
        /// More than two SMS in five minutes.
        Group = "group",
        /// More SMS in an hour than the organization may send.
        Overflow = "overflow",
        /// Somebody asked for it.
        Test = "test",
        /// Somebody shows that a phone is theirs.
        PhoneCode = "phone_code",
        /// They wrote first.
        Reply = "reply",
        /// They chose to be told of each day or week.
        Digest = "digest",
        /// There are no units that a digest could be of.
        NoUnits = "no_units",
        /// They want a digest only if there is something to say.
        NothingToSay = "nothing_to_say",
        /// A provider refuses for a reason of the hub's own setup.
        SetupBroken = "setup_broken",
        /// Not so bad as the policy asks for.
        BelowSeverity = "below_severity",
        /// Quiet hours.
        QuietHours = "quiet_hours",
        /// The unit is being worked on.
        Maintenance = "maintenance",
        /// The unit is defrosting.
        Defrosting = "defrosting",
        /// The unit is being set up.
        Commissioning = "commissioning",
        /// Somebody snoozed it.
        Snoozed = "snoozed",
        /// There is no number.
        NoPhone = "no_phone",
        /// There is no address.
        NoEmail = "no_email",
        /// It was not shown to be theirs.
        Unverified = "unverified",
        /// They have not agreed.
        NoConsent = "no_consent",
        /// They said stop.
        OptedOut = "opted_out",
        /// They are not there any more.
        Gone = "gone",
        /// The organization's SMS of this hour are used up.
        SmsCap = "sms_cap",
        /// Somebody acknowledged it first.
        Acknowledged = "acknowledged",
        /// It was over first.
        Resolved = "resolved",
        /// It became critical first, and that is told.
        Overtaken = "overtaken",
    }
}

impl Reason {
    /// True if what is suppressed for it is told once it ends.
    #[must_use]
    pub const fn is_hold(self) -> bool {
        matches!(
            self,
            Self::QuietHours
                | Self::Maintenance
                | Self::Defrosting
                | Self::Commissioning
                | Self::Snoozed
        )
    }
}

/// What each line of the ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its id.
    pub id: IntentId,
    /// Of this alert; `None` for a message of several.
    pub alert: Option<AlertId>,
    /// What is told.
    pub stage: Stage,
    /// To whom.
    pub person: PersonId,
    /// How.
    pub channel: Channel,
    /// By which policy; `None` for the hub's own, and for messages of several.
    pub policy: Option<Uuid>,
    /// Why, as a word.
    pub reason: Reason,
    /// Why, as a sentence for people. It names nobody.
    pub sentence: String,
}

/// A message to be sent. Where the ledger has its line as suppressed, that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// What, to whom and why.
    pub line: Line,
    /// Of a message of several, what it carries when it is planned; more may join it until it is sent.
    pub members: Vec<AlertId>,
    /// When; not before.
    pub send_at: Timestamp,
}

/// A line that another message carries: superseded by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// What, to whom and why.
    pub line: Line,
    /// The message, planned with it or on the ledger before.
    pub by: IntentId,
    /// When that is to be sent.
    pub send_at: Timestamp,
}

/// Somebody who is not told, and the line that says why: suppressed. One that is on the ledger already gets this
/// reason and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// What, to whom and why not.
    pub line: Line,
    /// Until when, if that ends and is known.
    pub until: Option<Timestamp>,
}

/// A line on the ledger, not sent yet, that there is no point in any more: superseded by nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// Which.
    pub id: IntentId,
    /// Why.
    pub reason: Reason,
    /// Why, as a sentence.
    pub sentence: String,
}

/// What planning comes to. An id is in one of the first three at most, and on the ledger only as suppressed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// To be sent.
    pub intents: Vec<Intent>,
    /// Carried by one of those, or by one on the ledger.
    pub carried: Vec<Carried>,
    /// Not told.
    pub untold: Vec<Exclusion>,
    /// Not to be sent any more.
    pub superseded: Vec<Superseded>,
    /// When to look at each alert again, if nothing happens to it; `None` for never.
    pub look_again_at: Vec<(AlertId, Option<Timestamp>)>,
}
