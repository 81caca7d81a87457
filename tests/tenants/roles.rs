//! Each role against each operation's deed, and bodies that say more than they may.

use hub_testkit::rows;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    asking::{Asked, Caller},
    deeds,
    document::{Expected, Operation},
    foreign::brief,
    samples,
    table::{OF_ACCOUNTS, OF_OPERATORS},
    tenant::ROLES,
    world::{Running, World},
};

/// Operations that do not say who may do them, or say something that is no deed.
pub(crate) fn without_deed(operations: &[Operation]) -> Vec<String> {
    let of_people = operations.iter().filter(|operation| operation.caller == Expected::People);
    let is_wrong = |operation: &&Operation| match &operation.deed {
        None => !takes_no_role(operation),
        Some(deed) => deeds::least(deed).is_none() || takes_no_role(operation),
    };
    let wrong = of_people.filter(is_wrong);
    wrong.map(|operation| format!("{} says {:?}", operation.id, operation.deed)).collect()
}

fn takes_no_role(operation: &Operation) -> bool {
    [OF_ACCOUNTS, OF_OPERATORS].iter().any(|list| list.contains(&operation.id.as_str()))
}

/// What is found when each role does what it may not, and what it may.
pub(crate) async fn findings(world: &World, running: &Running) -> Vec<String> {
    let url = running.hub.url();
    let callers: Vec<Caller> = (2..)
        .zip(["inspector"].into_iter().chain(ROLES))
        .map(|(place, role)| world.ours.caller(role, &url, place))
        .collect();
    let strangers: Vec<Caller> =
        world.ours.callers(&url).into_iter().filter(is_no_member).collect();
    assert_eq!(strangers.len(), 5);
    let mut findings = Vec::new();
    for operation in &world.operations {
        let Some(least) = operation.deed.as_deref().and_then(deeds::least) else { continue };
        let (above, below): (Vec<&Caller>, Vec<&Caller>) =
            callers.iter().partition(|caller| caller.role.and_then(deeds::rank) >= Some(least));
        let before = running.rows.of(&world.ours.org).await.expect("our rows");
        for caller in below {
            let heard = caller.ask(&world.ours.own(operation)).await;
            let is_refused = heard.status == 403 && heard.code() == "forbidden";
            // where an organization need not be chosen, an inspector's link is no sign-in
            let is_nobody = caller.name == "inspector" && heard.status == 401;
            if !is_refused && !is_nobody {
                findings.push(format!("{} as {}: {}", operation.id, caller.name, brief(&heard)));
            }
        }
        for caller in &strangers {
            let heard = caller.ask(&world.ours.own(operation)).await;
            if !matches!(heard.status, 401 | 403 | 404) {
                findings.push(format!("{} as {}: {}", operation.id, caller.name, brief(&heard)));
            }
        }
        let after = running.rows.of(&world.ours.org).await.expect("our rows");
        let mut changes = rows::changes(&before, &after);
        changes.retain(|change| !is_the_hubs(change));
        if !changes.is_empty() {
            findings.push(format!(
                "{} was refused and changed {}",
                operation.id,
                changes.join("\n")
            ));
        }
        for caller in above {
            let Some(asked) = harmless(world, operation) else { continue };
            let heard = caller.ask(&asked).await;
            if heard.status == 403 || heard.status == 401 {
                findings.push(format!("{} as {}: {}", operation.id, caller.name, brief(&heard)));
            }
        }
    }
    findings
}

/// Whether a change is the hub's own: a note went away, since the hub has done what it says, which was asked before, where
/// one that came is no such change; or it planned anew whom alerts are told to, which it counts.
fn is_the_hubs(change: &str) -> bool {
    let plans = ["alert_plans:", "organization_plans:"];
    ["- device_chores:", "- unit_chores:"].iter().any(|note| change.starts_with(note))
        || plans.iter().any(|table| change.get(2..).is_some_and(|of| of.starts_with(table)))
}

/// Whether a caller has no part in the organization: one who had, a key, whatever is over, and nobody.
pub(crate) fn is_no_member(caller: &Caller) -> bool {
    caller.role.is_none()
}

/// The operation with objects of nothing in its path: who may do it is told that there is none.
fn harmless(world: &World, operation: &Operation) -> Option<Asked> {
    let sample = samples::of(operation);
    let in_path = operation.path_names().len();
    if in_path == 0 && sample.not_done.is_some() {
        return None;
    }
    let id = |at: usize, kind: &str| match at < in_path {
        true => Uuid::now_v7().to_string(),
        false => world.ours.thing(kind).to_owned(),
    };
    Some(sample.request(operation, id, &|word| world.ours.word(word)))
}

/// What is found when the owner does everything with their own: each sample has to be a good one, or nothing is shown
/// by what it is answered with another's objects.
pub(crate) async fn bad_samples(world: &World, owner: &Caller) -> Vec<String> {
    let mut bad = Vec::new();
    for sample in crate::table::SAMPLES {
        let operation = world.operations.iter().find(|known| known.id == sample.operation);
        let operation = operation.expect("the table was compared with the document");
        if sample.not_done.is_some() || operation.caller == Expected::Sender {
            continue;
        }
        let id = |_: usize, kind: &str| world.ours.thing(kind).to_owned();
        let asked = sample.request(operation, id, &|word| world.ours.word(word));
        let heard = owner.ask(&asked).await;
        let is_expected = match sample.answers {
            Some(status) => heard.status == status,
            None => heard.is_good(),
        };
        if !is_expected {
            bad.push(format!(
                "{} {} {:?}: {}",
                asked.method,
                asked.place,
                asked.body,
                brief(&heard)
            ));
        }
    }
    bad
}

/// What is found when bodies say what is not theirs to say.
pub(crate) async fn overposted(world: &World, owner: &Caller) -> Vec<String> {
    let (org, user) = (world.theirs.org.clone(), world.theirs.thing("owner").to_owned());
    let fields: Vec<(&str, Value)> = vec![
        ("id", Uuid::now_v7().to_string().into()),
        ("orgId", org.clone().into()),
        ("org_id", org.clone().into()),
        ("organizationId", org.into()),
        ("role", "owner".into()),
        ("userId", user.clone().into()),
        ("createdBy", user.clone().into()),
        ("created_by", user.into()),
        ("createdAt", "2020-01-01T00:00:00Z".into()),
        ("updatedAt", "2020-01-01T00:00:00Z".into()),
        ("deletedAt", "2020-01-01T00:00:00Z".into()),
        ("version", 99.into()),
    ];
    let mut findings = Vec::new();
    for operation in world.operations.iter().filter(|operation| operation.has_body) {
        let sample = samples::of(operation);
        if sample.not_done.is_some() {
            continue;
        }
        for (field, value) in &fields {
            if operation.fields.contains(*field) {
                continue;
            }
            let mut asked = world.ours.own(operation);
            let Some(body) = asked.body.as_mut().and_then(Value::as_object_mut) else { continue };
            body.insert((*field).to_owned(), value.clone());
            let heard = owner.ask(&asked).await;
            let is_there = !OF_OPERATORS.contains(&operation.id.as_str());
            let is_refused = matches!(heard.status, 400 | 422) || !is_there && heard.status == 404;
            if !is_refused && sample.takes_more.is_none() {
                findings.push(format!("{} takes {field}: {}", operation.id, brief(&heard)));
            }
        }
    }
    findings
}
