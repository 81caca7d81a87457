//! People who are not reached, and the line that says so.

use hub_domain::{
    AlertId, Role,
    notify::{
        Channel, IntentId, Reach, Reason, Round, Stage, effective, plan, test_message, why_no_line,
    },
};
use uuid::Uuid;

use crate::story::{Story, at, people, person, policy, step, steps};

#[test]
fn each_lack_is_a_line_of_its_own() {
    let lacks = [
        (Reach::NoAddress, "fay.sms!no_phone"),
        (Reach::Unverified, "fay.sms!unverified"),
        (Reach::NoConsent, "fay.sms!no_consent"),
        (Reach::OptedOut, "fay.sms!opted_out"),
    ];
    for (reach, line) in lacks {
        let mut story = Story::of([policy(steps([step(0, "fay+cid sms")]))]);
        story.situation.people.push(person("fay", None, reach, Reach::Reached));
        story.play(&format!("08:00  a hot alarms  cid.sms {line}"));
    }
}

#[test]
fn who_lacks_one_way_is_told_in_the_other_that_the_step_has() {
    let mut story = Story::of([policy(steps([step(0, "fay sms+email")]))]);
    story.situation.people.push(person("fay", None, Reach::Unverified, Reach::Reached));
    story.play("08:00  a hot alarms  fay.email fay.sms!unverified");
}

#[test]
fn who_stops_in_between_is_told_no_more() {
    let mut story = Story::of([policy(steps([step(0, "cid sms"), step(15, "cid+dee sms+email")]))]);
    story.play("08:00  a hot alarms  cid.sms");
    story.situation.people[2] = person("cid", None, Reach::OptedOut, Reach::NoAddress);
    story.play("08:15  -  dee.email dee.sms!no_phone cid.sms!opted_out cid.email!no_email");
}

#[test]
fn a_sentence_says_why() {
    let mut story = Story::of([policy(steps([step(0, "cid+dee sms"), step(15, "eve sms")]))]);
    story.play("08:00  a hot opens  cid.sms dee.sms!no_phone");
    let alert = story.situation.alerts[0].clone();
    story.situation.told.clear();
    story.situation.now = at("08:20");
    let planned = plan(&story.situation);
    let mut said: Vec<&str> = planned.intents.iter().map(|it| it.line.sentence.as_str()).collect();
    said.extend(planned.untold.iter().map(|it| it.line.sentence.as_str()));
    said.sort_unstable();
    assert_eq!(
        said,
        ["Step 1 of the policy: at once when it opened.", "There is no phone number."]
    );
    assert!(planned.intents.iter().all(|it| it.line.alert == Some(alert.id)));
}

#[test]
fn members_without_a_contact_are_told_by_their_role() {
    let mut story = Story::of([policy(steps([step(0, "@manager email")]))]);
    let user = hub_domain::UserId(Uuid::from_u128(77));
    let id = hub_domain::notify::PersonId::User(user);
    let mut manager = person("eve", Some(Role::Manager), Reach::NoAddress, Reach::Reached);
    manager.id = id;
    story.situation.people = people();
    story.situation.people.push(manager);
    story.situation.now = at("08:00");
    let alert = crate::story::alert(
        AlertId(Uuid::from_u128(5)),
        hub_domain::AlertKind::TemperatureHigh,
        hub_domain::Severity::Critical,
        hub_domain::UnitId(Uuid::from_u128(6)),
        at("08:00"),
    );
    story.situation.alerts.push(alert);
    let planned = plan(&story.situation);
    assert_eq!(planned.intents.len(), 1);
    assert_eq!(planned.intents[0].line.person, id);
}

#[test]
fn who_has_no_line_is_told_why() {
    let plans = [steps([step(0, "cid sms"), step(30, "eve+@admin email"), step(45, "eve sms")])];
    let policies = plans.map(policy);
    let unit = hub_domain::UnitId(Uuid::from_u128(1));
    let kind = hub_domain::AlertKind::DoorOpen;
    let terms = effective(&policies, crate::story::SITE, unit, kind);
    let people = people();
    let turn = "Their turn is step 2 of the policy, 30 minutes in: it has not come.";
    for (who, why) in [(1, turn), (4, turn), (3, "No policy that holds for this alert names them.")]
    {
        assert_eq!(why_no_line(&terms, &people[who]), why);
    }
}

#[test]
fn how_somebody_stands_with_an_alert_is_said_by_the_line_that_counts() {
    use hub_domain::notify::{
        IntentState::{self, Delivered, Failed, Queued, Sending, Sent, Superseded, Suppressed},
        Seen,
        Standing::{self, NotTold, Told, UnderWay},
        standing,
    };
    type Row = (&'static [IntentState], Option<(Standing, usize)>);
    let table: [Row; 9] = [
        (&[], None),
        (&[Sent], Some((Told, 0))),
        (&[Suppressed, Delivered], Some((Told, 1))),
        (&[Queued, Sent, Delivered], Some((Told, 1))),
        (&[Failed, Sending], Some((UnderWay, 1))),
        (&[Superseded, Suppressed, Failed], Some((NotTold, 2))),
        (&[Superseded, Suppressed], Some((NotTold, 1))),
        (&[Superseded], Some((NotTold, 0))),
        (&[Failed, Failed], Some((NotTold, 0))),
    ];
    let sentences = ["the first", "the second", "the third"];
    for (states, expected) in table {
        let line =
            |(state, sentence): (&IntentState, &&'static str)| Seen { state: *state, sentence };
        let lines: Vec<Seen<'_>> = states.iter().zip(&sentences).map(line).collect();
        let expected = expected.map(|(standing, which)| (standing, sentences[which]));
        assert_eq!(standing(&lines), expected, "{states:?}");
    }
}

#[test]
fn who_asks_for_a_test_gets_one_or_is_told_why_not() {
    let (people, now) = (people(), at("08:00"));
    let request = Uuid::from_u128(42);
    let sent = test_message(request, &people[2], Channel::Sms, now).unwrap();
    assert_eq!((sent.line.stage, sent.line.person, sent.send_at), (Stage::Test, people[2].id, now));
    let again = test_message(request, &people[2], Channel::Sms, now).unwrap();
    assert_eq!(again.line.id, sent.line.id);
    let other = test_message(Uuid::from_u128(43), &people[2], Channel::Sms, now).unwrap();
    assert_ne!(other.line.id, sent.line.id);
    let (reason, sentence) = test_message(request, &people[2], Channel::Email, now).unwrap_err();
    assert_eq!((reason, sentence), (Reason::NoEmail, "There is no e-mail address."));
}

#[test]
fn a_stage_comes_back_from_its_text() {
    let rounds = [Round::Opened, Round::Critical, Round::Again(at("08:00"))];
    let due = rounds.map(|round| Stage::Due { round, minute: 45 });
    let others = [
        Stage::Resolved,
        Stage::Outage,
        Stage::OutageOver,
        Stage::Group,
        Stage::Overflow,
        Stage::Test,
    ];
    for stage in due.into_iter().chain(others) {
        assert_eq!(Stage::parse(&stage.to_string()), Some(stage));
    }
    for bad in ["", "opened", "opened+", "opened+x", "again+1", "again@+1", "gone+1", "closed"] {
        assert_eq!(Stage::parse(bad), None, "{bad}");
    }
}

#[test]
fn an_id_follows_from_what_it_says() {
    let (alert, stage) = (AlertId(Uuid::from_u128(1)), Stage::Resolved);
    let person = people()[0].id;
    let sms = IntentId::of(alert, stage, person, Channel::Sms);
    let email = IntentId::of(alert, stage, person, Channel::Email);
    assert_ne!(sms, email);
    assert_eq!(sms.to_string(), "508bfc9c-8f6f-555b-bd4b-4a3d95b0e6a0");
}
