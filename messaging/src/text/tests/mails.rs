//! Mails, word by word.

use hub_domain::AlertKind;
use insta::assert_snapshot;

use super::super::*;
use super::samples::*;

#[test]
fn an_alert_by_mail() {
    let mail = email(Message::Alert(usual()));
    assert_snapshot!(format!("{}\n\n{}", mail.subject, mail.text), @r#"
    ALARM: Walk-in cooler too warm, 9.1 °C (Main Street)

    ALARM: Walk-in cooler – too warm

    Unit:         Walk-in cooler (Cellar)
    Site:         Main Street, Harbour Kitchens
    Temperature:  9.1 °C (limit 8.0 °C)
    Since:        Sat 29 Nov 2025, 14:03 (Europe/Berlin)

    Acknowledge it, so that nobody else is called:
    https://hub.example.org/a/1?t=x&y=z

    See the unit:
    https://hub.example.org/units/1

    -- 
    FreshTrack Hub watches the units of Harbour Kitchens.
    No more of these mails: https://hub.example.org/u/1
    "#);
    assert_snapshot!(mail.html, @r#"
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>ALARM: Walk-in cooler</title>
    </head>
    <body style="margin:0;padding:24px;background:#f4f6f8;color:#1b2733;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif">
    <div style="max-width:560px;margin:0 auto;background:#ffffff;border-radius:8px;padding:24px">
    <h1 style="margin:0 0 16px;font-size:20px;line-height:1.3;color:#b3261e">ALARM: Walk-in cooler – too warm</h1>

    <table style="border-collapse:collapse">
    <tr><td style="padding:4px 16px 4px 0;color:#5a6b7b;vertical-align:top">Unit</td><td style="padding:4px 0"><bdi>Walk-in cooler (Cellar)</bdi></td></tr>

    <tr><td style="padding:4px 16px 4px 0;color:#5a6b7b;vertical-align:top">Site</td><td style="padding:4px 0"><bdi>Main Street, Harbour Kitchens</bdi></td></tr>

    <tr><td style="padding:4px 16px 4px 0;color:#5a6b7b;vertical-align:top">Temperature</td><td style="padding:4px 0"><bdi>9.1 °C (limit 8.0 °C)</bdi></td></tr>

    <tr><td style="padding:4px 16px 4px 0;color:#5a6b7b;vertical-align:top">Since</td><td style="padding:4px 0"><bdi>Sat 29 Nov 2025, 14:03 (Europe&#x2f;Berlin)</bdi></td></tr>

    </table>
    <p style="margin:20px 0"><a href="https:&#x2f;&#x2f;hub.example.org&#x2f;a&#x2f;1?t=x&amp;y=z" style="display:inline-block;padding:12px 20px;border-radius:6px;background:#0b5cad;color:#ffffff;text-decoration:none;font-weight:600">Acknowledge</a></p>

    <p style="margin:0;color:#5a6b7b;font-size:14px">Acknowledging tells everybody that somebody is on it, and nobody else is called.</p>
    <p style="margin:12px 0"><a href="https:&#x2f;&#x2f;hub.example.org&#x2f;units&#x2f;1" style="color:#0b5cad">See the unit</a></p>

    </div>
    <p style="max-width:560px;margin:16px auto;color:#5a6b7b;font-size:13px">FreshTrack Hub watches the units of <bdi>Harbour Kitchens</bdi>. <a href="https:&#x2f;&#x2f;hub.example.org&#x2f;u&#x2f;1" style="color:#5a6b7b">No more of these mails</a></p>
    </body>
    </html>
    "#);
}

#[test]
fn a_mail_says_why_it_comes_now() {
    let reasons = [
        (AlertStage::News, None),
        (AlertStage::Escalated, Some("Nobody has taken care of this alert so far")),
        (AlertStage::Reminder, Some("Nobody has acknowledged this alert yet")),
        (AlertStage::Again, Some("Somebody acknowledged this alert, and it lasts")),
        (AlertStage::StillOpen, Some("You were not told at once")),
    ];
    for (stage, wanted) in reasons {
        let mail = email(Message::Alert(AlertText { stage, ..usual() }));
        for (_, reason) in reasons {
            let Some(reason) = reason else { continue };
            let is_said = (mail.text.contains(reason), mail.html.contains(reason));
            let is_wanted = wanted == Some(reason);
            assert_eq!(is_said, (is_wanted, is_wanted), "{stage:?}: {}", mail.text);
        }
    }
}

#[test]
fn a_digest_says_of_each_unit_what_is_the_matter() {
    let unit = |name: &str| DigestUnit {
        name: name.into(),
        out_secs: 0,
        is_silent: false,
        missed_logs: 0,
        open: Vec::new(),
    };
    let mut digest = digest("Main Street");
    digest.sites[0].attention = vec![
        DigestUnit {
            out_secs: 90,
            is_silent: true,
            missed_logs: 2,
            open: vec![AlertKind::DoorOpen, AlertKind::LowBattery],
            ..unit("All of it")
        },
        DigestUnit { is_silent: true, ..unit("Silent") },
        DigestUnit { missed_logs: 1, ..unit("Forgotten") },
    ];
    digest.sites[0].more = 7;
    let mail = email(Message::Digest(digest));
    assert_eq!(mail.subject, "Your day at Harbour Kitchens: 10 units need a look");
    for line in [
        "All of it: door open, sensor battery low, out of range 1 min, no data, manual logs missed: 2",
        "Silent: no data",
        "Forgotten: manual logs missed: 1",
        "and 7 more",
    ] {
        assert!(mail.text.contains(&format!("! {line}\n")), "{line} is not in {}", mail.text);
        let line = line.split_once(": ").map_or(line, |(_, said)| said);
        assert!(mail.html.contains(&format!("{line}</li>")), "{line} is not in {}", mail.html);
    }
}

#[test]
fn other_mails() {
    let mut said = String::new();
    for message in all("Walk-in cooler") {
        let is_told =
            !matches!(message, Message::Alert(_) | Message::Reply(_) | Message::PhoneCode(_));
        if is_told {
            let mail = email(message);
            said += &format!("=== {}\n{}", mail.subject, mail.text);
        }
    }
    assert_snapshot!(said, @r#"
    === Over: Walk-in cooler too warm (Main Street)
    Over: Walk-in cooler – too warm

    Unit:         Walk-in cooler (Cellar)
    Site:         Main Street, Harbour Kitchens
    From:         Sat 29 Nov 2025, 14:03 (Europe/Berlin)
    To:           Sat 29 Nov 2025, 15:10 (Europe/Berlin)
    Worst:        12.4 °C
    Resolved by:  Walk-in cooler

    See the unit:
    https://hub.example.org/units/1

    -- 
    FreshTrack Hub watches the units of Harbour Kitchens.
    No more of these mails: https://hub.example.org/u/1
    === 9 alerts at Main Street (Harbour Kitchens)
    9 alerts at Main Street since Sat 29 Nov 2025, 14:03 (Europe/Berlin)

    So many came at once that they are told together. None is left out:

    - Walk-in cooler 1, Main Street: too warm, 9.1 °C
    - Walk-in cooler 2, Main Street: too warm, 9.1 °C
    - Walk-in cooler 3, Main Street: too warm, 9.1 °C
    - Walk-in cooler 4, Main Street: too warm, 9.1 °C
    - Walk-in cooler 5, Main Street: too warm, 9.1 °C
    - Walk-in cooler 6, Main Street: too warm, 9.1 °C
    - Walk-in cooler 7, Main Street: too warm, 9.1 °C
    - Walk-in cooler 8, Main Street: too warm, 9.1 °C
    - Walk-in cooler 9, Main Street: too warm, 9.1 °C

    Acknowledge all of them, so that nobody else is called:
    https://hub.example.org/a/1?t=x&y=z

    -- 
    FreshTrack Hub watches the units of Harbour Kitchens.
    No more of these mails: https://hub.example.org/u/1
    === No data from 9 of 10 units at Main Street
    No data from 9 of 10 units at Main Street, Harbour Kitchens

    Since Sat 29 Nov 2025, 14:03 (Europe/Berlin). This many at once is rarely the sensors: look at power and internet of the site.
    Until data comes again nobody knows these temperatures. Read them by hand.

    - Walk-in cooler 1
    - Walk-in cooler 2
    - Walk-in cooler 3
    - Walk-in cooler 4
    - Walk-in cooler 5
    - Walk-in cooler 6
    - Walk-in cooler 7
    - Walk-in cooler 8
    - Walk-in cooler 9

    Acknowledge it, so that nobody else is called:
    https://hub.example.org/a/1?t=x&y=z

    See the site:
    https://hub.example.org/units/1

    -- 
    FreshTrack Hub watches the units of Harbour Kitchens.
    No more of these mails: https://hub.example.org/u/1
    === Data again from 9 units at Walk-in cooler
    Data again from 9 units at Walk-in cooler, Harbour Kitchens

    None from:    Sat 29 Nov 2025, 14:03 (Europe/Berlin)
    To:           Sat 29 Nov 2025, 15:10 (Europe/Berlin)

    What temperatures were meanwhile is known only where sensors kept them. Look at what was stored there.

    See the site:
    https://hub.example.org/units/1

    -- 
    FreshTrack Hub watches the units of Harbour Kitchens.
    No more of these mails: https://hub.example.org/u/1
    === Too many alerts: no more SMS until 15:03
    Walk-in cooler has reached its 500 SMS in an hour

    812 alerts open. Until Sat 29 Nov 2025, 15:03 (Europe/Berlin) further alerts come by e-mail and on screen only.
    They are all there; none is hidden.

    See them:
    https://hub.example.org/alerts

    -- 
    FreshTrack Hub watches the units of Walk-in cooler.
    === Test: alerts of Walk-in cooler reach you
    Test: alerts of Walk-in cooler reach you

    Walk-in cooler, this is how an alert comes to you. No unit is affected, and there is nothing to do.

    Try to acknowledge it:
    https://hub.example.org/a/1?t=x&y=z

    -- 
    FreshTrack Hub watches the units of Walk-in cooler.
    No more of these mails: https://hub.example.org/u/1
    === Walk-in cooler invites you to Walk-in cooler
    Walk-in cooler invites you to Walk-in cooler

    You would see its fridges and freezers on FreshTrack Hub, as manager.

    Accept until Sat 29 Nov 2025, 15:03 (Europe/Berlin):
    https://hub.example.org/i/1

    If you know nothing of this, leave it alone: nothing happens without your click.

    -- 
    FreshTrack Hub
    === Set a new password
    Set a new password

    Somebody asked for a new password for your account on FreshTrack Hub. If it was you, set it until Sat 29 Nov 2025, 15:03 (Europe/Berlin):
    https://hub.example.org/p/1

    If it was not you, leave it alone: your password stays as it is.

    -- 
    FreshTrack Hub
    === Confirm your e-mail address
    Confirm your e-mail address

    Alerts and reports come to this address once you have confirmed it, until Sat 29 Nov 2025, 15:03 (Europe/Berlin):
    https://hub.example.org/e/1

    If you know nothing of this, leave it alone: you get no more mail.

    -- 
    FreshTrack Hub
    === Your day at Harbour Kitchens: 1 unit needs a look
    Harbour Kitchens, Sat 29 Nov 2025, 14:03 (Europe/Berlin) to Sun 30 Nov 2025, 14:03 (Europe/Berlin)

    Walk-in cooler
      In range 98.3 %, out of range 3 h 12 min, no data 41 min
      Alerts: 3. Manual logs missed: 1.
      ! Walk-in cooler: too warm, out of range 3 h 12 min

    Harbour Road
      In range 100.0 %
      Alerts: 0. Manual logs missed: 0.

    More of it:
    https://hub.example.org/reports

    -- 
    FreshTrack Hub watches the units of Harbour Kitchens.
    === FreshTrack Hub cannot send SMS (20100)
    FreshTrack Hub cannot send SMS

    The provider refuses: 20100, Walk-in cooler
    Failed since Sat 29 Nov 2025, 14:03 (Europe/Berlin): 3. Alerts go other ways until this is mended in the hub's settings.

    -- 
    FreshTrack Hub watches the units of Walk-in cooler.
    "#);
}

#[test]
fn messages_that_need_a_form_have_it_and_others_say_so() {
    let texts = Texts::new().unwrap();
    for message in all("a") {
        let (sms, mail) = forms(&texts, &message);
        let wanted = match message {
            Message::PhoneCode(_) | Message::Reply(_) => (true, false),
            Message::Invitation(_)
            | Message::PasswordReset(_)
            | Message::EmailVerification(_)
            | Message::Digest(_) => (false, true),
            _ => (true, true),
        };
        assert_eq!((sms.is_some(), mail.is_some()), wanted, "{message:?}");
    }
}

#[test]
fn nothing_of_a_message_is_printed() {
    for message in all("canary") {
        assert!(!format!("{message:?}").contains("canary"));
    }
    assert!(!format!("{:?}", email(Message::Alert(usual()))).contains("cooler"));
}
