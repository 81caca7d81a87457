//! A mail on its way: looked at again, tried, and what came of the try.
//!
//! The secret of its link follows from the mail's id by a key that is not in its row, so that each try sends the same
//! link, and one that arrived is good whatever became of the others. Its hash is stored with the first try.

use hub_domain::{Timestamp, UserId};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, DatabaseTransaction,
    EntityTrait as _, QueryFilter as _, QuerySelect as _,
};
use uuid::Uuid;

use super::{MOST_ATTEMPTS, MailPurpose, job_of};
use crate::{
    Store, StoreError,
    account_links::{self, FreshMade, NewLink},
    entity::{account_mail, invitation, known, organization, user},
    notify::{Outcome, UNCLEAR_MILLIS, pause_millis},
    open::ask_database,
    queue::enqueue,
    records::{LinkPurpose, Role, Secret},
    sessions::hold_user,
    sql::Sql,
    tenants::of_the_living,
};

/// What a worker is to do about a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountMailBegun {
    /// Send it: the try is written.
    Send(Box<AccountMail>),
    /// Nothing before then; the queue has it for that instant.
    Wait(Timestamp),
    /// Nothing: it is over, or somebody else has it.
    Over,
}

/// A mail that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountMail {
    /// It.
    pub id: Uuid,
    /// What the token in its link begins with.
    pub link: Uuid,
    /// Where to.
    pub address: String,
    /// What it says.
    pub told: AccountTold,
    /// Until when its link is good.
    pub until: Timestamp,
}

/// What a mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountTold {
    /// An invitation.
    Invitation {
        /// Who invites, while they are there.
        inviter: Option<String>,
        /// To what.
        organization: String,
        /// As what.
        role: Role,
    },
    /// A link to the reader's account.
    Link(LinkPurpose),
}

/// Why a mail is not sent after all, as a sentence.
type NoPoint = &'static str;

impl Store {
    /// Takes up a mail that the queue handed out for the `generation`th time. `secret_hash` is of its link's secret.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn begin_account_mail(
        &self,
        mail: Uuid,
        generation: i64,
        secret_hash: [u8; 32],
    ) -> Result<AccountMailBegun, StoreError> {
        let (job, now) = self.mint();
        ask_database!(self, begin_account_mail(mail, generation, secret_hash, job, now))
    }

    /// Writes what came of a try at a mail.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn end_account_mail(&self, mail: Uuid, outcome: &Outcome) -> Result<(), StoreError> {
        let (job, now) = self.mint();
        ask_database!(self, end_account_mail(mail, outcome, job, now))
    }
}

impl Sql {
    pub(crate) async fn begin_account_mail(
        &self,
        mail: Uuid,
        generation: i64,
        secret_hash: [u8; 32],
        job: Uuid,
        now: Timestamp,
    ) -> Result<AccountMailBegun, StoreError> {
        let change = self.begin().await?;
        let Some(row) = held(&change, mail).await? else { return Ok(AccountMailBegun::Over) };
        if row.settled_at.is_some() || row.generation != generation {
            return Ok(AccountMailBegun::Over);
        }
        if row.due_at > now.as_millis() {
            let until = Timestamp::from_millis(row.due_at);
            requeue(&change, row, until, job, now).await?;
            change.commit().await?;
            return Ok(AccountMailBegun::Wait(until));
        }
        let begun = match prepare(&change, &row, secret_hash, now).await? {
            Err(why) => {
                settle(&change, row, "superseded", Some(why.to_owned()), now).await?;
                AccountMailBegun::Over
            }
            Ok(mail) => {
                let attempts = row.attempts + 1;
                let mut edit: account_mail::ActiveModel = row.into();
                edit.state = Set("sending".to_owned());
                edit.attempts = Set(attempts);
                // of a try whose end is never written nothing is sent for so long
                edit.due_at = Set(now.as_millis() + UNCLEAR_MILLIS);
                edit.changed_at = Set(now.as_millis());
                edit.update(&change).await?;
                AccountMailBegun::Send(Box::new(mail))
            }
        };
        change.commit().await?;
        Ok(begun)
    }

    pub(crate) async fn end_account_mail(
        &self,
        mail: Uuid,
        outcome: &Outcome,
        job: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let row = held(&change, mail).await?.ok_or(StoreError::NotFound)?;
        if row.settled_at.is_some() {
            return Ok(());
        }
        match outcome {
            Outcome::Accepted { .. } => settle(&change, row, "sent", None, now).await?,
            Outcome::Refused { detail, .. } => {
                settle(&change, row, "failed", Some(detail.clone()), now).await?;
            }
            Outcome::NotNow { detail, .. } if row.attempts >= i64::from(MOST_ATTEMPTS) => {
                settle(&change, row, "failed", Some(detail.clone()), now).await?;
            }
            Outcome::NotNow { detail, .. } => {
                let until = now.plus_millis(pause_millis(row.id, row.attempts));
                let (state, reason) = ("queued".to_owned(), Some(detail.clone()));
                let row = account_mail::Model { state, reason, ..row };
                requeue(&change, row, until, job, now).await?;
            }
            Outcome::Unclear { detail } if row.attempts >= i64::from(MOST_ATTEMPTS) => {
                settle(&change, row, "failed", Some(detail.clone()), now).await?;
            }
            Outcome::Unclear { detail } => {
                let until = now.plus_millis(UNCLEAR_MILLIS);
                let row = account_mail::Model { reason: Some(detail.clone()), ..row };
                requeue(&change, row, until, job, now).await?;
            }
        }
        Ok(change.commit().await?)
    }
}

/// The row, which nobody else changes until the change ends.
pub(super) async fn held(
    change: &DatabaseTransaction,
    mail: Uuid,
) -> Result<Option<account_mail::Model>, StoreError> {
    Ok(account_mail::Entity::find_by_id(mail).lock_exclusive().one(change).await?)
}

/// What is to be sent, with its link in place; or why there is no point in it any more.
async fn prepare(
    change: &DatabaseTransaction,
    row: &account_mail::Model,
    secret_hash: [u8; 32],
    now: Timestamp,
) -> Result<Result<AccountMail, NoPoint>, StoreError> {
    match known("purpose", &row.purpose, MailPurpose::parse)? {
        MailPurpose::Invitation => invitation_of(change, row, secret_hash, now).await,
        MailPurpose::Link(purpose) => link_of(change, row, purpose, secret_hash, now).await,
    }
}

async fn invitation_of(
    change: &DatabaseTransaction,
    row: &account_mail::Model,
    secret_hash: [u8; 32],
    now: Timestamp,
) -> Result<Result<AccountMail, NoPoint>, StoreError> {
    use invitation::{Column, Entity};
    let Some(id) = row.invitation_id else { return Ok(Err("it is of nothing")) };
    let found = Entity::find_by_id(id)
        .filter(Column::AcceptedAt.is_null())
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(now.as_millis()))
        .filter(of_the_living(Column::OrgId));
    let Some(found) = found.one(change).await? else {
        return Ok(Err(
            "the invitation was accepted or taken back, or was over, before this was sent",
        ));
    };
    if found.secret_hash != secret_hash {
        return Ok(Err("somebody made another link to the invitation"));
    }
    let organization = organization::Entity::find_by_id(found.org_id).one(change).await?;
    let inviter = match found.invited_by {
        Some(inviter) => user::Entity::find_by_id(inviter).one(change).await?,
        None => None,
    };
    Ok(Ok(AccountMail {
        id: row.id,
        link: id,
        address: found.email,
        told: AccountTold::Invitation {
            inviter: inviter.map(|inviter| inviter.name),
            organization: organization.ok_or(StoreError::NotFound)?.name,
            role: known("role", &found.role, Role::parse)?,
        },
        until: Timestamp::from_millis(found.expires_at),
    }))
}

async fn link_of(
    change: &DatabaseTransaction,
    row: &account_mail::Model,
    purpose: LinkPurpose,
    secret_hash: [u8; 32],
    now: Timestamp,
) -> Result<Result<AccountMail, NoPoint>, StoreError> {
    let Some(user) = owner_of(change, row).await? else {
        return Ok(Err("nobody has the address"));
    };
    if purpose == LinkPurpose::EmailVerification && user.email_verified_at.is_some() {
        return Ok(Err("the address is proven"));
    }
    let secret = Secret { id: row.id, hash: secret_hash };
    let link = NewLink::of(UserId(user.id), purpose, secret, now);
    let until = match row.attempts {
        0 => match account_links::make_fresh(change, &link).await? {
            FreshMade::Until(until) => until,
            FreshMade::TooMany => return Ok(Err("five links of the kind are good already")),
        },
        _ => match account_links::good_until(change, secret, purpose, now).await? {
            Some(until) => until,
            None => return Ok(Err("its link was used, or is over")),
        },
    };
    let (id, told) = (row.id, AccountTold::Link(purpose));
    Ok(Ok(AccountMail { id, link: id, address: user.email, told, until }))
}

/// The person whose account it is about, held.
async fn owner_of(
    change: &DatabaseTransaction,
    row: &account_mail::Model,
) -> Result<Option<user::Model>, StoreError> {
    let id = match (row.user_id, &row.email) {
        (Some(user), _) => Some(user),
        (None, Some(email)) => {
            let found = user::Entity::find().filter(user::Column::Email.eq(email.as_str()));
            found.one(change).await?.map(|user| user.id)
        }
        (None, None) => None,
    };
    match id {
        Some(id) => hold_user(change, UserId(id)).await,
        None => Ok(None),
    }
}

/// Ends a mail. An address that somebody typed is forgotten.
async fn settle(
    change: &DatabaseTransaction,
    row: account_mail::Model,
    state: &str,
    reason: Option<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut edit: account_mail::ActiveModel = row.into();
    edit.state = Set(state.to_owned());
    edit.reason = Set(reason);
    edit.email = Set(None);
    edit.changed_at = Set(now.as_millis());
    edit.settled_at = Set(Some(now.as_millis()));
    edit.update(change).await?;
    Ok(())
}

/// Gives a mail to the queue once more, for a later instant. While it stays `sending`, the end of its last try is open.
pub(super) async fn requeue(
    change: &DatabaseTransaction,
    row: account_mail::Model,
    until: Timestamp,
    job: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    let generation = row.generation + 1;
    let again = job_of(job, row.id, generation, Some(until));
    let (state, reason) = (row.state.clone(), row.reason.clone());
    let mut edit: account_mail::ActiveModel = row.into();
    edit.state = Set(state);
    edit.reason = Set(reason);
    edit.generation = Set(generation);
    edit.due_at = Set(until.as_millis());
    edit.changed_at = Set(now.as_millis());
    edit.update(change).await?;
    enqueue(change, &[again]).await.map(drop)
}
