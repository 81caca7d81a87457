//! Accounts: what ends by itself, and what cannot be had twice.

use hub_domain::{Timestamp, UserId};
use hub_store::{
    Editor, Store, StoreError,
    records::{
        Actor, Joiner, LinkPurpose, NewImpersonation, NewTenant, Renewal, Role, Secret, Subject,
    },
};
use uuid::Uuid;

use crate::world::{NOON, World, page};

const HASH: &str = "$argon2id$…";
const HOUR: u32 = 3600;

fn secret(number: u8) -> Secret {
    Secret { id: Uuid::from_u128(u128::from(number)), hash: [number; 32] }
}

async fn person(store: &Store, name: &str) -> UserId {
    let email = format!("{name}@example.test");
    store.create_user(&email, name, Some(HASH)).await.unwrap().id
}

pub(crate) async fn a_session_ends_when_nobody_renews_it(world: &World) {
    let store = &world.store;
    let user = person(store, "ada").await;
    let changed = store.open_session(user, Some("another"), secret(1), HOUR).await;
    assert!(matches!(changed, Err(StoreError::Stale)), "the password was changed meanwhile");
    store.open_session(user, Some(HASH), secret(1), HOUR).await.unwrap();
    let forged = Secret { hash: [9; 32], ..secret(1) };
    assert_eq!(store.renew_session(forged, secret(2), HOUR).await.unwrap(), Renewal::Refused);
    world.clock.set(NOON.plus_secs(HOUR - 1));
    let renewed = store.renew_session(secret(1), secret(2), HOUR).await.unwrap();
    assert_eq!(renewed, Renewal::Renewed(user, 0));
    world.clock.set(NOON.plus_secs(2 * HOUR - 1));
    assert_eq!(store.renew_session(secret(2), secret(3), HOUR).await.unwrap(), Renewal::Refused);
}

pub(crate) async fn a_token_used_again_ends_its_session_and_no_other(world: &World) {
    let store = &world.store;
    let user = person(store, "ada").await;
    for session in [1, 11] {
        store.open_session(user, Some(HASH), secret(session), HOUR).await.unwrap();
    }
    let renew = |from, to| store.renew_session(secret(from), secret(to), HOUR);
    assert_eq!(renew(1, 2).await.unwrap(), Renewal::Renewed(user, 0));
    world.clock.set(NOON.plus_secs(10));
    assert_eq!(renew(1, 3).await.unwrap(), Renewal::Refused, "perhaps a second tab");
    assert_eq!(renew(2, 4).await.unwrap(), Renewal::Renewed(user, 0));
    world.clock.set(NOON.plus_millis(10_001));
    assert_eq!(renew(1, 5).await.unwrap(), Renewal::Stolen(user));
    assert_eq!(renew(4, 6).await.unwrap(), Renewal::Refused);
    let others = renew(11, 12).await.unwrap();
    assert_eq!(others, Renewal::Renewed(user, 1), "it goes on, with access tokens of its own");
    store.change_password(user, HASH, "$argon2id$next").await.unwrap();
    assert_eq!(renew(12, 13).await.unwrap(), Renewal::Refused);
    assert!(matches!(store.change_password(user, HASH, "x").await, Err(StoreError::Stale)));
}

pub(crate) async fn tokens_that_are_over_are_forgotten(world: &World) {
    let store = &world.store;
    let user = person(store, "ada").await;
    store.open_session(user, Some(HASH), secret(1), HOUR).await.unwrap();
    for number in 1..50 {
        world.clock.set(NOON.plus_secs(60 * u32::from(number)));
        let renewed = store.renew_session(secret(number), secret(number + 1), HOUR).await.unwrap();
        assert_eq!(renewed, Renewal::Renewed(user, 0));
    }
    let forgotten = async |at| store.upkeep(at).await.unwrap().tokens_forgotten;
    assert_eq!(forgotten(NOON.plus_secs(HOUR)).await, 0, "one that ends now is not over yet");
    assert_eq!(forgotten(NOON.plus_secs(HOUR + 60 * 30)).await, 30);
    let renewed = store.renew_session(secret(50), secret(51), HOUR).await.unwrap();
    assert_eq!(renewed, Renewal::Renewed(user, 0), "the session goes on");
    assert_eq!(store.renew_session(secret(1), secret(52), HOUR).await.unwrap(), Renewal::Refused);
    assert_eq!(forgotten(NOON.plus_secs(3 * HOUR)).await, 21);
}

pub(crate) async fn links_end_and_are_few(world: &World) {
    let store = &world.store;
    let user = person(store, "ada").await;
    let reset = LinkPurpose::PasswordReset;
    for number in 1..=5 {
        assert!(store.make_link(user, reset, secret(number), HOUR).await.unwrap());
    }
    assert!(!store.make_link(user, reset, secret(6), HOUR).await.unwrap(), "five are enough");
    assert_eq!(store.link_owner(secret(1), reset).await.unwrap(), Some(user));
    let other = LinkPurpose::EmailVerification;
    assert_eq!(store.link_owner(secret(1), other).await.unwrap(), None);
    store.reset_password(secret(1), "$argon2id$next").await.unwrap();
    for number in 1..=5 {
        let again = store.reset_password(secret(number), "$argon2id$more").await;
        assert!(matches!(again, Err(StoreError::NotFound)), "one makes all of them worthless");
    }
    assert!(store.make_link(user, reset, secret(7), HOUR).await.unwrap());
    world.clock.set(NOON.plus_secs(HOUR));
    assert_eq!(store.link_owner(secret(7), reset).await.unwrap(), None);
}

pub(crate) async fn a_step_and_a_recovery_code_are_taken_once(world: &World) {
    let store = &world.store;
    let user = person(store, "ada").await;
    store.begin_totp(user, &[1; 20]).await.unwrap();
    store.begin_totp(user, &[2; 20]).await.unwrap();
    let late = store.confirm_totp(user, &[1; 20], 7, &[[1; 32]]).await;
    assert!(matches!(late, Err(StoreError::Stale)), "it is another by now");
    store.confirm_totp(user, &[2; 20], 7, &[[1; 32], [2; 32]]).await.unwrap();
    assert!(matches!(store.begin_totp(user, &[3; 20]).await, Err(StoreError::Taken("totp"))));
    for (step, taken) in [(7, false), (6, false), (8, true), (8, false), (10, true), (9, false)] {
        assert_eq!(store.take_totp_step(user, step).await.unwrap(), taken, "{step}");
    }
    for (code, taken) in [([1; 32], true), ([1; 32], false), ([9; 32], false)] {
        assert_eq!(store.take_recovery_code(user, code).await.unwrap(), taken);
    }
    assert_eq!(store.recovery_codes_left(user).await.unwrap(), 1);
    store.remove_totp(user).await.unwrap();
    assert_eq!(store.recovery_codes_left(user).await.unwrap(), 0);
    assert_eq!(store.account(user).await.unwrap().unwrap().totp, None);
    assert!(!store.take_totp_step(user, 10).await.unwrap(), "nor by a factor to come");
}

fn tenant(email: &str) -> NewTenant {
    let (name, owner_email) = ("Fresh".to_owned(), email.to_owned());
    NewTenant {
        name,
        owner_email,
        invitation: secret(1),
        mail: None,
        invited_for_secs: HOUR.into(),
    }
}

pub(crate) async fn an_invitation_ends_and_leaves_nothing_half_done(world: &World) {
    let store = &world.store;
    let (org, ends_at) = store.create_tenant(&tenant("Eve@x.test"), Actor::Hub).await.unwrap();
    assert_eq!(ends_at, NOON.plus_secs(HOUR));
    let open = store.open_invitation(secret(1)).await.unwrap().unwrap();
    assert_eq!((open.org, open.email.as_str(), open.role), (org.id, "eve@x.test", Role::Owner));
    let subject = || Subject { issuer: "https://idp".to_owned(), subject: "1".to_owned() };
    let taken = person(store, "ada").await;
    store.link_subject(taken, "https://idp", "1").await.unwrap();
    let joiner = Joiner::WithSubject { name: "Eve".to_owned(), subject: subject() };
    let refused = store.accept_invitation(secret(1), joiner).await;
    assert!(matches!(refused, Err(StoreError::Taken("subject"))), "{refused:?}");
    assert_eq!(store.user_by_email("eve@x.test").await.unwrap(), None, "all or nothing");
    let joiner = || Joiner::WithPassword { name: "Eve".to_owned(), password_hash: HASH.to_owned() };
    world.clock.set(NOON.plus_secs(HOUR));
    let late = store.accept_invitation(secret(1), joiner()).await;
    assert!(matches!(late, Err(StoreError::NotFound)));
    world.clock.set(NOON);
    let eve = store.accept_invitation(secret(1), joiner()).await.unwrap();
    assert_eq!(store.membership(org.id, eve).await.unwrap(), Some(Role::Owner));
    let again = store.accept_invitation(secret(1), Joiner::Known(eve)).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    let log = store.audit_log(org.id, page(10)).await.unwrap().items;
    let actions: Vec<_> = log.iter().rev().map(|entry| entry.action.as_str()).collect();
    let expected =
        ["organization.created", "invitation.created", "invitation.accepted", "membership.created"];
    assert_eq!(actions, expected);
}

pub(crate) async fn a_stay_ends_by_itself_and_is_on_record(world: &World) {
    let store = &world.store;
    let (org, other) = (world.org().await, world.org().await);
    let operator = person(store, "root").await;
    store.add_operator(operator).await.unwrap();
    store.add_operator(operator).await.unwrap();
    let new = || NewImpersonation {
        org,
        operator,
        role: Role::Manager,
        reason: "a call for help".to_owned(),
        secs: 60,
    };
    let stay = store.begin_impersonation(new()).await.unwrap();
    let twice = store.begin_impersonation(new()).await;
    assert!(matches!(twice, Err(StoreError::Taken("organizationId"))));
    let standing = store.standing(org, operator).await.unwrap().unwrap();
    assert_eq!((standing.role, standing.impersonation), (Role::Manager, Some(stay.id)));
    assert_eq!(store.standing(other, operator).await.unwrap(), None);
    assert_eq!(store.end_due_impersonations().await.unwrap(), []);

    world.clock.set(NOON.plus_secs(60));
    assert_eq!(store.standing(org, operator).await.unwrap(), None, "at that moment");
    world.clock.set(NOON.plus_secs(65));
    assert_eq!(store.end_due_impersonations().await.unwrap().len(), 1);
    assert_eq!(store.end_due_impersonations().await.unwrap(), []);
    let ended = store.impersonations(page(10)).await.unwrap().items.remove(0);
    assert_eq!(ended.ended_at, Some(NOON.plus_secs(60)));
    let log = store.audit_log(org, page(2)).await.unwrap().items;
    let entries: Vec<(&str, Option<Uuid>, Timestamp)> =
        log.iter().map(|entry| (entry.action.as_str(), entry.impersonation, entry.at)).collect();
    let expected = [
        ("impersonation.ended", Some(stay.id), NOON.plus_secs(65)),
        ("impersonation.began", Some(stay.id), NOON),
    ];
    assert_eq!(entries, expected);
    store.begin_impersonation(new()).await.unwrap();
    store.remove_operator(operator).await.unwrap();
    assert_eq!(store.standing(org, operator).await.unwrap(), None);
    assert!(!store.is_operator(operator).await.unwrap());
}

pub(crate) async fn who_is_no_operator_any_more_stays_nowhere(world: &World) {
    let store = &world.store;
    let operator = person(store, "root").await;
    store.add_operator(operator).await.unwrap();
    let new = |org, secs| NewImpersonation {
        org,
        operator,
        role: Role::Admin,
        reason: "a call for help".to_owned(),
        secs,
    };
    let mut orgs = Vec::new();
    for number in 0..120 {
        let org = world.org().await;
        store.begin_impersonation(new(org, if number == 0 { 10 } else { 60 })).await.unwrap();
        orgs.push(org);
    }
    world.clock.set(NOON.plus_secs(30));
    store.remove_operator(operator).await.unwrap();
    for (number, org) in orgs.iter().enumerate() {
        assert_eq!(store.standing(*org, operator).await.unwrap(), None, "{number}");
        let log = store.audit_log(*org, page(10)).await.unwrap().items;
        let ends = log.iter().filter(|entry| entry.action == "impersonation.ended").count();
        assert_eq!(ends, 1, "{number}");
    }
    let stays = store.impersonations(page(200)).await.unwrap().items;
    let over = stays.iter().filter(|stay| stay.ended_at == Some(NOON.plus_secs(30))).count();
    assert_eq!((stays.len(), over), (120, 119));
    let first = stays.iter().find(|stay| stay.org == orgs[0]).unwrap();
    assert_eq!(first.ended_at, Some(NOON.plus_secs(10)), "its time was over before");
    let again = store.begin_impersonation(new(orgs[1], 60)).await;
    assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
}

pub(crate) async fn a_stay_that_begins_as_its_operator_goes_is_over(world: &World) {
    let store = &world.store;
    for number in 0..10 {
        let operator = person(store, &format!("root-{number}")).await;
        let org = world.org().await;
        store.add_operator(operator).await.unwrap();
        let reason = "a call for help".to_owned();
        let new = NewImpersonation { org, operator, role: Role::Admin, reason, secs: 60 };
        let (begun, removed) =
            tokio::join!(store.begin_impersonation(new), store.remove_operator(operator));
        removed.unwrap();
        assert!(matches!(begun, Ok(_) | Err(StoreError::NotFound)), "{begun:?}");
        assert_eq!(store.standing(org, operator).await.unwrap(), None);
        let stays = store.impersonations(page(200)).await.unwrap().items;
        assert!(stays.iter().all(|stay| stay.ended_at.is_some()), "{stays:?}");
    }
}

/// What says whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Nothing,
    /// A link that a colleague was shown, who may have used it.
    Colleagues,
    Own,
    /// The same, and a colleague's link later on.
    Both,
    Issuers,
}

pub(crate) async fn a_reset_leaves_one_way_into_an_unproven_account(world: &World) {
    let store = &world.store;
    let org = world.org().await;
    let proofs = [Proof::Nothing, Proof::Colleagues, Proof::Own, Proof::Both, Proof::Issuers];
    for (number, proof) in (0_u8..).zip(proofs) {
        let user = person(store, &format!("{proof:?}")).await;
        store.begin_totp(user, &[1; 20]).await.unwrap();
        store.confirm_totp(user, &[1; 20], 7, &[[1; 32]]).await.unwrap();
        let link = |kind: u8| secret(10 * number + kind);
        let verify = LinkPurpose::EmailVerification;
        if matches!(proof, Proof::Own | Proof::Both) {
            assert!(store.make_link(user, verify, link(1), HOUR).await.unwrap());
            store.verify_email(link(1)).await.unwrap();
        }
        if matches!(proof, Proof::Colleagues | Proof::Both) {
            store.set_membership(org, user, Role::Staff).await.unwrap();
            let editor = Editor { by: Actor::Hub.into(), role: Role::Owner };
            let made = store.make_link_of_member(org, user, verify, link(2), HOUR, editor);
            made.await.unwrap();
            store.verify_email(link(2)).await.unwrap();
        }
        if proof == Proof::Issuers {
            store.link_subject(user, "https://idp", "1").await.unwrap();
        }
        let is_verified = store.account(user).await.unwrap().unwrap().email_verified_at.is_some();
        assert_eq!(is_verified, proof != Proof::Nothing, "{proof:?}");
        assert!(store.make_link(user, LinkPurpose::PasswordReset, link(3), HOUR).await.unwrap());
        store.reset_password(link(3), "$argon2id$next").await.unwrap();
        let account = store.account(user).await.unwrap().unwrap();
        let is_proven = !matches!(proof, Proof::Nothing | Proof::Colleagues);
        assert_eq!(account.second_factor().is_some(), is_proven, "{proof:?}");
        assert_eq!(account.issuer.is_some(), proof == Proof::Issuers, "{proof:?}");
        assert_eq!(store.recovery_codes_left(user).await.unwrap(), u64::from(is_proven));
    }
}
