//! Who is in an organization and as what. Whoever edits that holds the organization's row: so of two who would take the
//! last owner away one comes too late.

use hub_domain::{OrgId, Timestamp, UserId};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, FromQueryResult, JoinType,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, RelationDef, Select,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Expected, Store, StoreError, cursor,
    entity::{self, known, membership, user},
    invitations,
    kept::written,
    notify::look_again_at_all,
    open::ask_database,
    organizations::held,
    records::{AuditEntry, Life, Member, Page, PageQuery, Role},
    scope::within,
    sql::{self, Sql},
};

/// Who edits members: with the role that their request had.
#[derive(Clone, Debug)]
pub struct Editor {
    /// Who, and why.
    pub by: By,
    /// As what. One who is a member is judged by what they are at the moment of the change.
    pub role: Role,
}

impl Store {
    /// The members of an organization, in order of their ids.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn members(&self, org: OrgId, page: PageQuery) -> Result<Page<Member>, StoreError> {
        ask_database!(self, members(org, &page))
    }

    /// The member.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn member(&self, org: OrgId, user: UserId) -> Result<Option<Member>, StoreError> {
        ask_database!(self, member(org, user))
    }

    /// Gives a member another role. What they invited to and may not give any more is taken back.
    ///
    /// # Errors
    /// `TooLow` where the editor's role does not reach, `LastOwner` for the last one; see [`StoreError`].
    pub async fn change_role(
        &self,
        org: OrgId,
        user: UserId,
        role: Role,
        expected: impl Into<Expected>,
        editor: Editor,
    ) -> Result<Member, StoreError> {
        let revoked = |id| self.revoked_entry(org, id, &editor);
        let entry = self.member_entry(org, user, &editor, "membership.updated");
        let trail = Trail { entry, revoked: &revoked };
        ask_database!(self, change_role(org, user, role, expected.into(), &editor, trail))
    }

    /// Takes a member out of an organization, and back what they invited to. Everybody may take themselves out.
    ///
    /// # Errors
    /// As [`Self::change_role`].
    pub async fn remove_member(
        &self,
        org: OrgId,
        user: UserId,
        editor: Editor,
    ) -> Result<(), StoreError> {
        let revoked = |id| self.revoked_entry(org, id, &editor);
        let entry = self.member_entry(org, user, &editor, "membership.deleted");
        ask_database!(self, remove_member(org, user, &editor, Trail { entry, revoked: &revoked }))
    }

    fn revoked_entry(&self, org: OrgId, id: Uuid, editor: &Editor) -> AuditEntry {
        let by = By { request: None, ..editor.by.clone() };
        self.entry(org, by, "invitation.revoked", "invitation", id, &json!({}))
    }

    fn member_entry(
        &self,
        org: OrgId,
        user: UserId,
        editor: &Editor,
        action: &'static str,
    ) -> AuditEntry {
        self.entry(org, editor.by.clone(), action, "membership", user.0, &json!({}))
    }
}

impl Sql {
    pub(crate) async fn members(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<Member>, StoreError> {
        use membership::Column::{OrgId, UserId};
        let of_org = people(membership::Entity::find().filter(within(OrgId, org)));
        let from = cursor::id_after(page)?.map(|from| UserId.gt(from));
        let query = from.into_iter().fold(of_org, |query, from| query.filter(from));
        let rows = query.order_by_asc(UserId).limit(sql::one_more(page));
        let rows = rows.into_model::<MemberRow>().all(&self.of(org).await?).await?;
        sql::records(cursor::cut(rows, page, |row| cursor::of_id(row.user_id)))
    }

    pub(crate) async fn member(
        &self,
        org: OrgId,
        user: UserId,
    ) -> Result<Option<Member>, StoreError> {
        use membership::Column::{OrgId, UserId};
        let of_org = membership::Entity::find().filter(within(OrgId, org));
        let row = people(of_org.filter(UserId.eq(user.0))).into_model::<MemberRow>();
        row.one(&self.of(org).await?).await?.map(Member::try_from).transpose()
    }

    pub(crate) async fn change_role(
        &self,
        org: OrgId,
        user: UserId,
        role: Role,
        expected: Expected,
        editor: &Editor,
        Trail { mut entry, revoked }: Trail<'_>,
    ) -> Result<Member, StoreError> {
        let change = self.begin_of(org).await?;
        held(&change, org, Life::Present).await?;
        let before = one_member(&change, org, user).await?;
        expected.admit(before.version)?;
        let was = before.role()?;
        let is_lowering_oneself = editor.by.user() == Some(user) && role <= was;
        if !is_lowering_oneself {
            editor.role_in(&change, org).await?.reaches(was.max(role))?;
        }
        if was == Role::Owner && role != Role::Owner {
            need_another_owner(&change, org).await?;
        }
        let after = set_role(&change, &before, role, entry.at).await?;
        (entry.before, entry.after) = (Some(written(&before)?), Some(written(&after)?));
        sql::audit(&change, &entry).await?;
        if role < was {
            invitations::revoke_of(&change, org, user, Some(Standing(role)), revoked).await?;
        }
        look_again_at_all(&change, org, entry.at).await?;
        change.commit().await?;
        self.member(org, user).await?.ok_or(StoreError::NotFound)
    }

    pub(crate) async fn remove_member(
        &self,
        org: OrgId,
        user: UserId,
        editor: &Editor,
        Trail { mut entry, revoked }: Trail<'_>,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        held(&change, org, Life::Present).await?;
        let before = one_member(&change, org, user).await?;
        let was = before.role()?;
        if editor.by.user() != Some(user) {
            editor.role_in(&change, org).await?.reaches(was)?;
        }
        if was == Role::Owner {
            need_another_owner(&change, org).await?;
        }
        membership::Entity::delete_by_id((org.0, user.0)).exec(&change).await?;
        entry.before = Some(written(&before)?);
        sql::audit(&change, &entry).await?;
        invitations::revoke_of(&change, org, user, None, revoked).await?;
        look_again_at_all(&change, org, entry.at).await?;
        Ok(change.commit().await?)
    }
}

/// The audit rows of an edit of a member: its own, and one for each invitation of theirs that is taken back with it.
pub(crate) struct Trail<'a> {
    entry: AuditEntry,
    revoked: &'a (dyn Fn(Uuid) -> AuditEntry + Sync),
}

/// What an editor may do at the moment of a change.
#[derive(Clone, Copy)]
pub(crate) struct Standing(Role);

impl Editor {
    /// The editor's role by now: they may have lost it since their request began.
    pub(crate) async fn role_in(
        &self,
        change: &DatabaseTransaction,
        org: OrgId,
    ) -> Result<Standing, StoreError> {
        let is_guest = self.by.impersonation.is_some();
        let Some(user) = self.by.user().filter(|_| !is_guest) else {
            return Ok(Standing(self.role));
        };
        standing_of(change, org, user).await?.ok_or(StoreError::TooLow(Role::Admin))
    }
}

/// What somebody may do as a member at the moment of a change, if they are one.
pub(crate) async fn standing_of(
    change: &DatabaseTransaction,
    org: OrgId,
    user: UserId,
) -> Result<Option<Standing>, StoreError> {
    match one_member(change, org, user).await {
        Ok(row) => Ok(Some(Standing(row.role()?))),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Standing {
    /// Goes on only if members of that role are this editor's to make and remove.
    pub(crate) fn reaches(self, role: Role) -> Result<(), StoreError> {
        let takes = role.edited_by();
        if self.0 >= takes { Ok(()) } else { Err(StoreError::TooLow(takes)) }
    }
}

/// The member's row.
pub(crate) async fn one_member(
    change: &DatabaseTransaction,
    org: OrgId,
    user: UserId,
) -> Result<membership::Model, StoreError> {
    let of_org = membership::Entity::find().filter(within(membership::Column::OrgId, org));
    let row = of_org.filter(membership::Column::UserId.eq(user.0)).one(change).await?;
    row.ok_or(StoreError::NotFound)
}

async fn need_another_owner(change: &DatabaseTransaction, org: OrgId) -> Result<(), StoreError> {
    let owners = membership::Entity::find()
        .filter(within(membership::Column::OrgId, org))
        .filter(membership::Column::Role.eq(Role::Owner.name()));
    if owners.count(change).await? > 1 { Ok(()) } else { Err(StoreError::LastOwner) }
}

async fn set_role(
    change: &DatabaseTransaction,
    before: &membership::Model,
    role: Role,
    at: Timestamp,
) -> Result<membership::Model, StoreError> {
    use membership::Column;
    membership::Entity::update_many()
        .col_expr(Column::Role, Expr::val(role.name()))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdatedAt, Expr::val(at.as_millis()))
        .filter(within(Column::OrgId, OrgId(before.org_id)))
        .filter(Column::UserId.eq(before.user_id))
        .exec(change)
        .await?;
    one_member(change, OrgId(before.org_id), UserId(before.user_id)).await
}

/// Memberships with whose they are. Of people nothing else is asked for: the role that answers may see no more.
fn people(memberships: Select<membership::Entity>) -> Select<membership::Entity> {
    use membership::Column;
    let person: RelationDef = membership::Entity::belongs_to(user::Entity)
        .from(Column::UserId)
        .to(user::Column::Id)
        .into();
    memberships
        .select_only()
        .columns([
            Column::UserId,
            Column::Role,
            Column::CreatedAt,
            Column::Version,
            Column::UpdatedAt,
        ])
        .columns([user::Column::Email, user::Column::Name, user::Column::EmailVerifiedAt])
        .join(JoinType::InnerJoin, person)
}

#[derive(FromQueryResult)]
struct MemberRow {
    user_id: Uuid,
    role: String,
    created_at: i64,
    version: i64,
    updated_at: Option<i64>,
    email: String,
    name: String,
    email_verified_at: Option<i64>,
}

impl TryFrom<MemberRow> for Member {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        Ok(Self {
            user: UserId(row.user_id),
            email: row.email,
            name: row.name,
            role: known("role", &row.role, Role::parse)?,
            since: Timestamp::from_millis(row.created_at),
            email_verified_at: row.email_verified_at.map(Timestamp::from_millis),
            edition: entity::edition(row.version, row.updated_at, None),
        })
    }
}
