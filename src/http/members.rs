//! Members: who is in the organization, and as what.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::{OrgId, UserId};
use hub_store::{
    Editor,
    records::{Member, Role},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    asked::{Id, Listed, Query},
    body,
    edition::{self, IfMatch, Tagged},
    error::{ApiError, FieldError},
    openapi::{ById, InOrganization},
    schemas,
    sites::PageIn,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// A member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberOut {
    /// The person's id.
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    #[schema(schema_with = schemas::role)]
    role: &'static str,
    /// Since when they are in the organization.
    since: InstantOut,
    /// Shown to who may edit members, and to themselves.
    email: Option<String>,
    /// Whether they showed that the address is theirs; shown with it.
    email_verified: Option<bool>,
    /// Rises with each edit, from 1; the number in the `ETag`.
    #[schema(minimum = 1)]
    version: i64,
    /// The last edit.
    updated_at: Option<InstantOut>,
}

/// An edit of a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberPatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::member_role)]
    role: Option<String>,
}

impl MemberOut {
    fn of(member: Member, caller: &Caller) -> Self {
        let is_own = caller.user() == Ok(member.user);
        let is_told = is_own || caller.may(Deed::EditMembers).is_ok();
        Self {
            id: member.user.to_string(),
            name: member.name,
            role: member.role.name(),
            since: InstantOut(member.since),
            email_verified: is_told.then_some(member.email_verified_at.is_some()),
            email: is_told.then_some(member.email),
            version: member.edition.version,
            updated_at: member.edition.updated_at.map(InstantOut),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(leave))
        .routes(routes!(get, edit, remove))
}

/// The members of the organization.
///
/// # Errors
/// 400 for a bad page.
#[utoipa::path(
    get,
    path = "/api/v1/members",
    operation_id = "listMembers",
    tag = "Members",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, PageIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<MemberOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<MemberOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let members = hub.store.members(caller.org, page.page()?).await?;
    Ok(Json(Listed::of(members, |member| MemberOut::of(member, &caller))))
}

/// One member.
///
/// # Errors
/// 404 for somebody who is not in the organization.
#[utoipa::path(
    get,
    path = "/api/v1/members/{id}",
    operation_id = "getMember",
    tag = "Members",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = MemberOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<Tagged<MemberOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let member = hub.store.member(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(tagged(member, &caller))
}

/// Gives a member another role.
///
/// It holds for their next request, and at once for what they hear on sockets. An admin's to edit are the members up to
/// manager; owners edit all; nobody raises themselves; the last owner stays one.
///
/// # Errors
/// 403 beyond the caller's reach, 409 `last_owner`, 412 if the member was edited meanwhile, 422 for a bad role.
#[utoipa::path(
    patch,
    path = "/api/v1/members/{id}",
    operation_id = "editMember",
    tag = "Members",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, ById, IfMatch),
    request_body = MemberPatch,
    responses(
        (status = 200, description = "As it is now.", body = MemberOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UserId>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<MemberPatch>,
) -> Result<Tagged<MemberOut>, ApiError> {
    caller.may(Deed::EditMembers)?;
    let (store, org) = (&hub.store, caller.org);
    let member = match asked.role {
        Some(role) => {
            let role = role_in("/role", &role)?;
            let member = store.change_role(org, id, role, expected, editor(&caller)).await?;
            hub.realtime.sessions().role_changed(org, id);
            member
        }
        None => {
            let member = store.member(org, id).await?.ok_or(ApiError::NotFound)?;
            expected.admit(member.edition.version)?;
            member
        }
    };
    Ok(tagged(member, &caller))
}

/// Takes a member out of the organization. Their next request finds nothing, and their sockets hear nothing more.
///
/// # Errors
/// 403 beyond the caller's reach, 409 `last_owner`.
#[utoipa::path(
    delete,
    path = "/api/v1/members/{id}",
    operation_id = "removeMember",
    tag = "Members",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "They are out."),
        ActErrors,
    ),
)]
pub async fn remove(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditMembers)?;
    take_out(&hub, &caller, caller.org, id).await
}

/// Leaves the organization.
///
/// # Errors
/// 409 `last_owner`.
#[utoipa::path(
    delete,
    path = "/api/v1/members/me",
    operation_id = "leaveOrganization",
    tag = "Members",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization),
    responses(
        (status = 204, description = "The caller is out."),
        ActErrors,
    ),
)]
pub async fn leave(State(hub): State<Hub>, caller: Caller) -> Result<StatusCode, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    take_out(&hub, &caller, caller.org, caller.user()?).await
}

async fn take_out(
    hub: &Hub,
    caller: &Caller,
    org: OrgId,
    user: UserId,
) -> Result<StatusCode, ApiError> {
    hub.store.remove_member(org, user, editor(caller)).await?;
    hub.realtime.sessions().revoke(org, user);
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(member: Member, caller: &Caller) -> Tagged<MemberOut> {
    Tagged { version: member.edition.version, object: MemberOut::of(member, caller) }
}

/// The caller as one who edits members.
pub(super) fn editor(caller: &Caller) -> Editor {
    Editor { by: caller.by(), role: caller.role }
}

/// A role that a member may have: any but an inspector's, which comes by link.
///
/// # Errors
/// 422 with the pointer.
pub(super) fn role_in(pointer: &str, text: &str) -> Result<Role, ApiError> {
    let role = Role::parse(text).filter(|role| *role != Role::Inspector);
    let said = "the role must be viewer, staff, manager, admin or owner";
    role.ok_or_else(|| ApiError::Invalid(vec![FieldError::new(pointer, "bad_role", said)]))
}
