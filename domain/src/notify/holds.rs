//! What keeps a message back until it ends: the unit's mode, a snooze, quiet hours.

use super::{intent::Reason, policy::Terms, sentences, situation::AlertFacts};
use crate::{Timestamp, Zone};

/// What is kept back is looked at again after so long where nobody can say when that ends: 15 minutes.
const LOOK_SECS: u32 = 900;

/// Something that keeps a message back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) reason: Reason,
    pub(super) sentence: String,
    /// When it ends, if that is known.
    pub(super) until: Option<Timestamp>,
}

impl Hold {
    /// When to look whether it holds still.
    pub(super) fn look_at(&self, now: Timestamp) -> Timestamp {
        self.until.unwrap_or_else(|| now.plus_secs(LOOK_SECS))
    }
}

/// What keeps back all that is told of an alert.
pub(super) fn of_alert(alert: &AlertFacts, now: Timestamp) -> Option<Hold> {
    // a mode that is over has ended, though its unit has not stepped since
    let is_over = alert.mode.until().is_some_and(|until| until <= now);
    if let Some((reason, sentence)) = sentences::mode(&alert.mode).filter(|_| !is_over) {
        let sentence = sentence.to_owned();
        return Some(Hold { reason, sentence, until: alert.mode.until() });
    }
    let until = alert.snoozed_until.filter(|until| *until > now)?;
    let sentence = sentences::SNOOZED.to_owned();
    Some(Hold { reason: Reason::Snoozed, sentence, until: Some(until) })
}

/// What keeps back what one policy tells of an alert.
pub(super) fn of_terms(
    alert: &AlertFacts,
    terms: &Terms,
    site: Zone,
    now: Timestamp,
) -> Option<Hold> {
    of_alert(alert, now).or_else(|| {
        let hours = terms.quiet_hours.as_ref()?;
        let until = hours.holds_until(alert.severity, site, now)?;
        let sentence = sentences::quiet_until(until, hours.zone.unwrap_or(site));
        Some(Hold { reason: Reason::QuietHours, sentence, until: Some(until) })
    })
}
