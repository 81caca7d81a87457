//! A mail that is asked for, written with what it follows from.

use std::collections::HashMap;

use hub_domain::{OrgId, Timestamp, UserId};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
};
use serde_json::json;
use uuid::Uuid;

use super::{MailPurpose, MailState, MailedAccount, job_of};
use crate::{
    Editor, Store, StoreError, account_links,
    entity::{account_mail, insertable},
    open::ask_database,
    queue::enqueue,
    records::{AuditEntry, LinkPurpose},
    sessions::hold_user,
    sql::{self, Sql},
};

/// A mail that is to be written, and its job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewMail {
    pub(crate) id: Uuid,
    pub(crate) job: Uuid,
    pub(crate) at: Timestamp,
}

impl Store {
    /// Has a link mailed to whoever the account is of, if it is anybody's. Nothing tells whether it is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn mail_account_link(
        &self,
        account: &MailedAccount,
        purpose: LinkPurpose,
    ) -> Result<(), StoreError> {
        let mail = self.new_mail();
        ask_database!(self, mail_account_link(account, purpose, mail))
    }

    /// Has a link mailed to a member, for whom a colleague asks. It goes to the member's own mailbox, so that it is worth
    /// what one is that they ask for themselves.
    ///
    /// # Errors
    /// As for a link that the colleague hands over.
    pub async fn mail_link_of_member(
        &self,
        org: OrgId,
        user: UserId,
        purpose: LinkPurpose,
        editor: Editor,
    ) -> Result<(), StoreError> {
        let mail = self.new_mail();
        let action = match purpose {
            LinkPurpose::PasswordReset => "user.password_reset_mailed",
            LinkPurpose::EmailVerification => "user.email_verification_mailed",
        };
        let entry = self.entry(org, editor.by.clone(), action, "user", user.0, &json!({}));
        ask_database!(self, mail_link_of_member(org, user, purpose, &editor, mail, &entry))
    }

    /// Where the mails of invitations stand, of those that were mailed. The caller says whose they are.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn mails_of_invitations(
        &self,
        invitations: &[Uuid],
    ) -> Result<HashMap<Uuid, MailState>, StoreError> {
        ask_database!(self, mails_of_invitations(invitations))
    }

    pub(crate) fn new_mail(&self) -> NewMail {
        let (id, at) = self.mint();
        NewMail { id, job: self.mint().0, at }
    }
}

impl Sql {
    pub(crate) async fn mail_account_link(
        &self,
        account: &MailedAccount,
        purpose: LinkPurpose,
        mail: NewMail,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let row = match account {
            MailedAccount::User(user) => {
                account_mail::Model { user_id: Some(user.0), ..row(mail, purpose.into()) }
            }
            MailedAccount::Address(email) => {
                account_mail::Model { email: Some(email.clone()), ..row(mail, purpose.into()) }
            }
        };
        put(&change, row, mail).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn mail_link_of_member(
        &self,
        org: OrgId,
        user: UserId,
        purpose: LinkPurpose,
        editor: &Editor,
        mail: NewMail,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        hold_user(&change, user).await?.ok_or(StoreError::NotFound)?;
        account_links::check_member(&change, org, editor, user).await?;
        let row = account_mail::Model { user_id: Some(user.0), ..row(mail, purpose.into()) };
        put(&change, row, mail).await?;
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn mails_of_invitations(
        &self,
        invitations: &[Uuid],
    ) -> Result<HashMap<Uuid, MailState>, StoreError> {
        use account_mail::{Column, Entity};
        let mails = Entity::find()
            .filter(Column::InvitationId.is_in(invitations.iter().copied()))
            .order_by_asc(Column::PlannedAt);
        let state = |mail: account_mail::Model| {
            let at = Timestamp::from_millis(mail.changed_at);
            let state = MailState { state: mail.state, reason: mail.reason, at };
            Some((mail.invitation_id?, state))
        };
        Ok(mails.all(&self.db).await?.into_iter().filter_map(state).collect())
    }
}

/// Writes the mail of an invitation, within the change that makes it.
pub(crate) async fn insert(
    change: &DatabaseTransaction,
    invitation: Uuid,
    mail: NewMail,
) -> Result<(), StoreError> {
    let invited = Some(invitation);
    let row = account_mail::Model { invitation_id: invited, ..row(mail, MailPurpose::Invitation) };
    put(change, row, mail).await
}

async fn put(
    change: &DatabaseTransaction,
    row: account_mail::Model,
    mail: NewMail,
) -> Result<(), StoreError> {
    let job = job_of(mail.job, mail.id, row.generation, None);
    account_mail::Entity::insert(insertable(row)).exec_without_returning(change).await?;
    enqueue(change, &[job]).await.map(drop)
}

fn row(mail: NewMail, purpose: MailPurpose) -> account_mail::Model {
    account_mail::Model {
        id: mail.id,
        purpose: purpose.name().to_owned(),
        invitation_id: None,
        user_id: None,
        email: None,
        state: "queued".to_owned(),
        reason: None,
        generation: 1,
        attempts: 0,
        planned_at: mail.at.as_millis(),
        due_at: mail.at.as_millis(),
        changed_at: mail.at.as_millis(),
        settled_at: None,
    }
}

impl From<LinkPurpose> for MailPurpose {
    fn from(purpose: LinkPurpose) -> Self {
        Self::Link(purpose)
    }
}
