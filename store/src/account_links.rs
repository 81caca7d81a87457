//! Links that set a password or prove an address: used once, within a time. One that a colleague asked for is good only
//! while both are the members that they were then: a link to a manager does not open the account of an owner.

use hub_domain::{OrgId, Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Query},
};
use serde_json::json;

use crate::{
    Store, StoreError,
    entity::{self, account_link, membership, operator, user},
    members::{Editor, one_member},
    open::ask_database,
    records::{Actor, AuditEntry, LinkPurpose, Secret},
    second_factors,
    sessions::{self, hold_user},
    sql::{self, Sql},
};

/// So many links of a kind are good at once, of one person.
const GOOD_AT_ONCE: u64 = 5;

/// What a link is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewLink {
    user: UserId,
    purpose: LinkPurpose,
    secret: Secret,
    created_at: Timestamp,
    expires_at: Timestamp,
}

/// What came of making a link that somebody asked for who need not be the person.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FreshMade {
    /// It was made, and is good until then.
    Until(Timestamp),
    /// Five of the kind are good.
    TooMany,
}

impl NewLink {
    /// A link that is made now, good as long as those of its kind.
    pub(crate) const fn of(
        user: UserId,
        purpose: LinkPurpose,
        secret: Secret,
        now: Timestamp,
    ) -> Self {
        let expires_at = now.plus_secs(purpose.good_for_secs());
        Self { user, purpose, secret, created_at: now, expires_at }
    }
}

/// What allowed a colleague's link: the editions of two memberships.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    org: OrgId,
    version: i64,
    by: Option<(UserId, i64)>,
}

impl Store {
    /// Makes a link that somebody asked for who need not be the person: none while five of the kind are good, so that
    /// nobody can drive out another's. Gives whether it was made.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn make_link(
        &self,
        user: UserId,
        purpose: LinkPurpose,
        secret: Secret,
        good_for_secs: u32,
    ) -> Result<bool, StoreError> {
        let link = self.new_link(user, purpose, secret, good_for_secs);
        ask_database!(self, make_link(&link))
    }

    /// Makes a link for a member that a colleague of theirs is to hand over. The oldest gives way to it.
    ///
    /// # Errors
    /// `NotFound` for who is no member, `Shared` for a member who is in another organization too or runs the
    /// platform, `TooLow` for an admin or owner where the editor is no owner; otherwise as [`StoreError`] says.
    pub async fn make_link_of_member(
        &self,
        org: OrgId,
        user: UserId,
        purpose: LinkPurpose,
        secret: Secret,
        good_for_secs: u32,
        editor: Editor,
    ) -> Result<Timestamp, StoreError> {
        let link = self.new_link(user, purpose, secret, good_for_secs);
        let detail = json!({ "expiresAt": link.expires_at.as_millis() });
        let entry = self.entry(org, editor.by.clone(), made(purpose), "user", user.0, &detail);
        ask_database!(self, make_link_of_member(org, &editor, &link, &entry))?;
        Ok(link.expires_at)
    }

    /// Makes a link that whoever runs the hub hands over. The oldest gives way to it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn make_link_by_hand(
        &self,
        user: UserId,
        purpose: LinkPurpose,
        secret: Secret,
        good_for_secs: u32,
    ) -> Result<Timestamp, StoreError> {
        let link = self.new_link(user, purpose, secret, good_for_secs);
        let detail = json!({ "expiresAt": link.expires_at.as_millis() });
        let entries =
            self.entries_everywhere(user, Actor::Hub, made(purpose), json!({}), detail).await?;
        ask_database!(self, make_link_by_hand(&link, &entries))?;
        Ok(link.expires_at)
    }

    /// Whose account a link is for, if it is good.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn link_owner(
        &self,
        shown: Secret,
        purpose: LinkPurpose,
    ) -> Result<Option<UserId>, StoreError> {
        let now = self.now();
        ask_database!(self, link_owner(shown, purpose, now))
    }

    /// Uses a link up to set a password. All of the person's sessions end. Where nobody has proven the address but by a
    /// link that a colleague saw, whoever had the account before need not be whoever has it now: its issuer and its
    /// second factor are gone, too.
    ///
    /// # Errors
    /// `NotFound` for a link that is not good, otherwise as [`StoreError`] says.
    pub async fn reset_password(
        &self,
        shown: Secret,
        password_hash: &str,
    ) -> Result<(), StoreError> {
        let purpose = LinkPurpose::PasswordReset;
        let now = self.now();
        let user = self.link_owner(shown, purpose).await?.ok_or(StoreError::NotFound)?;
        let (before, after) = (json!({}), json!({ "passwordChangedAt": now.as_millis() }));
        let by = Actor::User(user);
        let entries =
            self.entries_everywhere(user, by, "user.password_reset", before, after).await?;
        let edit = user::ActiveModel {
            password_hash: Set(Some(password_hash.to_owned())),
            password_changed_at: Set(Some(now.as_millis())),
            ..Default::default()
        };
        ask_database!(self, use_link(user, shown, purpose, edit, now, &entries))
    }

    /// Uses a link up: the person's address is proven.
    ///
    /// # Errors
    /// `NotFound` for a link that is not good, otherwise as [`StoreError`] says.
    pub async fn verify_email(&self, shown: Secret) -> Result<(), StoreError> {
        let purpose = LinkPurpose::EmailVerification;
        let now = self.now();
        let user = self.link_owner(shown, purpose).await?.ok_or(StoreError::NotFound)?;
        let (before, after) = (json!({}), json!({ "emailVerifiedAt": now.as_millis() }));
        let by = Actor::User(user);
        let entries =
            self.entries_everywhere(user, by, "user.email_verified", before, after).await?;
        let edit = user::ActiveModel {
            email_verified_at: Set(Some(now.as_millis())),
            ..Default::default()
        };
        ask_database!(self, use_link(user, shown, purpose, edit, now, &entries))
    }

    fn new_link(
        &self,
        user: UserId,
        purpose: LinkPurpose,
        secret: Secret,
        good_for_secs: u32,
    ) -> NewLink {
        let created_at = self.now();
        NewLink {
            user,
            purpose,
            secret,
            created_at,
            expires_at: created_at.plus_secs(good_for_secs),
        }
    }
}

impl Sql {
    pub(crate) async fn make_link(&self, link: &NewLink) -> Result<bool, StoreError> {
        let change = self.begin().await?;
        hold_user(&change, link.user).await?.ok_or(StoreError::NotFound)?;
        let made = make_fresh(&change, link).await?;
        change.commit().await?;
        Ok(matches!(made, FreshMade::Until(_)))
    }

    pub(crate) async fn make_link_of_member(
        &self,
        org: OrgId,
        editor: &Editor,
        link: &NewLink,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        hold_user(&change, link.user).await?.ok_or(StoreError::NotFound)?;
        let allowed = check_member(&change, org, editor, link.user).await?;
        insert_over_oldest(&change, link, Some(allowed)).await?;
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn make_link_by_hand(
        &self,
        link: &NewLink,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        hold_user(&change, link.user).await?.ok_or(StoreError::NotFound)?;
        insert_over_oldest(&change, link, None).await?;
        sql::audit_all(&change, entries).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn link_owner(
        &self,
        shown: Secret,
        purpose: LinkPurpose,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let found = account_link::Entity::find().filter(is_good(shown, purpose, now));
        Ok(found.one(&self.db).await?.map(|link| UserId(link.user_id)))
    }

    pub(crate) async fn use_link(
        &self,
        user: UserId,
        shown: Secret,
        purpose: LinkPurpose,
        edit: user::ActiveModel,
        now: Timestamp,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let before = hold_user(&change, user).await?.ok_or(StoreError::NotFound)?;
        let link = account_link::Entity::find().filter(is_good(shown, purpose, now));
        let link = link.one(&change).await?.ok_or(StoreError::NotFound)?;
        let is_proven = before.email_verified_at.is_some() && before.email_verified_in.is_none();
        let mut edit = edit;
        if purpose == LinkPurpose::EmailVerification && !is_proven {
            edit.email_verified_in = Set(link.made_in);
        }
        let used = account_link::Entity::update_many()
            .col_expr(account_link::Column::UsedAt, Expr::val(now.as_millis()))
            .filter(is_good(shown, purpose, now));
        if used.exec(&change).await?.rows_affected == 0 {
            return Err(StoreError::NotFound);
        }
        forget(&change, user, purpose).await?;
        let update = user::Entity::update_many().set(edit).filter(user::Column::Id.eq(user.0));
        update.exec(&change).await?;
        if purpose == LinkPurpose::PasswordReset {
            sessions::end_all(&change, user, now).await?;
        }
        let is_doubtful = purpose == LinkPurpose::PasswordReset && !is_proven;
        if is_doubtful {
            untie(&change, user).await?;
        }
        for entry in entries {
            let entry = if is_doubtful { told(entry, &before) } else { entry.clone() };
            sql::audit(&change, &entry).await?;
        }
        Ok(change.commit().await?)
    }
}

/// Makes a link within a change that holds the person's row: none while five of the kind are good.
pub(crate) async fn make_fresh(
    change: &DatabaseTransaction,
    link: &NewLink,
) -> Result<FreshMade, StoreError> {
    forget_dead(change, link).await?;
    if good_links(change, link).await?.len() as u64 >= GOOD_AT_ONCE {
        return Ok(FreshMade::TooMany);
    }
    insert(change, link, None).await?;
    Ok(FreshMade::Until(link.expires_at))
}

/// Until when a link is good, if it is.
pub(crate) async fn good_until(
    change: &DatabaseTransaction,
    shown: Secret,
    purpose: LinkPurpose,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let found = account_link::Entity::find().filter(is_good(shown, purpose, now));
    Ok(found.one(change).await?.map(|link| Timestamp::from_millis(link.expires_at)))
}

/// The audit log's word for a link that was made.
const fn made(purpose: LinkPurpose) -> &'static str {
    match purpose {
        LinkPurpose::PasswordReset => "user.password_reset_link_made",
        LinkPurpose::EmailVerification => "user.email_verification_link_made",
    }
}

/// Takes away every way into an account but its password.
async fn untie(change: &DatabaseTransaction, user: UserId) -> Result<(), StoreError> {
    let edit = user::ActiveModel {
        issuer: Set(None),
        subject: Set(None),
        totp_secret: Set(None),
        totp_confirmed_at: Set(None),
        totp_last_step: Set(None),
        ..Default::default()
    };
    let update = user::Entity::update_many().set(edit).filter(user::Column::Id.eq(user.0));
    update.exec(change).await?;
    second_factors::forget_codes(change, user).await
}

/// An audit row that says what guarded the account before and is gone.
fn told(entry: &AuditEntry, before: &user::Model) -> AuditEntry {
    let had = json!({ "issuer": before.issuer, "totp": before.totp_confirmed_at.is_some() });
    AuditEntry { before: Some(had), ..entry.clone() }
}

/// Makes worthless what links somebody made for colleagues in an organization that they were out of: an edition of their
/// place is no later than those before they left.
pub(crate) async fn forget_made_by(
    change: &DatabaseTransaction,
    org: OrgId,
    user: UserId,
) -> Result<(), StoreError> {
    account_link::Entity::delete_many()
        .filter(account_link::Column::MadeIn.eq(org.0))
        .filter(account_link::Column::MadeBy.eq(user.0))
        .exec(change)
        .await?;
    Ok(())
}

/// Makes worthless the links of a kind to somebody's account, within a change that holds their row.
pub(crate) async fn forget(
    change: &DatabaseTransaction,
    user: UserId,
    purpose: LinkPurpose,
) -> Result<(), StoreError> {
    let links = account_link::Entity::delete_many()
        .filter(account_link::Column::UserId.eq(user.0))
        .filter(account_link::Column::Purpose.eq(purpose.name()));
    links.exec(change).await?;
    Ok(())
}

/// Makes every link to somebody's account worthless, within a change that holds their row.
pub(crate) async fn forget_all(
    change: &DatabaseTransaction,
    user: UserId,
) -> Result<(), StoreError> {
    let links = account_link::Entity::delete_many();
    links.filter(account_link::Column::UserId.eq(user.0)).exec(change).await?;
    Ok(())
}

/// Goes on only for a member of this organization alone whose role is the editor's to edit: whoever holds the link can
/// become them, everywhere.
pub(crate) async fn check_member(
    change: &DatabaseTransaction,
    org: OrgId,
    editor: &Editor,
    user: UserId,
) -> Result<Allowed, StoreError> {
    let of_user = membership::Entity::find().filter(membership::Column::UserId.eq(user.0));
    let places = of_user.all(change).await?;
    let here = places.iter().find(|place| place.org_id == org.0).ok_or(StoreError::NotFound)?;
    editor.role_in(change, org).await?.reaches(here.role()?)?;
    let is_operator = operator::Entity::find_by_id(user.0).one(change).await?.is_some();
    if places.len() > 1 || is_operator {
        return Err(StoreError::Shared);
    }
    let by = match editor.by.user() {
        Some(by) => Some((by, one_member(change, org, by).await?.version)),
        None => None,
    };
    Ok(Allowed { org, version: here.version, by })
}

/// True of links that nobody asked for but the person, and of a colleague's while what allowed it stands.
fn is_allowed() -> Condition {
    use account_link::Column as Link;
    let stands = Condition::all()
        .add(is_member_still(Link::UserId, Link::MadeAtVersion))
        .add(Link::MadeBy.is_null().or(is_member_still(Link::MadeBy, Link::MadeByVersion)));
    Condition::any().add(Link::MadeIn.is_null()).add(stands)
}

/// True of links where somebody is the member that they were when it was made, by the columns of who and as what.
fn is_member_still(who: account_link::Column, version: account_link::Column) -> Expr {
    let same = |own: membership::Column, of_link: account_link::Column| {
        Expr::col(own.as_column_ref()).eq(of_link.into_expr())
    };
    let place = Query::select()
        .expr(Expr::val(1))
        .from(membership::Entity)
        .and_where(same(membership::Column::OrgId, account_link::Column::MadeIn))
        .and_where(same(membership::Column::UserId, who))
        .and_where(same(membership::Column::Version, version))
        .to_owned();
    Expr::exists(place)
}

fn is_good(shown: Secret, purpose: LinkPurpose, now: Timestamp) -> Condition {
    Condition::all()
        .add(account_link::Column::Id.eq(shown.id))
        .add(account_link::Column::SecretHash.eq(shown.hash.to_vec()))
        .add(account_link::Column::Purpose.eq(purpose.name()))
        .add(account_link::Column::UsedAt.is_null())
        .add(account_link::Column::ExpiresAt.gt(now.as_millis()))
        .add(is_allowed())
}

fn of_kind(link: &NewLink) -> Condition {
    Condition::all()
        .add(account_link::Column::UserId.eq(link.user.0))
        .add(account_link::Column::Purpose.eq(link.purpose.name()))
}

async fn forget_dead(change: &DatabaseTransaction, link: &NewLink) -> Result<(), StoreError> {
    let is_dead = Condition::any()
        .add(account_link::Column::UsedAt.is_not_null())
        .add(account_link::Column::ExpiresAt.lte(link.created_at.as_millis()))
        .add(is_allowed().not());
    let dead = account_link::Entity::delete_many().filter(of_kind(link)).filter(is_dead);
    dead.exec(change).await?;
    Ok(())
}

/// The good links of the kind, newest first.
async fn good_links(
    change: &DatabaseTransaction,
    link: &NewLink,
) -> Result<Vec<account_link::Model>, StoreError> {
    let links = account_link::Entity::find().filter(of_kind(link));
    let newest = links.order_by_desc(account_link::Column::CreatedAt);
    Ok(newest.order_by_desc(account_link::Column::Id).limit(100).all(change).await?)
}

async fn insert_over_oldest(
    change: &DatabaseTransaction,
    link: &NewLink,
    allowed: Option<Allowed>,
) -> Result<(), StoreError> {
    forget_dead(change, link).await?;
    let good = good_links(change, link).await?;
    let most_good = usize::try_from(GOOD_AT_ONCE - 1).unwrap_or(usize::MAX);
    let oldest = good.iter().skip(most_good).map(|link| link.id);
    let gone = account_link::Entity::delete_many();
    gone.filter(account_link::Column::Id.is_in(oldest)).exec(change).await?;
    insert(change, link, allowed).await
}

async fn insert(
    change: &DatabaseTransaction,
    link: &NewLink,
    allowed: Option<Allowed>,
) -> Result<(), StoreError> {
    let by = allowed.and_then(|allowed| allowed.by);
    let row = account_link::Model {
        id: link.secret.id,
        user_id: link.user.0,
        purpose: link.purpose.name().to_owned(),
        secret_hash: link.secret.hash.to_vec(),
        created_at: link.created_at.as_millis(),
        expires_at: link.expires_at.as_millis(),
        used_at: None,
        made_in: allowed.map(|allowed| allowed.org.0),
        made_at_version: allowed.map(|allowed| allowed.version),
        made_by: by.map(|(user, _)| user.0),
        made_by_version: by.map(|(_, version)| version),
    };
    let row = account_link::Entity::insert(entity::insertable(row));
    row.exec_without_returning(change).await?;
    Ok(())
}
