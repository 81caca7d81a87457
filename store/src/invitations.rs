//! Invitations into an organization, one open one an address. How one is accepted is in [`joining`](crate::joining).

use hub_domain::{OrgId, Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, JoinType,
    PaginatorTrait as _, QueryFilter as _, QuerySelect as _, RelationDef, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    account_mails::{self, NewMail},
    entity::{self, invitation, membership, user},
    error::taken,
    kept::written,
    members::{Editor, Standing},
    open::ask_database,
    organizations::held,
    records::{
        Actor, AuditEntry, Invitation, InvitationFilter, InvitationState, Life, NewInvitation,
        Page, PageQuery, Role,
    },
    scope::within,
    sql::{self, Order, Sql},
};

impl Store {
    /// Invites somebody. The address is lower-cased.
    ///
    /// # Errors
    /// `Taken` for an address that is invited already, or a member's; `TooLow` for a role that the editor's does not
    /// reach; see [`StoreError`].
    pub async fn invite(
        &self,
        org: OrgId,
        asked: NewInvitation,
        editor: Editor,
    ) -> Result<Invitation, StoreError> {
        self.invited(org, asked, None, editor).await
    }

    /// Invites somebody by a mail, whose id the secret of its link follows from. The invitation and its mail are written
    /// together, so that none is without the other.
    ///
    /// # Errors
    /// As for [`Self::invite`].
    pub async fn invite_by_mail(
        &self,
        org: OrgId,
        asked: NewInvitation,
        mail: Uuid,
        editor: Editor,
    ) -> Result<Invitation, StoreError> {
        let mail = NewMail { id: mail, ..self.new_mail() };
        self.invited(org, asked, Some(mail), editor).await
    }

    async fn invited(
        &self,
        org: OrgId,
        asked: NewInvitation,
        mail: Option<NewMail>,
        editor: Editor,
    ) -> Result<Invitation, StoreError> {
        let by = editor.by.clone();
        let entry = self.entry(org, by, "invitation.created", "invitation", asked.id, &json!({}));
        let expired = self.invitation_entry(org, "invitation.expired", Actor::Hub);
        let row = invitation::Model {
            id: asked.id,
            org_id: org.0,
            email: asked.email.to_lowercase(),
            role: asked.role.name().to_owned(),
            secret_hash: asked.secret_hash.to_vec(),
            invited_by: editor.by.user().map(|user| user.0),
            created_at: entry.at.as_millis(),
            expires_at: asked.expires_at.as_millis(),
            accepted_at: None,
            accepted_by: None,
            revoked_at: None,
        };
        ask_database!(self, insert_invitation(&row, mail, &editor, entry, expired))?;
        row.try_into()
    }

    /// The invitations of an organization, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn invitations(
        &self,
        org: OrgId,
        filter: InvitationFilter,
        page: PageQuery,
    ) -> Result<Page<Invitation>, StoreError> {
        ask_database!(self, invitations(org, filter, &page))
    }

    /// The invitation.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn invitation(&self, org: OrgId, id: Uuid) -> Result<Option<Invitation>, StoreError> {
        ask_database!(self, invitation(org, id))
    }

    /// Gives an invitation another secret and another end; the secret before is worth nothing from now on.
    ///
    /// # Errors
    /// `NotOpen` for one that was accepted or taken back, `TooLow` as for [`Self::invite`]; see [`StoreError`].
    pub async fn renew_invitation(
        &self,
        org: OrgId,
        id: Uuid,
        secret_hash: [u8; 32],
        expires_at: Timestamp,
        editor: Editor,
    ) -> Result<Invitation, StoreError> {
        let by = editor.by.clone();
        let entry = self.entry(org, by, "invitation.renewed", "invitation", id, &json!({}));
        let edit = invitation::ActiveModel {
            secret_hash: Set(secret_hash.to_vec()),
            expires_at: Set(expires_at.as_millis()),
            ..Default::default()
        };
        ask_database!(self, edit_invitation(org, id, edit, &editor, entry))?.try_into()
    }

    /// Takes an invitation back. One that was taken back before stays as it is.
    ///
    /// # Errors
    /// `NotOpen` for one that was accepted; see [`StoreError`].
    pub async fn revoke_invitation(
        &self,
        org: OrgId,
        id: Uuid,
        editor: Editor,
    ) -> Result<(), StoreError> {
        let found = self.invitation(org, id).await?.ok_or(StoreError::NotFound)?;
        if found.accepted_at.is_none() && found.revoked_at.is_some() {
            return Ok(());
        }
        let by = editor.by.clone();
        let entry = self.entry(org, by, "invitation.revoked", "invitation", id, &json!({}));
        let edit = invitation::ActiveModel {
            revoked_at: Set(Some(entry.at.as_millis())),
            ..Default::default()
        };
        ask_database!(self, edit_invitation(org, id, edit, &editor, entry)).map(drop)
    }

    fn invitation_entry(&self, org: OrgId, action: &'static str, actor: Actor) -> AuditEntry {
        self.entry(org, actor, action, "invitation", Uuid::nil(), &json!({}))
    }
}

impl Sql {
    pub(crate) async fn insert_invitation(
        &self,
        row: &invitation::Model,
        mail: Option<NewMail>,
        editor: &Editor,
        mut entry: AuditEntry,
        expired: AuditEntry,
    ) -> Result<(), StoreError> {
        let org = entry.org;
        // a mail is written by the role that may write to the queue
        let change = if mail.is_some() { self.begin().await? } else { self.begin_of(org).await? };
        held(&change, org, Life::Present).await?;
        editor.role_in(&change, org).await?.reaches(role_of(row)?)?;
        end_expired(&change, org, &row.email, expired).await?;
        need_stranger(&change, org, &row.email).await?;
        entry.after = Some(written(row)?);
        let made = invitation::Entity::insert(entity::insertable(row.clone()));
        made.exec_without_returning(&change).await.map_err(taken("email"))?;
        if let Some(mail) = mail {
            account_mails::insert(&change, row.id, mail).await?;
        }
        sql::audit(&change, &entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn invitations(
        &self,
        org: OrgId,
        filter: InvitationFilter,
        page: &PageQuery,
    ) -> Result<Page<Invitation>, StoreError> {
        let query =
            invitation::Entity::find().filter(within(invitation::Column::OrgId, org)).filter(
                Condition::all().add_option(filter.state.map(|(state, now)| stands(state, now))),
            );
        let asked = self.of(org).await?;
        sql::page(&asked, query, invitation::Column::Id, Order::Up, |row| row.id, page).await
    }

    pub(crate) async fn invitation(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<Invitation>, StoreError> {
        let asked = self.of(org).await?;
        let of_org = within(invitation::Column::OrgId, org);
        let row = invitation::Entity::find_by_id(id).filter(of_org).one(&asked).await?;
        row.map(Invitation::try_from).transpose()
    }

    pub(crate) async fn edit_invitation(
        &self,
        org: OrgId,
        id: Uuid,
        edit: invitation::ActiveModel,
        editor: &Editor,
        mut entry: AuditEntry,
    ) -> Result<invitation::Model, StoreError> {
        let change = self.begin_of(org).await?;
        let of_org = within(invitation::Column::OrgId, org);
        let row = invitation::Entity::find_by_id(id).filter(of_org).lock_exclusive();
        let before = row.one(&change).await?.ok_or(StoreError::NotFound)?;
        editor.role_in(&change, org).await?.reaches(role_of(&before)?)?;
        if before.accepted_at.is_some() || before.revoked_at.is_some() {
            return Err(StoreError::NotOpen);
        }
        let update = invitation::Entity::update_many().set(edit);
        update.filter(invitation::Column::Id.eq(id)).exec(&change).await?;
        let after = invitation::Entity::find_by_id(id).one(&change).await?;
        let after = after.ok_or(StoreError::NotFound)?;
        (entry.before, entry.after) = (Some(written(&before)?), Some(written(&after)?));
        sql::audit(&change, &entry).await?;
        change.commit().await?;
        Ok(after)
    }
}

fn role_of(row: &invitation::Model) -> Result<Role, StoreError> {
    entity::known("role", &row.role, Role::parse)
}

/// True of invitations that stand so at this instant.
fn stands(state: InvitationState, now: Timestamp) -> Condition {
    use invitation::Column::{AcceptedAt, ExpiresAt, RevokedAt};
    let waiting = Condition::all().add(AcceptedAt.is_null()).add(RevokedAt.is_null());
    match state {
        InvitationState::Open => waiting.add(ExpiresAt.gt(now.as_millis())),
        InvitationState::Expired => waiting.add(ExpiresAt.lte(now.as_millis())),
        InvitationState::Accepted => Condition::all().add(AcceptedAt.is_not_null()),
        InvitationState::Revoked => {
            Condition::all().add(AcceptedAt.is_null()).add(RevokedAt.is_not_null())
        }
    }
}

/// Takes back what somebody invited to that they may not give any more: all of it, where they have no standing left.
pub(crate) async fn revoke_of(
    change: &DatabaseTransaction,
    org: OrgId,
    inviter: UserId,
    standing: Option<Standing>,
    revoked: &(dyn Fn(Uuid) -> AuditEntry + Sync),
) -> Result<(), StoreError> {
    use invitation::Column;
    let waiting = invitation::Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::InvitedBy.eq(inviter.0))
        .filter(Column::AcceptedAt.is_null())
        .filter(Column::RevokedAt.is_null());
    for before in waiting.lock_exclusive().all(change).await? {
        let role = role_of(&before)?;
        if standing.is_some_and(|standing| standing.reaches(role).is_ok()) {
            continue;
        }
        let mut entry = revoked(before.id);
        let after = invitation::Model { revoked_at: Some(entry.at.as_millis()), ..before.clone() };
        invitation::Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::val(entry.at.as_millis()))
            .filter(within(Column::OrgId, org))
            .filter(Column::Id.eq(before.id))
            .exec(change)
            .await?;
        (entry.before, entry.after) = (Some(written(&before)?), Some(written(&after)?));
        sql::audit(change, &entry).await?;
    }
    Ok(())
}

/// Takes back an invitation of this address that has expired: it is not to be in the way of another.
async fn end_expired(
    change: &DatabaseTransaction,
    org: OrgId,
    email: &str,
    mut entry: AuditEntry,
) -> Result<(), StoreError> {
    use invitation::Column::{Email, Id, OrgId, RevokedAt};
    let expired = invitation::Entity::find()
        .filter(within(OrgId, org))
        .filter(Email.eq(email))
        .filter(stands(InvitationState::Expired, entry.at));
    let Some(before) = expired.one(change).await? else { return Ok(()) };
    invitation::Entity::update_many()
        .col_expr(RevokedAt, Expr::val(entry.at.as_millis()))
        .filter(within(OrgId, org))
        .filter(Id.eq(before.id))
        .exec(change)
        .await?;
    let after = invitation::Model { revoked_at: Some(entry.at.as_millis()), ..before.clone() };
    entry.object_id = before.id;
    (entry.before, entry.after) = (Some(written(&before)?), Some(written(&after)?));
    sql::audit(change, &entry).await
}

/// Goes on only if nobody of that address is in the organization.
async fn need_stranger(
    change: &DatabaseTransaction,
    org: OrgId,
    email: &str,
) -> Result<(), StoreError> {
    let person: RelationDef = membership::Entity::belongs_to(user::Entity)
        .from(membership::Column::UserId)
        .to(user::Column::Id)
        .into();
    let members = membership::Entity::find()
        .filter(within(membership::Column::OrgId, org))
        .filter(user::Column::Email.eq(email))
        .join(JoinType::InnerJoin, person);
    if members.count(change).await? == 0 { Ok(()) } else { Err(StoreError::Taken("email")) }
}
