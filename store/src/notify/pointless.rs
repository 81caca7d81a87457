//! Why a message is not sent after all: what it tells is over, or nobody is reached.

use hub_domain::{
    AlertStatus,
    notify::{Channel, IntentState, Reach, Reason, Round, Stage},
};
use sea_orm::{DatabaseTransaction, EntityTrait as _};

use super::{delivery::contact_of, situation::sms_reach};
use crate::{
    StoreError,
    entity::{alert, known, membership, notification_intent},
};

/// Why there is no point in sending it, if there is none: the alert is over or acknowledged, the person not reached.
pub(crate) async fn pointless(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
) -> Result<Option<(IntentState, Reason, &'static str)>, StoreError> {
    if let Some(why) = overtaken(change, row).await? {
        return Ok(Some(why));
    }
    let reach = reach(change, row).await?;
    Ok(reach.map(|(reason, sentence)| (IntentState::Suppressed, reason, sentence)))
}

/// Why a message is not sent again of which it is not known whether it was.
pub(super) fn uncertain(sentence: &str) -> String {
    format!("{sentence}, after a try of which nobody can say whether it arrived")
}

async fn overtaken(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
) -> Result<Option<(IntentState, Reason, &'static str)>, StoreError> {
    let Stage::Due { round, .. } = known("stage", &row.stage, Stage::parse)? else {
        return Ok(None);
    };
    let Some(id) = row.alert_id else { return Ok(None) };
    let found = alert::Entity::find_by_id(id).one(change).await?;
    let status = found.map(|it| known("status", &it.status, AlertStatus::parse)).transpose()?;
    Ok(match (status, round) {
        (Some(AlertStatus::Active), _) | (Some(AlertStatus::Acknowledged), Round::Again(_)) => None,
        (Some(AlertStatus::Acknowledged), _) => Some((
            IntentState::Superseded,
            Reason::Acknowledged,
            "somebody acknowledged the alert before this was sent",
        )),
        (Some(AlertStatus::Resolved) | None, _) => Some((
            IntentState::Superseded,
            Reason::Resolved,
            "the alert was over before this was sent",
        )),
    })
}

/// Why the person is not reached in that way any more, if they are not.
async fn reach(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
) -> Result<Option<(Reason, &'static str)>, StoreError> {
    const GONE: (Reason, &str) = (Reason::Gone, "they are not there any more");
    if let Some(user) = row.user_id {
        let member = membership::Entity::find_by_id((row.org_id, user)).one(change).await?;
        return Ok(member.is_none().then_some(GONE));
    }
    let found = contact_of(change, row).await?;
    let Some(contact) = found.filter(|contact| contact.deleted_at.is_none()) else {
        return Ok(Some(GONE));
    };
    if row.channel == Channel::Email.name() {
        return Ok(match (&contact.email, contact.email_opted_out_at) {
            (None, _) => Some((Reason::NoEmail, "there is no address any more")),
            (Some(_), Some(_)) => Some((Reason::OptedOut, "they unsubscribed from e-mails")),
            (Some(_), None) => None,
        });
    }
    let shows_it = row.stage == Stage::PhoneCode.to_string() && contact.phone.is_some();
    Ok(match sms_reach(&contact) {
        Reach::Unverified | Reach::NoConsent | Reach::OptedOut if shows_it => None,
        Reach::Reached => None,
        Reach::NoAddress => Some((Reason::NoPhone, "there is no number any more")),
        Reach::Unverified => Some((Reason::Unverified, "the number was not shown to be theirs")),
        Reach::NoConsent => Some((Reason::NoConsent, "they have not agreed to get SMS")),
        Reach::OptedOut => Some((Reason::OptedOut, "they answered STOP")),
    })
}
