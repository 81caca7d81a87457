//! Accepting an invitation: the person, if they are new, and their place in one transaction.

use hub_domain::{OrgId, Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, Func},
};
use serde_json::json;

use crate::{
    By, Store, StoreError, account_links,
    entity::{self, invitation, membership, operator, organization, user},
    error::taken,
    kept::written,
    members::standing_of,
    open::ask_database,
    organizations::held,
    records::{Actor, AuditEntry, Joiner, Life, OpenInvitation, Role, Secret, Subject, User},
    scope::within,
    sessions::hold_user,
    sql::{self, Sql},
};

/// What is written when an invitation is accepted.
pub(crate) struct Joining {
    user: UserId,
    at: Timestamp,
    accepted: AuditEntry,
    placed: AuditEntry,
}

impl Store {
    /// The invitation of a link, if it can be accepted.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn open_invitation(
        &self,
        shown: Secret,
    ) -> Result<Option<OpenInvitation>, StoreError> {
        let now = self.now();
        ask_database!(self, open_invitation(shown, now))
    }

    /// Accepts an invitation, once, if whoever made it may still give its role.
    ///
    /// # Errors
    /// `NotFound` if it cannot be accepted (any more), `Taken` with `email`, `subject` or `membership` if somebody has
    /// that; otherwise as [`StoreError`] says.
    pub async fn accept_invitation(
        &self,
        shown: Secret,
        joiner: Joiner,
    ) -> Result<UserId, StoreError> {
        let open = self.open_invitation(shown).await?.ok_or(StoreError::NotFound)?;
        let (fresh, at) = self.mint();
        let user = match joiner {
            Joiner::Known(user) | Joiner::Linked(user, _) => user,
            Joiner::WithPassword { .. } | Joiner::WithSubject { .. } => UserId(fresh),
        };
        // an operator who is there for a while may be invited too
        let impersonation = self.stay(open.org, user).await?.map(|stay| stay.id);
        let (by, nothing) = (By { impersonation, ..Actor::User(user).into() }, json!({}));
        let entry = |action, kind, id| self.entry(open.org, by.clone(), action, kind, id, &nothing);
        let accepted = entry("invitation.accepted", "invitation", open.id);
        let placed = entry("membership.created", "membership", user.0);
        let joining = Joining { user, at, accepted, placed };
        ask_database!(self, accept_invitation(shown, &open, &joiner, &joining))?;
        Ok(user)
    }
}

impl Sql {
    pub(crate) async fn open_invitation(
        &self,
        shown: Secret,
        now: Timestamp,
    ) -> Result<Option<OpenInvitation>, StoreError> {
        let Some(row) =
            invitation::Entity::find().filter(is_open(shown, now)).one(&self.db).await?
        else {
            return Ok(None);
        };
        let org = OrgId(row.org_id);
        let role = entity::known("role", &row.role, Role::parse)?;
        let is_there = live_organization(org).one(&self.db).await?.is_some();
        Ok(is_there.then_some(OpenInvitation { id: row.id, org, email: row.email, role }))
    }

    pub(crate) async fn accept_invitation(
        &self,
        shown: Secret,
        open: &OpenInvitation,
        joiner: &Joiner,
        joining: &Joining,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let user = joining.user;
        // the person, the organization, then the invitation: whoever holds more than one takes them in that order
        let email = settle(&change, open, joiner, joining).await?;
        held(&change, open.org, Life::Present).await?;
        let asked = invitation::Entity::find().filter(is_open(shown, joining.at)).lock_exclusive();
        let before = asked.one(&change).await?.ok_or(StoreError::NotFound)?;
        need_inviter(&change, &before, open).await?;
        // a colleague may have asked for a link to an account that now opens another organization
        account_links::forget_all(&change, user).await?;
        account_links::forget_made_by(&change, open.org, user).await?;
        place(&change, open, joining, &email).await?;
        let edit = invitation::ActiveModel {
            accepted_at: Set(Some(joining.at.as_millis())),
            accepted_by: Set(Some(user.0)),
            ..Default::default()
        };
        let update = invitation::Entity::update_many().set(edit);
        update.filter(invitation::Column::Id.eq(before.id)).exec(&change).await?;
        let after = invitation::Model {
            accepted_at: Some(joining.at.as_millis()),
            accepted_by: Some(user.0),
            ..before.clone()
        };
        let (before, after) = (Some(written(&before)?), Some(written(&after)?));
        let accepted = AuditEntry { before, after, ..joining.accepted.clone() };
        sql::audit(&change, &accepted).await?;
        Ok(change.commit().await?)
    }
}

/// An organization that is not deleted.
pub(crate) fn live_organization(org: OrgId) -> sea_orm::Select<organization::Entity> {
    organization::Entity::find_by_id(org.0).filter(Expr::cust("deleted_at IS NULL"))
}

fn is_open(shown: Secret, now: Timestamp) -> Condition {
    Condition::all()
        .add(invitation::Column::Id.eq(shown.id))
        .add(invitation::Column::SecretHash.eq(shown.hash.to_vec()))
        .add(invitation::Column::AcceptedAt.is_null())
        .add(invitation::Column::RevokedAt.is_null())
        .add(invitation::Column::ExpiresAt.gt(now.as_millis()))
}

/// Goes on only if whoever made the invitation may give its role at this moment: a member whose role reaches it, or an
/// operator to the first owner of an organization. What the hub made itself needs nobody.
async fn need_inviter(
    change: &DatabaseTransaction,
    row: &invitation::Model,
    open: &OpenInvitation,
) -> Result<(), StoreError> {
    let Some(inviter) = row.invited_by else { return Ok(()) };
    if let Some(standing) = standing_of(change, open.org, UserId(inviter)).await? {
        return standing.reaches(open.role).map_err(|_| StoreError::NotFound);
    }
    let members = membership::Entity::find().filter(within(membership::Column::OrgId, open.org));
    let is_first = members.count(change).await? == 0;
    let is_operator = operator::Entity::find_by_id(inviter).one(change).await?.is_some();
    if is_first && is_operator { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Makes the person, or holds who is there; gives their address, which need not be the invitation's.
async fn settle(
    change: &DatabaseTransaction,
    open: &OpenInvitation,
    joiner: &Joiner,
    joining: &Joining,
) -> Result<String, StoreError> {
    let (name, password_hash, subject) = match joiner {
        Joiner::Known(user) => {
            return Ok(hold_user(change, *user).await?.ok_or(StoreError::NotFound)?.email);
        }
        Joiner::Linked(user, subject) => {
            let person = hold_user(change, *user).await?.ok_or(StoreError::NotFound)?;
            tie(change, *user, subject, joining.at).await?;
            return Ok(person.email);
        }
        Joiner::WithPassword { name, password_hash } => (name, Some(password_hash.clone()), None),
        Joiner::WithSubject { name, subject } => (name, None, Some(subject)),
    };
    let person = User {
        id: joining.user,
        email: open.email.clone(),
        name: name.clone(),
        password_hash,
        created_at: joining.at,
    };
    let row = user::Entity::insert(user::ActiveModel::from(&person));
    row.exec_without_returning(change).await.map_err(taken("email"))?;
    if let Some(subject) = subject {
        tie(change, joining.user, subject, joining.at).await?;
    }
    Ok(person.email)
}

/// Ties a person to an issuer's subject, if they are tied to none. The issuer has seen them prove their address.
pub(crate) async fn tie(
    change: &DatabaseTransaction,
    user: UserId,
    subject: &Subject,
    at: Timestamp,
) -> Result<(), StoreError> {
    let proven_at =
        Func::coalesce([Expr::col(user::Column::EmailVerifiedAt), Expr::val(at.as_millis())]);
    let edit = user::ActiveModel {
        email_verified_in: Set(None),
        issuer: Set(Some(subject.issuer.clone())),
        subject: Set(Some(subject.subject.clone())),
        ..Default::default()
    };
    let update = user::Entity::update_many()
        .set(edit)
        .col_expr(user::Column::EmailVerifiedAt, proven_at.into())
        .filter(user::Column::Id.eq(user.0))
        .filter(user::Column::Issuer.is_null());
    let done = update.exec(change).await.map_err(taken("subject"))?;
    if done.rows_affected == 0 { Err(StoreError::Taken("subject")) } else { Ok(()) }
}

async fn place(
    change: &DatabaseTransaction,
    open: &OpenInvitation,
    joining: &Joining,
    email: &str,
) -> Result<(), StoreError> {
    let row = membership::ActiveModel {
        org_id: Set(open.org.0),
        user_id: Set(joining.user.0),
        role: Set(open.role.name().to_owned()),
        created_at: Set(joining.at.as_millis()),
        ..Default::default()
    };
    let made = membership::Entity::insert(row).exec_without_returning(change).await;
    made.map_err(taken("membership"))?;
    let after = json!({ "userId": joining.user.0, "email": email, "role": open.role.name() });
    sql::audit(change, &AuditEntry { after: Some(after), ..joining.placed.clone() }).await
}
