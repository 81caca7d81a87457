//! Operators of the platform: apart from tenants, and within one only for a while, for a reason, on record.

use hub_domain::{OrgId, Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Store, StoreError, account_links,
    account_mails::{self, NewMail},
    entity::{self, impersonation, invitation, membership, operator, organization},
    error::taken,
    joining::live_organization,
    kept::written,
    open::ask_database,
    organizations::held,
    records::{
        Actor, AuditEntry, Edition, Impersonation, Invitation, Life, NewImpersonation, NewTenant,
        Organization, Page, PageQuery, Role, Secret, Standing,
    },
    scope::within,
    sessions::hold_user,
    sql::{self, Order, Sql},
    tenants::of_the_living,
};

/// So many stays are ended in one go.
const AT_ONCE: u64 = 100;

impl Store {
    /// Whether somebody runs the platform.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn is_operator(&self, user: UserId) -> Result<bool, StoreError> {
        ask_database!(self, is_operator(user))
    }

    /// Makes somebody an operator; nothing happens if they are one. Links to their account that others asked for are
    /// worthless from now on.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn add_operator(&self, user: UserId) -> Result<(), StoreError> {
        let now = self.now();
        ask_database!(self, add_operator(user, now))
    }

    /// Makes somebody no operator; all of their stays end with that.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn remove_operator(&self, user: UserId) -> Result<(), StoreError> {
        let now = self.now();
        let ended = |stay: &Impersonation| self.ended_entry(stay, Actor::Hub);
        ask_database!(self, remove_operator(user, now, &ended))
    }

    /// Every organization there is, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn all_organizations(
        &self,
        page: PageQuery,
    ) -> Result<Page<Organization>, StoreError> {
        ask_database!(self, all_organizations(&page))
    }

    /// Makes an organization and the invitation of its first owner, and gives when that ends.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_tenant(
        &self,
        new: &NewTenant,
        by: impl Into<By>,
    ) -> Result<(Organization, Timestamp), StoreError> {
        let by = by.into();
        let (id, created_at) = self.mint();
        let (name, edition) = (new.name.clone(), Edition::default());
        let organization = Organization { id: OrgId(id), name, created_at, edition };
        let owner = invitation::Model {
            id: new.invitation.id,
            org_id: id,
            email: new.owner_email.to_lowercase(),
            role: Role::Owner.name().to_owned(),
            secret_hash: new.invitation.hash.to_vec(),
            invited_by: by.user().map(|user| user.0),
            created_at: created_at.as_millis(),
            expires_at: created_at.plus_millis(new.invited_for_secs * 1000).as_millis(),
            accepted_at: None,
            accepted_by: None,
            revoked_at: None,
        };
        let detail = json!({ "name": new.name });
        let entry = |action, kind, id, detail| {
            self.entry(organization.id, by.clone(), action, kind, id, detail)
        };
        let made = entry("organization.created", "organization", id, &detail);
        let mut invited = entry("invitation.created", "invitation", owner.id, &json!({}));
        invited.after = Some(written(&owner)?);
        let mail = new.mail.map(|id| NewMail { id, ..self.new_mail() });
        ask_database!(self, create_tenant(&organization, &owner, mail, &[made, invited]))?;
        Ok((organization, Timestamp::from_millis(owner.expires_at)))
    }

    /// The invitation of an organization's first owner, while nobody has accepted it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn first_invitation(&self, org: OrgId) -> Result<Option<Invitation>, StoreError> {
        ask_database!(self, first_invitation(org))
    }

    /// Gives the invitation of an organization's first owner another secret and another end, also where it was taken
    /// back, and gives it; the secret before is worth nothing from now on.
    ///
    /// # Errors
    /// `NotFound` without such an organization or invitation, `NotOpen` once somebody is a member.
    pub async fn renew_first_invitation(
        &self,
        org: OrgId,
        secret: Secret,
        good_for_secs: i64,
        operator: UserId,
    ) -> Result<Invitation, StoreError> {
        let (by, nothing) = (Actor::User(operator), json!({}));
        let entry = self.entry(org, by, "invitation.renewed", "invitation", secret.id, &nothing);
        let until = entry.at.plus_millis(good_for_secs * 1000);
        ask_database!(self, renew_first_invitation(org, secret, until, operator, entry))?.try_into()
    }

    /// What somebody may do in an organization: as a member, or as an operator for a while.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn standing(&self, org: OrgId, user: UserId) -> Result<Option<Standing>, StoreError> {
        if let Some(role) = self.membership(org, user).await? {
            return Ok(Some(Standing { role, impersonation: None }));
        }
        let stay = self.stay(org, user).await?;
        Ok(stay.map(|stay| Standing { role: stay.role, impersonation: Some(stay.id) }))
    }

    /// The running stay of somebody who is an operator in an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn stay(
        &self,
        org: OrgId,
        operator: UserId,
    ) -> Result<Option<Impersonation>, StoreError> {
        let now = self.now();
        ask_database!(self, stay(org, operator, now))
    }

    /// Begins a stay.
    ///
    /// # Errors
    /// `NotFound` without such an organization or operator, `Taken` while another of the operator's runs there.
    pub async fn begin_impersonation(
        &self,
        new: NewImpersonation,
    ) -> Result<Impersonation, StoreError> {
        self.end_due_impersonations().await?;
        let (id, created_at) = self.mint();
        let NewImpersonation { org, operator, role, reason, secs } = new;
        let ends_at = created_at.plus_millis(secs * 1000);
        let stay =
            Impersonation { id, org, operator, role, reason, created_at, ends_at, ended_at: None };
        let by = By {
            impersonation: Some(id),
            ..By::from(Actor::User(operator)).because(Some(stay.reason.clone()))
        };
        let nothing = json!({});
        let entry = self.entry(org, by, "impersonation.began", "impersonation", id, &nothing);
        ask_database!(self, begin_impersonation(&stay, &entry))?;
        Ok(stay)
    }

    /// Every stay there was, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn impersonations(&self, page: PageQuery) -> Result<Page<Impersonation>, StoreError> {
        ask_database!(self, impersonations(&page))
    }

    /// Ends a stay and gives it; nothing happens if it is over.
    ///
    /// # Errors
    /// `NotFound` if there was none, otherwise as [`StoreError`] says.
    pub async fn end_impersonation(
        &self,
        id: Uuid,
        actor: Actor,
    ) -> Result<Impersonation, StoreError> {
        let stay = ask_database!(self, impersonation(id))?.ok_or(StoreError::NotFound)?;
        let entry = self.ended_entry(&stay, actor);
        ask_database!(self, end_impersonation(&stay, &entry))?;
        Ok(stay)
    }

    fn ended_entry(&self, stay: &Impersonation, actor: Actor) -> AuditEntry {
        let by = By { impersonation: Some(stay.id), ..By::from(actor) };
        self.entry(stay.org, by, "impersonation.ended", "impersonation", stay.id, &json!({}))
    }

    /// Ends the stays whose time is over, and gives them.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn end_due_impersonations(&self) -> Result<Vec<Impersonation>, StoreError> {
        let now = self.now();
        let due = ask_database!(self, due(now))?;
        for stay in &due {
            self.end_impersonation(stay.id, Actor::Hub).await?;
        }
        Ok(due)
    }
}

impl Sql {
    pub(crate) async fn is_operator(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(operator::Entity::find_by_id(user.0).one(&self.db).await?.is_some())
    }

    pub(crate) async fn add_operator(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        hold_user(&change, user).await?.ok_or(StoreError::NotFound)?;
        account_links::forget_all(&change, user).await?;
        let row = operator::Model { user_id: user.0, created_at: now.as_millis() };
        let insert = operator::Entity::insert(entity::insertable(row));
        let once = OnConflict::column(operator::Column::UserId).do_nothing().to_owned();
        insert.on_conflict(once).exec_without_returning(&change).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn remove_operator(
        &self,
        user: UserId,
        now: Timestamp,
        entry_of: &(dyn Fn(&Impersonation) -> AuditEntry + Sync),
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        operator::Entity::delete_by_id(user.0).exec(&change).await?;
        let running = impersonation::Entity::find()
            .filter(impersonation::Column::OperatorId.eq(user.0))
            .filter(impersonation::Column::EndedAt.is_null());
        let running = running.lock_exclusive().all(&change).await?;
        mark_all_ended(&change, user, now).await?;
        for row in running {
            let stay = Impersonation::try_from(row)?;
            sql::audit(&change, &ended(&stay, now, entry_of(&stay))?).await?;
        }
        Ok(change.commit().await?)
    }

    pub(crate) async fn all_organizations(
        &self,
        page: &PageQuery,
    ) -> Result<Page<Organization>, StoreError> {
        let query = organization::Entity::find().filter(Expr::cust("deleted_at IS NULL"));
        sql::page(&self.db, query, organization::Column::Id, Order::Up, |row| row.id, page).await
    }

    pub(crate) async fn create_tenant(
        &self,
        organization: &Organization,
        owner: &invitation::Model,
        mail: Option<NewMail>,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let row = organization::ActiveModel::from(organization);
        organization::Entity::insert(row).exec_without_returning(&change).await?;
        let row = invitation::Entity::insert(entity::insertable(owner.clone()));
        row.exec_without_returning(&change).await?;
        if let Some(mail) = mail {
            account_mails::insert(&change, owner.id, mail).await?;
        }
        sql::audit_all(&change, entries).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn first_invitation(
        &self,
        org: OrgId,
    ) -> Result<Option<Invitation>, StoreError> {
        let waiting = invitation::Entity::find()
            .filter(within(invitation::Column::OrgId, org))
            .filter(invitation::Column::Role.eq(Role::Owner.name()))
            .filter(invitation::Column::AcceptedAt.is_null());
        let row = waiting.order_by_asc(invitation::Column::Id).one(&self.db).await?;
        row.map(Invitation::try_from).transpose()
    }

    pub(crate) async fn renew_first_invitation(
        &self,
        org: OrgId,
        secret: Secret,
        expires_at: Timestamp,
        by: UserId,
        mut entry: AuditEntry,
    ) -> Result<invitation::Model, StoreError> {
        let change = self.begin().await?;
        held(&change, org, Life::Present).await?; // and with it who is in it
        let members = membership::Entity::find().filter(within(membership::Column::OrgId, org));
        if members.count(&change).await? > 0 {
            return Err(StoreError::NotOpen);
        }
        let of_org = within(invitation::Column::OrgId, org);
        let row = invitation::Entity::find_by_id(secret.id).filter(of_org).lock_exclusive();
        let before = row.one(&change).await?.ok_or(StoreError::NotFound)?;
        let after = invitation::Model {
            secret_hash: secret.hash.to_vec(),
            invited_by: Some(by.0), // who answers for it from now on
            expires_at: expires_at.as_millis(),
            revoked_at: None,
            ..before.clone()
        };
        let edit = invitation::ActiveModel {
            secret_hash: Set(after.secret_hash.clone()),
            invited_by: Set(after.invited_by),
            expires_at: Set(after.expires_at),
            revoked_at: Set(None),
            ..Default::default()
        };
        let update = invitation::Entity::update_many().set(edit);
        update.filter(invitation::Column::Id.eq(before.id)).exec(&change).await?;
        (entry.before, entry.after) = (Some(written(&before)?), Some(written(&after)?));
        sql::audit(&change, &entry).await?;
        change.commit().await?;
        Ok(after)
    }

    pub(crate) async fn stay(
        &self,
        org: OrgId,
        operator: UserId,
        now: Timestamp,
    ) -> Result<Option<Impersonation>, StoreError> {
        let running = impersonation::Entity::find()
            .filter(within(impersonation::Column::OrgId, org))
            .filter(impersonation::Column::OperatorId.eq(operator.0))
            .filter(impersonation::Column::EndedAt.is_null())
            .filter(impersonation::Column::EndsAt.gt(now.as_millis()))
            .filter(of_the_living(impersonation::Column::OrgId))
            .filter(of_an_operator());
        running.one(&self.db).await?.map(Impersonation::try_from).transpose()
    }

    pub(crate) async fn begin_impersonation(
        &self,
        stay: &Impersonation,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        // of a stay that begins and an operator who is removed at one moment, the later one finds the other
        let held = operator::Entity::find_by_id(stay.operator.0).lock_exclusive();
        held.one(&change).await?.ok_or(StoreError::NotFound)?;
        live_organization(stay.org).one(&change).await?.ok_or(StoreError::NotFound)?;
        let row = impersonation::Model::from(stay);
        let entry = AuditEntry { after: Some(written(&row)?), ..entry.clone() };
        let insert = impersonation::Entity::insert(entity::insertable(row));
        insert.exec_without_returning(&change).await.map_err(taken("organizationId"))?;
        sql::audit(&change, &entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn impersonations(
        &self,
        page: &PageQuery,
    ) -> Result<Page<Impersonation>, StoreError> {
        let query = impersonation::Entity::find();
        let id = impersonation::Column::Id;
        sql::page(&self.db, query, id, Order::Down, |row| row.id, page).await
    }

    pub(crate) async fn impersonation(
        &self,
        id: Uuid,
    ) -> Result<Option<Impersonation>, StoreError> {
        let row = impersonation::Entity::find_by_id(id).one(&self.db).await?;
        row.map(Impersonation::try_from).transpose()
    }

    /// Stays that were not ended and whose time was over at an instant.
    pub(crate) async fn due(&self, at: Timestamp) -> Result<Vec<Impersonation>, StoreError> {
        let query = impersonation::Entity::find()
            .filter(impersonation::Column::EndedAt.is_null())
            .filter(impersonation::Column::EndsAt.lte(at.as_millis()));
        let rows = query.order_by_asc(impersonation::Column::Id).limit(AT_ONCE).all(&self.db);
        rows.await?.into_iter().map(Impersonation::try_from).collect()
    }

    pub(crate) async fn end_impersonation(
        &self,
        stay: &Impersonation,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        if !mark_ended(&change, stay.id, entry.at.min(stay.ends_at)).await? {
            return Ok(());
        }
        sql::audit(&change, &ended(stay, entry.at, entry.clone())?).await?;
        Ok(change.commit().await?)
    }
}

/// The audit row of a stay's end, with the stay before and after.
fn ended(stay: &Impersonation, at: Timestamp, entry: AuditEntry) -> Result<AuditEntry, StoreError> {
    let after = Impersonation { ended_at: Some(at.min(stay.ends_at)), ..stay.clone() };
    let text = |stay: &Impersonation| written(&impersonation::Model::from(stay)).map(Some);
    Ok(AuditEntry { before: text(stay)?, after: text(&after)?, ..entry })
}

/// True of stays whose operator is one.
fn of_an_operator() -> Expr {
    let operators = Query::select()
        .expr(Expr::val(1))
        .from(operator::Entity)
        .and_where(
            Expr::col(operator::Column::UserId.as_column_ref())
                .eq(impersonation::Column::OperatorId.into_expr()),
        )
        .to_owned();
    Expr::exists(operators)
}

/// Ends all of somebody's stays in one statement.
async fn mark_all_ended(
    change: &DatabaseTransaction,
    operator: UserId,
    at: Timestamp,
) -> Result<(), StoreError> {
    use impersonation::Column;
    let is_due = Expr::col(Column::EndsAt).lt(at.as_millis());
    let ended_at = Expr::case(is_due, Expr::col(Column::EndsAt)).finally(at.as_millis());
    let update = impersonation::Entity::update_many()
        .col_expr(Column::EndedAt, ended_at.into())
        .filter(Column::OperatorId.eq(operator.0))
        .filter(Column::EndedAt.is_null());
    update.exec(change).await?;
    Ok(())
}

async fn mark_ended(
    change: &DatabaseTransaction,
    id: Uuid,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let update = impersonation::Entity::update_many()
        .col_expr(impersonation::Column::EndedAt, Expr::val(at.as_millis()))
        .filter(impersonation::Column::Id.eq(id))
        .filter(impersonation::Column::EndedAt.is_null());
    Ok(update.exec(change).await?.rows_affected == 1)
}
