//! Short messages, word by word, and how they are made to fit.

use hub_domain::{AlertId, Severity};
use insta::assert_snapshot;

use super::super::*;
use super::samples::*;
use crate::sms::{Answer, CodeState, Encoding, KnownCode, ShortCode, length};

#[test]
fn alerts_say_what_where_since_when_and_what_to_reply() {
    let mut said = String::new();
    for (stage, severity) in [
        (AlertStage::News, Severity::Warning),
        (AlertStage::News, Severity::Critical),
        (AlertStage::Escalated, Severity::Critical),
        (AlertStage::Reminder, Severity::Critical),
        (AlertStage::StillOpen, Severity::Critical),
    ] {
        let text = sms(&Message::Alert(alert("Walk-in cooler", "Main Street", stage, severity)));
        assert_eq!(length(&text).segments, 1, "{text}");
        said += &(text + "\n");
    }
    assert_snapshot!(said, @r#"
    WARNING Walk-in cooler, Main Street: too warm, 9.1 C (limit 8.0 C) since 14:03. Reply 47 to acknowledge.
    ALARM Walk-in cooler, Main Street: too warm, 9.1 C (limit 8.0 C) since 14:03. Reply 47 to acknowledge.
    ESCALATED Walk-in cooler, Main Street: too warm, 9.1 C (limit 8.0 C) since 14:03. Reply 47 to acknowledge.
    REMINDER Walk-in cooler, Main Street: too warm, 9.1 C (limit 8.0 C) since 14:03. Reply 47 to acknowledge.
    STILL OPEN Walk-in cooler, Main Street: too warm, 9.1 C (limit 8.0 C) since 14:03. Reply 47 to acknowledge.
    "#);
}

#[test]
fn the_reader_chooses_the_scale() {
    let view = View { scale: Scale::Fahrenheit, ..view() };
    let text = sms(&Message::Alert(AlertText { view, ..usual() }));
    assert!(text.contains("48.4 F (limit 46.4 F)"), "{text}");
}

#[test]
fn other_short_messages() {
    let mut said = String::new();
    for message in [
        Message::Resolved(resolved("Walk-in cooler")),
        Message::Group(group(9, "Freezer")),
        Message::Outage(outage(9, "Freezer")),
        Message::OutageOver(outage_over("Main Street")),
        Message::Overflow(overflow("Harbour Kitchens")),
    ] {
        said += &(sms(&message) + "\n");
    }
    for message in all("Harbour Kitchens") {
        if matches!(message, Message::Test(_) | Message::PhoneCode(_) | Message::SetupBroken(_)) {
            said += &(sms(&message) + "\n");
        }
    }
    assert!(said.lines().all(|line| length(line).segments == 1), "{said}");
    assert_snapshot!(said, @r#"
    OVER Walk-in cooler, Main Street: too warm from 14:03 to 15:10, worst 12.4 C.
    9 MORE ALERTS at Main Street since 14:03: Freezer 1, Freezer 2, Freezer 3, Freezer 4, Freezer 5, Freezer 6, Freezer 7 and 2 more. Reply 47 to acknowledge all.
    NO DATA from 9 of 10 units at Main Street since 14:03. Check power and internet: Freezer 1, Freezer 2, Freezer 3, Freezer 4 and 5 more. Reply 47 to acknowledge.
    DATA AGAIN from 9 units at Main Street. None from 14:03 to 15:10: look at what was stored there. https://hub.example.org/units/1
    TOO MANY ALERTS: Harbour K.. has reached 500 SMS in an hour. 812 alerts open. Until 15:03 more come by e-mail and on screen only. https://hub.example.org/alerts
    TEST from FreshTrack for Harbour Kitchens: alerts reach this phone. No unit is affected. Reply 47 to try acknowledging.
    123456 is your FreshTrack code, good for 10 min. Entering it you agree to get temperature alerts by SMS from Harbour Kitchens. Reply STOP to end them.
    FreshTrack cannot send SMS: 20100, 3 failed since 14:03. Alerts go other ways until this is mended in the hub's settings.
    "#);
}

#[test]
fn replies_are_answered_with_the_truth() {
    let said: Vec<String> =
        replies("Walk-in cooler").into_iter().map(|it| sms(&Message::Reply(it))).collect();
    assert!(said.iter().all(|line| length(line).segments == 1), "{said:#?}");
    assert_snapshot!(said.join("\n"), @r#"
    47 Walk-in cooler: acknowledged by you. Others are called only if it lasts.
    47 Walk-in cooler +999: acknowledged by you. Others are called only if it lasts.
    47 Walk-in cooler: snoozed until 14:43. You are told again then if it is still open.
    47 Walk-in cooler, Main Street: too warm, 9.1 C since 14:03, acknowledged by Walk-in cooler. Reply 47S to snooze 30 min.
    Test passed: your reply reached us.
    You get FreshTrack alerts by SMS again. Reply STOP to end them, HELP for help.
    FreshTrack temperature alerts. Reply with an alert's number to acknowledge, number and S to snooze 30 min, STOP to end. Open: 47 Walk-in cooler.
    FreshTrack temperature alerts. Reply with an alert's number to acknowledge, number and S to snooze 30 min, STOP to end. None is open.
    Which one? Reply with its number: 47 Walk-in cooler, 47 Walk-in cooler.
    None of your alerts is open. There is nothing to acknowledge.
    You have no alert 47. Open: 47 Walk-in cooler.
    You have no alert 47. None is open.
    Not understood, nothing was done. Reply with the number to acknowledge: 47 Walk-in cooler.
    Not understood, nothing was done. None of your alerts is open.
    47 Walk-in cooler: acknowledged by Walk-in cooler at 14:03 already. It is still open.
    47 Walk-in cooler: you acknowledged it at 14:03 already. It is still open.
    47 Walk-in cooler: over since 14:03, acknowledged by Walk-in cooler. There is nothing to do.
    47 Walk-in cooler: over since 14:03. There is nothing to do.
    "#);
}

#[test]
fn names_are_cut_so_that_a_message_is_one_segment_and_code_and_temperature_stay() {
    for (unit, site) in [
        (
            "Walk-in cooler of the old brewery beside the canal, left door",
            "Königstraße Süd, Haus 7, Hinterhof, Erdgeschoss, Küche",
        ),
        (&"a".repeat(500), &"b".repeat(500)),
        (&"€".repeat(100), &"[".repeat(100)),
    ] {
        let text =
            sms(&Message::Alert(alert(unit, site, AlertStage::Escalated, Severity::Critical)));
        assert_eq!(length(&text).segments, 1, "{text}");
        assert_eq!(length(&text).encoding, Encoding::Gsm7, "{text}");
        assert!(text.contains(".."), "{text}");
        assert!(text.contains("9.1 C (limit 8.0 C)") && text.contains("Reply 47 to"), "{text}");
    }
    let text =
        sms(&Message::Alert(alert("Холодильник", "Склад", AlertStage::News, Severity::Critical)));
    assert!(text.contains("Холодильник, Склад"), "as it is: {text}");
    assert_eq!((length(&text).encoding, length(&text).segments), (Encoding::Ucs2, 2), "{text}");
}

#[test]
fn many_units_are_counted_where_there_is_no_room_for_their_names() {
    for message in [Message::Group(group(400, "Freezer")), Message::Outage(outage(400, "Freezer"))]
    {
        let text = sms(&message);
        assert_eq!(length(&text).segments, 1, "{text}");
        assert!(text.contains("Freezer 1") && text.contains(" more"), "{text}");
        let mail = email(message);
        assert!(mail.text.contains("Freezer 400") && mail.html.contains("Freezer 400"));
    }
}

#[test]
fn an_answer_lists_no_more_than_one_segment_holds() {
    let known = |number| KnownCode {
        code: ShortCode::new(number).unwrap(),
        alert: AlertId(uuid::Uuid::from_u128(1)),
        unit: "Walk-in cooler".into(),
        others: 0,
        state: CodeState::Open,
    };
    let answer = Answer::WhichOne((1..300).map(known).collect());
    let text = sms(&Message::Reply(ReplyText::Said { answer, at: OPENED, view: view() }));
    assert_eq!(length(&text).segments, 1, "{text}");
    assert!(text.contains("1 Walk-in cooler") && text.ends_with(" more."), "{text}");
}
