//! What hostile names come to in every message.

use hub_domain::Severity;

use super::super::*;
use super::samples::*;

#[test]
fn hostile_names_are_inert_in_every_form() {
    let texts = Texts::new().unwrap();
    let names = [
        "a\r\nBcc: eve@example.org",
        "<img src=x onerror=alert(1)>",
        "\"><script>alert(1)</script>",
        "'><a href='javascript:alert(1)'>",
        "{{ 7 * 7 }}{% raw %}",
        "\u{202e}txet",
        "=1+1",
    ];
    let usual: Vec<_> = all("a").iter().map(|it| forms(&texts, it)).collect();
    for name in names {
        for (message, (usual_sms, usual_mail)) in all(name).iter().zip(&usual) {
            let (sms, mail) = forms(&texts, message);
            for line in [sms.clone(), mail.as_ref().map(|it| it.subject.clone())].iter().flatten() {
                assert!(!line.contains(['\r', '\n', '\u{202e}']), "{message:?} {name:?}: {line}");
            }
            assert_eq!(sms.is_some(), usual_sms.is_some());
            let (Some(mail), Some(usual)) = (mail, usual_mail) else { continue };
            let tags = |page: &str| page.matches('<').count();
            assert_eq!(tags(&mail.html), tags(&usual.html), "{message:?} {name:?}: {}", mail.html);
            let quotes = |page: &str| page.matches('"').count();
            assert_eq!(
                quotes(&mail.html),
                quotes(&usual.html),
                "{message:?} {name:?}: {}",
                mail.html
            );
            assert_eq!(
                mail.text.lines().count(),
                usual.text.lines().count(),
                "{message:?} {name:?}"
            );
            assert!(!mail.html.contains("&amp;lt;"), "escaped twice: {}", mail.html);
            assert!(!mail.html.contains("49{%") && !mail.text.contains("49{%"), "{}", mail.text);
        }
    }
}

#[test]
fn a_stranger_is_sent_no_address_that_the_inviter_chose() {
    let mail = email(Message::Invitation(Invitation {
        inviter: "Win at https://evil.example now".into(),
        organization: "www.evil.example/prize".into(),
        role: "viewer",
        accept_url: secret("https://hub.example.org/i/1"),
        until: OPENED,
        view: view(),
    }));
    assert!(!(mail.subject + &mail.text + &mail.html).contains("evil"));
}

#[test]
fn names_that_break_programs_stay_inert() {
    let Some(text) = hub_testkit::shared::text("contracts/hostile/naughty-strings.json") else {
        return;
    };
    let names: Vec<String> = serde_json::from_str(&text).unwrap();
    let texts = Texts::new().unwrap();
    let message =
        |name: &str| Message::Alert(alert(name, name, AlertStage::News, Severity::Critical));
    let tags = |page: &str| page.matches('<').count();
    let (_, Some(usual)) = forms(&texts, &message("a")) else { panic!("an alert is mailed") };
    for name in &names {
        let (Some(sms), Some(mail)) = forms(&texts, &message(name)) else { panic!("{name:?}") };
        assert!(sms.contains("9.1 C (limit 8.0 C)") && sms.ends_with("Reply 47 to acknowledge."));
        assert!(!sms.contains(['\r', '\n']) && !mail.subject.contains(['\r', '\n']), "{name:?}");
        assert_eq!(tags(&mail.html), tags(&usual.html), "{name:?}: {}", mail.html);
        assert_eq!(mail.text.lines().count(), usual.text.lines().count(), "{name:?}");
    }
}
