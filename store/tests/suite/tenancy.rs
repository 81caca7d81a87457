//! Members, invitations, inspectors' links, and organizations that come to an end.

use std::{collections::HashSet, sync::Arc};

use hub_domain::{KeyId, OrgId, UserId};
use hub_store::{
    By, CommitError, Editor, StoreError,
    records::{Actor, InvitationFilter, InvitationState, NewInspectorLink, NewInvitation, Role},
};
use uuid::Uuid;

use crate::{
    commits::{commit, reading},
    world::{NOON, World, all_pages, page},
};

/// Somebody new, in the organization.
async fn member(world: &World, org: OrgId, role: Role) -> UserId {
    let email = format!("{}@example.test", Uuid::now_v7().simple());
    let user = world.store.create_user(&email, role.name(), None).await.unwrap().id;
    world.store.set_membership(org, user, role).await.unwrap();
    user
}

fn editor(user: UserId, role: Role) -> Editor {
    Editor { by: By::from(Actor::User(user)), role }
}

fn invitation(email: &str, role: Role) -> NewInvitation {
    NewInvitation {
        id: Uuid::now_v7(),
        email: email.to_owned(),
        role,
        secret_hash: [1; 32],
        expires_at: NOON.plus_secs(100),
    }
}

pub(crate) async fn members_are_edited_within_the_editors_reach(world: &World) {
    use Role::{Admin, Manager, Owner, Staff, Viewer};
    let (store, org, other) = (&world.store, world.org().await, world.org().await);
    let owner = member(world, org, Owner).await;
    let admin = member(world, org, Admin).await;
    let staff = member(world, org, Staff).await;
    let stranger = member(world, other, Staff).await;
    let by_admin = || editor(admin, Admin);
    let change = |user, role, editor| store.change_role(org, user, role, None, editor);
    assert_eq!(change(staff, Manager, by_admin()).await.unwrap().role, Manager);
    for (user, role) in [(staff, Admin), (staff, Owner), (owner, Staff), (admin, Owner)] {
        let refused = change(user, role, by_admin()).await;
        assert!(matches!(refused, Err(StoreError::TooLow(Owner))), "{role:?}: {refused:?}");
    }
    assert!(matches!(change(stranger, Viewer, by_admin()).await, Err(StoreError::NotFound)));
    let stale = store.change_role(org, staff, Viewer, Some(1), by_admin()).await;
    assert!(matches!(stale, Err(StoreError::Stale)));
    let refused = store.remove_member(org, owner, by_admin()).await;
    assert!(matches!(refused, Err(StoreError::TooLow(Owner))));
    assert!(matches!(change(owner, Admin, editor(owner, Owner)).await, Err(StoreError::LastOwner)));
    let leaving = store.remove_member(org, owner, editor(owner, Owner)).await;
    assert!(matches!(leaving, Err(StoreError::LastOwner)));
    // an editor is what they are by now, not what their request thought
    assert_eq!(change(admin, Viewer, editor(owner, Owner)).await.unwrap().role, Viewer);
    assert!(matches!(change(staff, Viewer, by_admin()).await, Err(StoreError::TooLow(Admin))));
    store.remove_member(org, admin, editor(admin, Viewer)).await.unwrap();
    let members = all_pages(|page| store.members(org, page)).await;
    let roles: HashSet<(UserId, Role)> = members.iter().map(|m| (m.user, m.role)).collect();
    assert_eq!(roles, HashSet::from([(owner, Owner), (staff, Manager)]));
    assert_eq!(store.member(org, stranger).await.unwrap(), None);
    let log = store.audit_log(org, page(10)).await.unwrap().items;
    let raised = log.iter().rfind(|entry| entry.action == "membership.updated").unwrap();
    let role = |value: &Option<serde_json::Value>| value.as_ref().unwrap()["role"].clone();
    assert_eq!((role(&raised.before), role(&raised.after)), ("staff".into(), "manager".into()));
    let pairs = [(owner, org), (owner, other), (staff, org), (stranger, other), (admin, org)];
    let found = store.members_among(&pairs, Staff).await.unwrap();
    assert_eq!(found, HashSet::from([(owner, org), (staff, org), (stranger, other)]));
}

pub(crate) async fn one_owner_stays_however_many_go_at_once(world: &World) {
    for _ in 0..5 {
        let org = world.org().await;
        let owners = [member(world, org, Role::Owner).await, member(world, org, Role::Owner).await];
        let mut tries = Vec::new();
        for turn in 0..20 {
            let (store, by, of) = (world.store.clone(), owners[turn % 2], owners[(turn / 2) % 2]);
            tries.push(tokio::spawn(async move {
                let editor = editor(by, Role::Owner);
                if turn % 3 == 0 {
                    store.remove_member(org, of, editor).await
                } else {
                    store.change_role(org, of, Role::Staff, None, editor).await.map(drop)
                }
            }));
        }
        for one in tries {
            one.await.unwrap().ok();
        }
        let members = world.store.members(org, page(10)).await.unwrap().items;
        let left = members.iter().filter(|member| member.role == Role::Owner).count();
        assert_eq!(left, 1, "{members:?}");
    }
}

pub(crate) async fn an_address_is_invited_once_at_a_time(world: &World) {
    let (store, org, other) = (&world.store, world.org().await, world.org().await);
    let admin = member(world, org, Role::Admin).await;
    let by = || editor(admin, Role::Admin);
    let made = store.invite(org, invitation("Ada@Example.test", Role::Staff), by()).await.unwrap();
    assert_eq!((made.email.as_str(), made.invited_by), ("ada@example.test", Some(admin)));
    let again = store.invite(org, invitation("ADA@example.test", Role::Viewer), by()).await;
    assert!(matches!(again, Err(StoreError::Taken("email"))), "{again:?}");
    let high = store.invite(org, invitation("eve@example.test", Role::Admin), by()).await;
    assert!(matches!(high, Err(StoreError::TooLow(Role::Owner))), "{high:?}");
    assert_eq!(store.invitation(other, made.id).await.unwrap(), None);

    let until = NOON.plus_secs(200);
    let renewed = store.renew_invitation(org, made.id, [2; 32], until, by()).await.unwrap();
    assert_eq!((renewed.secret_hash, renewed.expires_at), ([2; 32], until));
    world.clock.set(NOON.plus_secs(300));
    let second =
        store.invite(org, invitation("ada@example.test", Role::Staff), by()).await.unwrap();
    let first = store.invitation(org, made.id).await.unwrap().unwrap();
    assert_eq!(first.state(NOON.plus_secs(300)), InvitationState::Revoked, "it had expired");
    store.revoke_invitation(org, second.id, by()).await.unwrap();
    store.revoke_invitation(org, second.id, by()).await.unwrap();
    let late = store.renew_invitation(org, second.id, [3; 32], until, by()).await;
    assert!(matches!(late, Err(StoreError::NotOpen)));

    let user = store.member(org, admin).await.unwrap().unwrap();
    let member = store.invite(org, invitation(&user.email, Role::Staff), by()).await;
    assert!(matches!(member, Err(StoreError::Taken("email"))), "a member is not invited");
    let now = NOON.plus_secs(300);
    let of_state = |state| InvitationFilter { state: Some((state, now)) };
    let revoked =
        store.invitations(org, of_state(InvitationState::Revoked), page(9)).await.unwrap();
    assert_eq!(revoked.items.iter().map(|one| one.id).collect::<Vec<_>>(), [made.id, second.id]);
    let open = store.invitations(org, of_state(InvitationState::Open), page(9)).await.unwrap();
    assert_eq!(open.items, []);
    let log = store.audit_log(org, page(50)).await.unwrap().items;
    assert!(!log.iter().any(|entry| format!("{entry:?}").contains("secret")), "{log:?}");
    let count = |action| log.iter().filter(|entry| entry.action == action).count();
    assert_eq!(
        [count("invitation.created"), count("invitation.expired"), count("invitation.revoked")],
        [2, 1, 1]
    );
}

pub(crate) async fn a_link_shows_the_sites_it_was_made_for(world: &World) {
    let (store, org, other) = (&world.store, world.org().await, world.org().await);
    let (one, two, foreign) =
        (world.site(org).await, world.site(org).await, world.site(other).await);
    let wanted = |sites: &[_]| NewInspectorLink {
        id: Uuid::now_v7(),
        name: "Authority".to_owned(),
        secret_hash: [5; 32],
        sites: sites.to_vec(),
        expires_at: NOON.plus_secs(100),
    };
    let refused = store.create_inspector_link(org, wanted(&[one, foreign]), Actor::Hub).await;
    assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    let made =
        store.create_inspector_link(org, wanted(&[two, one, two]), Actor::Hub).await.unwrap();
    assert_eq!(made.sites, Arc::from([one, two]));
    assert_eq!(store.find_inspector_link(made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(store.inspector_link(org, made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(store.inspector_link(other, made.id).await.unwrap(), None);
    assert_eq!(
        all_pages(|page| store.inspector_links(org, page)).await,
        std::slice::from_ref(&made)
    );
    store.touch_inspector_link(made.id, NOON.plus_millis(61_234)).await.unwrap();
    let used = store.find_inspector_link(made.id).await.unwrap().unwrap().last_used_at;
    assert_eq!(used, Some(NOON.plus_millis(60_000)));
    let not_theirs = store.revoke_inspector_link(other, made.id, Actor::Hub).await;
    assert!(matches!(not_theirs, Err(StoreError::NotFound)));
    store.revoke_inspector_link(org, made.id, Actor::Hub).await.unwrap();
    store.revoke_inspector_link(org, made.id, Actor::Hub).await.unwrap();
    assert!(store.find_inspector_link(made.id).await.unwrap().unwrap().revoked_at.is_some());
}

pub(crate) async fn a_deleted_organization_is_as_none_until_its_owner_restores_it(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(1).await;
    let (owner, admin) =
        (member(world, org, Role::Owner).await, member(world, org, Role::Admin).await);
    let key = KeyId(Uuid::now_v7());
    store.create_api_key(org, key, None, "key", [0; 32], Actor::Hub).await.unwrap();
    let connection = store.create_ttn_connection(org, "ttn", [0; 32], Actor::Hub).await.unwrap();
    let epoch = store.load_sites(&[site]).await.unwrap()[0].owner_epoch;
    let by = Actor::User(owner);
    let early = store.restore_organization(org, owner, by).await;
    assert!(matches!(early, Err(StoreError::NotDeleted)), "{early:?}");
    let early = store.request_erasure(org, "x", owner, by).await;
    assert!(matches!(early, Err(StoreError::NotDeleted)), "{early:?}");

    store.delete_organization(org, by).await.unwrap();
    assert!(matches!(store.delete_organization(org, by).await, Err(StoreError::NotFound)));
    assert_eq!(store.memberships(owner).await.unwrap(), []);
    assert_eq!(store.membership(org, owner).await.unwrap(), None);
    assert!(store.members_among(&[(owner, org)], Role::Viewer).await.unwrap().is_empty());
    assert_eq!(store.find_api_key(key).await.unwrap(), None);
    assert_eq!(store.find_ttn_connection(connection.id).await.unwrap(), None);
    assert!(!store.all_sites().await.unwrap().contains(&site));
    assert!(store.load_sites(&[site]).await.unwrap().is_empty());
    let mut late = commit(org, site, units[0].id);
    late.owner_epoch = epoch;
    late.past = vec![reading(units[0].id, NOON, 4_000)];
    let refused = store.commit(late).await;
    assert!(matches!(refused, Err(CommitError::Conflict(_))), "nothing is judged: {refused:?}");

    let deleted = store.deleted_organizations(owner).await.unwrap();
    assert_eq!(deleted.iter().map(|one| one.id).collect::<Vec<_>>(), [org]);
    assert_eq!(store.deleted_organizations(admin).await.unwrap(), []);
    let others = store.restore_organization(org, admin, Actor::User(admin)).await;
    assert!(matches!(others, Err(StoreError::NotFound)));
    let back = store.restore_organization(org, owner, by).await.unwrap();
    assert_eq!((back.edition.version, back.edition.deleted_at), (3, None));
    assert_eq!(store.memberships(admin).await.unwrap().len(), 1);
    assert_eq!(store.find_api_key(key).await.unwrap().map(|key| key.id), Some(key));
    assert_eq!(store.load_sites(&[site]).await.unwrap().len(), 1);
}
