//! Alerts: of one unit, of several, of a site.

use hub_domain::{AlertKind, MilliCelsius, Severity, Timestamp};
use minijinja::{Value, context};

use super::measure::View;
use super::message::Room;
use crate::sms::ShortCode;

/// Which unit.
#[derive(Clone, Debug)]
pub struct Place {
    /// What it is called.
    pub unit: String,
    /// The part of the site.
    pub area: Option<String>,
    /// The site.
    pub site: String,
    /// The organization.
    pub organization: String,
}

/// Where a reader can go from a mail. Every one is a whole address, made by the hub.
#[derive(Clone, Default)]
pub struct Links {
    /// Acknowledges without a session: signed, for one use, and it ends.
    pub acknowledge_url: Option<String>,
    /// The unit, the site, or the list of alerts on screen.
    pub view_url: Option<String>,
    /// Ends such mails.
    pub unsubscribe_url: Option<String>,
}

/// Why an alert is told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertStage {
    /// It has opened, or become critical.
    News,
    /// Those told before did not take care of it.
    Escalated,
    /// It is told to the same person again.
    Reminder,
    /// It was acknowledged, and lasts all the same.
    Again,
    /// It was kept back, by quiet hours or a snooze, and is still open.
    StillOpen,
}

/// An alert of one unit.
#[derive(Clone)]
pub struct AlertText {
    /// Which unit.
    pub place: Place,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// Why it is told now.
    pub stage: AlertStage,
    /// The temperature to be told: the last, or the worst.
    pub temperature: Option<MilliCelsius>,
    /// The limit that was passed.
    pub limit: Option<MilliCelsius>,
    /// Since when.
    pub opened_at: Timestamp,
    /// When this is written.
    pub at: Timestamp,
    /// What to reply to acknowledge it.
    pub code: Option<ShortCode>,
    /// Where to go from here.
    pub links: Links,
    /// How the reader sees it.
    pub view: View,
}

/// An alert that is over.
#[derive(Clone)]
pub struct Resolved {
    /// Which unit.
    pub place: Place,
    /// What it was about.
    pub kind: AlertKind,
    /// The temperature farthest out.
    pub peak: Option<MilliCelsius>,
    /// From when.
    pub opened_at: Timestamp,
    /// Until when.
    pub resolved_at: Timestamp,
    /// Who resolved it, where a person did.
    pub resolved_by: Option<String>,
    /// Where to go from here.
    pub links: Links,
    /// How the reader sees it.
    pub view: View,
}

/// Several alerts at once.
#[derive(Clone)]
pub struct Group {
    /// All of them; 1 at least.
    pub items: Vec<GroupItem>,
    /// Their organization.
    pub organization: String,
    /// Since when.
    pub since: Timestamp,
    /// When this is written.
    pub at: Timestamp,
    /// What to reply to acknowledge all of them.
    pub code: Option<ShortCode>,
    /// Where to go from here.
    pub links: Links,
    /// How the reader sees it.
    pub view: View,
}

/// One alert of a group.
#[derive(Clone, Debug)]
pub struct GroupItem {
    /// Its unit.
    pub unit: String,
    /// Its site.
    pub site: String,
    /// What it is about.
    pub kind: AlertKind,
    /// The temperature to be told.
    pub temperature: Option<MilliCelsius>,
}

/// Many units of one site fell silent.
#[derive(Clone)]
pub struct Outage {
    /// The site.
    pub site: String,
    /// Its organization.
    pub organization: String,
    /// The units that are silent; 1 at least.
    pub units: Vec<String>,
    /// How many units the site has.
    pub total: usize,
    /// Since when.
    pub since: Timestamp,
    /// When this is written.
    pub at: Timestamp,
    /// What to reply to acknowledge it.
    pub code: Option<ShortCode>,
    /// Where to go from here.
    pub links: Links,
    /// How the reader sees it.
    pub view: View,
}

/// The units of a site are heard again.
#[derive(Clone)]
pub struct OutageOver {
    /// The site.
    pub site: String,
    /// Its organization.
    pub organization: String,
    /// How many units were silent.
    pub units: usize,
    /// From when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Where to go from here.
    pub links: Links,
    /// How the reader sees it.
    pub view: View,
}

impl AlertStage {
    const fn name(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Escalated => "escalated",
            Self::Reminder => "reminder",
            Self::Again => "again",
            Self::StillOpen => "still_open",
        }
    }
}

impl Place {
    fn values(&self, room: Room) -> Value {
        context! {
            unit => room.name(&self.unit),
            area => room.maybe(self.area.as_ref()),
            site => room.name(&self.site),
            organization => room.name(&self.organization),
        }
    }
}

impl Links {
    pub(super) fn values(&self) -> Value {
        context! {
            acknowledge_url => self.acknowledge_url.clone(),
            view_url => self.view_url.clone(),
            unsubscribe_url => self.unsubscribe_url.clone(),
        }
    }
}

pub(super) fn number(code: Option<ShortCode>) -> Option<u16> {
    code.map(ShortCode::number)
}

/// A temperature as the form at hand can write it.
pub(super) fn shown(temperature: Option<MilliCelsius>, view: View, room: Room) -> Option<String> {
    let write = |it| if room.is_sms { view.temperature_plain(it) } else { view.temperature(it) };
    temperature.map(write)
}

impl AlertText {
    pub(super) fn values(&self, room: Room) -> Value {
        context! {
            kind => self.kind.name(),
            severity => self.severity.name(),
            stage => self.stage.name(),
            temperature => shown(self.temperature, self.view, room),
            limit => shown(self.limit, self.view, room),
            since => self.view.time(self.opened_at, self.at),
            since_long => self.view.time_long(self.opened_at),
            code => number(self.code),
            ..context! { ..self.place.values(room), ..self.links.values() }
        }
    }
}

impl Resolved {
    pub(super) fn values(&self, room: Room) -> Value {
        context! {
            kind => self.kind.name(),
            peak => shown(self.peak, self.view, room),
            since => self.view.time(self.opened_at, self.resolved_at),
            since_long => self.view.time_long(self.opened_at),
            until => self.view.time(self.resolved_at, self.resolved_at),
            until_long => self.view.time_long(self.resolved_at),
            resolved_by => room.maybe(self.resolved_by.as_ref()),
            ..context! { ..self.place.values(room), ..self.links.values() }
        }
    }
}

impl Group {
    /// The site, where it is the same for all.
    fn site(&self) -> Option<&String> {
        let first = &self.items.first()?.site;
        self.items.iter().all(|item| item.site == *first).then_some(first)
    }

    pub(super) fn values(&self, room: Room) -> Value {
        let item = |item: &GroupItem| {
            context! {
                unit => room.name(&item.unit),
                site => room.name(&item.site),
                kind => item.kind.name(),
                temperature => shown(item.temperature, self.view, room),
            }
        };
        let names = self.items.iter().map(|item| &item.unit);
        context! {
            count => self.items.len(),
            site => room.maybe(self.site()),
            organization => room.name(&self.organization),
            items => self.items.iter().map(item).collect::<Vec<_>>(),
            units => names.take(room.listed).map(|it| room.name(it)).collect::<Vec<_>>(),
            more => self.items.len().saturating_sub(room.listed),
            since => self.view.time(self.since, self.at),
            since_long => self.view.time_long(self.since),
            code => number(self.code),
            ..self.links.values()
        }
    }
}

impl Outage {
    pub(super) fn values(&self, room: Room) -> Value {
        let names = || self.units.iter().map(|it| room.name(it));
        let items = names().map(|unit| context! { unit => unit });
        context! {
            site => room.name(&self.site),
            organization => room.name(&self.organization),
            silent => self.units.len(),
            total => self.total,
            items => items.collect::<Vec<_>>(),
            units => names().take(room.listed).collect::<Vec<_>>(),
            more => self.units.len().saturating_sub(room.listed),
            since => self.view.time(self.since, self.at),
            since_long => self.view.time_long(self.since),
            code => number(self.code),
            ..self.links.values()
        }
    }
}

impl OutageOver {
    pub(super) fn values(&self, room: Room) -> Value {
        context! {
            site => room.name(&self.site),
            organization => room.name(&self.organization),
            units => self.units,
            since => self.view.time(self.since, self.until),
            since_long => self.view.time_long(self.since),
            until => self.view.time(self.until, self.until),
            until_long => self.view.time_long(self.until),
            ..self.links.values()
        }
    }
}
