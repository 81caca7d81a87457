//! What a message says: the facts of the ledger as the texts want them.

use hub_domain::{
    Timestamp,
    notify::{Channel, Round, Stage},
};
use hub_messaging::{
    email::{LinkDeed, LinkKeys},
    sms::ShortCode,
    text::{
        AlertStage, AlertText, Group, GroupItem, Links, Message, Outage, OutageOver, Overflow,
        PhoneCode, Place, Resolved, Scale, SetupBroken, TestAlert, View,
    },
};
use hub_store::notify::{Delivery, Facts, PHONE_CODE_MINUTES, SetupFacts, ToldAlert};
use uuid::Uuid;

use crate::digest;

/// Where people find more.
#[derive(Clone, Debug)]
pub struct Wording {
    /// Where people reach the hub, without a slash at the end.
    pub public_url: String,
    /// What links in mails are signed by.
    pub keys: LinkKeys,
}

impl Wording {
    /// The message of a delivery; `None` where what it is about is gone.
    #[must_use]
    pub fn message(&self, delivery: &Delivery, facts: &Facts, at: Timestamp) -> Option<Message> {
        let organization = facts.organization.clone();
        Some(match delivery.stage {
            Stage::PhoneCode => Message::PhoneCode(PhoneCode {
                secret: delivery.phone_code.clone()?.into(),
                organization,
                minutes: PHONE_CODE_MINUTES,
            }),
            Stage::Test => Message::Test(TestAlert {
                name: delivery.name.clone(),
                organization,
                code: None,
                links: self.links_of(delivery, at),
            }),
            Stage::Due { round, minute } => {
                let alert = facts.alerts.first()?;
                Message::Alert(self.alert(delivery, facts, alert, stage_of(round, minute), at))
            }
            Stage::Resolved => {
                let alert = facts.alerts.first()?;
                Message::Resolved(self.resolved(facts, alert, self.links_of(delivery, at)))
            }
            Stage::Outage => Message::Outage(self.outage(delivery, facts, at)?),
            Stage::OutageOver => Message::OutageOver(self.outage_over(delivery, facts, at)?),
            Stage::Group => Message::Group(self.group(delivery, facts, at)?),
            Stage::Overflow => Message::Overflow(self.overflow(facts, at)),
            Stage::Digest => Message::Digest(digest::message(facts, &self.public_url)?),
            Stage::SetupBroken => {
                Message::SetupBroken(setup_broken(organization, facts.setup.as_ref()?, at))
            }
            Stage::Reply => return None, // its words were known before
        })
    }

    fn links(&self, unsubscribe: Option<String>) -> Links {
        Links {
            acknowledge_url: None,
            view_url: Some(self.public_url.clone()),
            unsubscribe_url: unsubscribe,
        }
    }

    /// Where the reader of a delivery can go. A link that acts is in mails alone, and only where there is something to do.
    fn links_of(&self, delivery: &Delivery, at: Timestamp) -> Links {
        let acts = matches!(
            delivery.stage,
            Stage::Due { .. } | Stage::Outage | Stage::Group | Stage::Test
        ) && delivery.channel == Channel::Email;
        let acknowledge =
            || self.link(LinkDeed::Acknowledge, delivery.intent, &delivery.address, at);
        Links {
            acknowledge_url: acts.then(acknowledge),
            ..self.links(self.unsubscribe_url(delivery, at))
        }
    }

    /// Where one click ends such mails, of those that nobody asked for. A digest was chosen, and a click in one must not end
    /// the mails of alarms.
    #[must_use]
    pub fn unsubscribe_url(&self, delivery: &Delivery, at: Timestamp) -> Option<String> {
        let is_asked_for =
            matches!(delivery.stage, Stage::Test | Stage::PhoneCode | Stage::Reply | Stage::Digest);
        let contact = delivery
            .unsubscribes
            .filter(|_| delivery.channel == Channel::Email && !is_asked_for)?;
        Some(self.link(LinkDeed::Unsubscribe, contact, &delivery.address, at))
    }

    fn link(&self, deed: LinkDeed, id: Uuid, address: &str, at: Timestamp) -> String {
        let page = match deed {
            LinkDeed::Acknowledge => "acknowledge",
            LinkDeed::Unsubscribe => "unsubscribe",
        };
        format!("{}/api/mail/{page}/{}", self.public_url, self.keys.sign(deed, id, address, at))
    }

    fn alert(
        &self,
        delivery: &Delivery,
        facts: &Facts,
        alert: &ToldAlert,
        stage: AlertStage,
        at: Timestamp,
    ) -> AlertText {
        AlertText {
            place: place(facts, alert),
            kind: alert.kind,
            severity: alert.severity,
            stage,
            temperature: alert.peak.or(alert.temperature),
            limit: alert.limit,
            opened_at: alert.opened_at,
            at,
            code: code_of(delivery),
            links: self.links_of(delivery, at),
            view: view(Some(alert)),
        }
    }

    fn resolved(&self, facts: &Facts, alert: &ToldAlert, links: Links) -> Resolved {
        Resolved {
            place: place(facts, alert),
            kind: alert.kind,
            peak: alert.peak,
            opened_at: alert.opened_at,
            resolved_at: alert.resolved_at.unwrap_or(alert.opened_at),
            resolved_by: None,
            links,
            view: view(Some(alert)),
        }
    }

    fn outage(&self, delivery: &Delivery, facts: &Facts, at: Timestamp) -> Option<Outage> {
        let first = facts.alerts.first()?;
        Some(Outage {
            site: where_all_are(facts, first),
            organization: facts.organization.clone(),
            units: facts.alerts.iter().map(|alert| alert.unit.clone()).collect(),
            total: facts.units_there,
            since: first.opened_at,
            at,
            code: code_of(delivery),
            links: self.links_of(delivery, at),
            view: view(Some(first)),
        })
    }

    fn outage_over(&self, delivery: &Delivery, facts: &Facts, at: Timestamp) -> Option<OutageOver> {
        let first = facts.alerts.first()?;
        Some(OutageOver {
            site: where_all_are(facts, first),
            organization: facts.organization.clone(),
            units: facts.alerts.len(),
            since: first.opened_at,
            until: facts.alerts.iter().filter_map(|alert| alert.resolved_at).max().unwrap_or(at),
            links: self.links_of(delivery, at),
            view: view(Some(first)),
        })
    }

    fn group(&self, delivery: &Delivery, facts: &Facts, at: Timestamp) -> Option<Group> {
        let first = facts.alerts.first()?;
        let item = |alert: &ToldAlert| GroupItem {
            unit: alert.unit.clone(),
            site: alert.site.clone(),
            kind: alert.kind,
            temperature: alert.peak.or(alert.temperature),
        };
        Some(Group {
            items: facts.alerts.iter().map(item).collect(),
            organization: facts.organization.clone(),
            since: first.opened_at,
            at,
            code: code_of(delivery),
            links: self.links_of(delivery, at),
            view: view(Some(first)),
        })
    }

    fn overflow(&self, facts: &Facts, at: Timestamp) -> Overflow {
        Overflow {
            organization: facts.organization.clone(),
            limit: hub_domain::notify::Caps::default().sms_per_hour,
            count: u32::try_from(facts.alerts.len()).unwrap_or(u32::MAX),
            until: at.plus_secs(3_600),
            at,
            view_url: Some(self.public_url.clone()),
            view: view(facts.alerts.first()),
        }
    }
}

/// The site of them all; of several, the organization.
fn where_all_are(facts: &Facts, first: &ToldAlert) -> String {
    let is_one = facts.alerts.iter().all(|alert| alert.site_id == first.site_id);
    if is_one { first.site.clone() } else { facts.organization.clone() }
}

/// The number by which its reader answers.
fn code_of(delivery: &Delivery) -> Option<ShortCode> {
    delivery.code.and_then(|code| ShortCode::new(u16::try_from(code).ok()?))
}

fn setup_broken(organization: String, facts: &SetupFacts, at: Timestamp) -> SetupBroken {
    SetupBroken {
        organization,
        channel: match facts.channel {
            Channel::Sms => "SMS",
            Channel::Email => "e-mail",
        },
        code: facts.code.clone(),
        detail: facts.detail.clone(),
        failures: facts.failures,
        since: facts.since,
        at,
        view: view(None),
    }
}

fn place(facts: &Facts, alert: &ToldAlert) -> Place {
    Place {
        unit: alert.unit.clone(),
        area: None,
        site: alert.site.clone(),
        organization: facts.organization.clone(),
    }
}

/// Times are those of the site.
fn view(alert: Option<&ToldAlert>) -> View {
    let zone = alert.and_then(|alert| alert.zone.name().parse().ok()).unwrap_or_default();
    View { scale: Scale::Celsius, zone }
}

const fn stage_of(round: Round, minute: u32) -> AlertStage {
    match (round, minute) {
        (Round::Opened | Round::Critical, 0) => AlertStage::News,
        (Round::Again(_), _) => AlertStage::Again,
        (Round::Opened | Round::Critical, _) => AlertStage::Escalated,
    }
}
