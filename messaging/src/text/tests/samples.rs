//! A sample of every message.

use chrono_tz::Tz;
use hub_domain::{AlertId, AlertKind, MilliCelsius, Severity, Timestamp};
use secrecy::SecretString;

use super::super::*;
use crate::sms::{Answer, CodeState, KnownCode, ShortCode};

/// 2025-11-29T13:03:00Z, 14:03 in Berlin.
pub(super) const OPENED: Timestamp = Timestamp::from_millis(1_764_421_380_000);

pub(super) fn view() -> View {
    View { scale: Scale::Celsius, zone: Tz::Europe__Berlin }
}

pub(super) fn code() -> Option<ShortCode> {
    ShortCode::new(47)
}

pub(super) fn links() -> Links {
    Links {
        acknowledge_url: Some("https://hub.example.org/a/1?t=x&y=z".into()),
        view_url: Some("https://hub.example.org/units/1".into()),
        unsubscribe_url: Some("https://hub.example.org/u/1".into()),
    }
}

pub(super) fn place(unit: &str, site: &str) -> Place {
    let organization = "Harbour Kitchens".to_owned();
    Place { unit: unit.into(), area: Some("Cellar".into()), site: site.into(), organization }
}

pub(super) fn alert(unit: &str, site: &str, stage: AlertStage, severity: Severity) -> AlertText {
    AlertText {
        place: place(unit, site),
        kind: AlertKind::TemperatureHigh,
        severity,
        stage,
        temperature: Some(MilliCelsius(9_100)),
        limit: Some(MilliCelsius(8_000)),
        opened_at: OPENED,
        at: OPENED.plus_secs(600),
        code: code(),
        links: links(),
        view: view(),
    }
}

pub(super) fn usual() -> AlertText {
    alert("Walk-in cooler", "Main Street", AlertStage::News, Severity::Critical)
}

pub(super) fn resolved(unit: &str) -> Resolved {
    Resolved {
        place: place(unit, "Main Street"),
        kind: AlertKind::TemperatureHigh,
        peak: Some(MilliCelsius(12_400)),
        opened_at: OPENED,
        resolved_at: OPENED.plus_secs(4020),
        resolved_by: None,
        links: links(),
        view: view(),
    }
}

pub(super) fn group(units: usize, name: &str) -> Group {
    let item = |number| GroupItem {
        unit: format!("{name} {number}"),
        site: "Main Street".into(),
        kind: AlertKind::TemperatureHigh,
        temperature: Some(MilliCelsius(9_100)),
    };
    Group {
        items: (1..=units).map(item).collect(),
        organization: "Harbour Kitchens".into(),
        since: OPENED,
        at: OPENED.plus_secs(60),
        code: code(),
        links: Links { view_url: None, ..links() },
        view: view(),
    }
}

pub(super) fn outage(units: usize, name: &str) -> Outage {
    Outage {
        site: "Main Street".into(),
        organization: "Harbour Kitchens".into(),
        units: (1..=units).map(|number| format!("{name} {number}")).collect(),
        total: units + 1,
        since: OPENED,
        at: OPENED.plus_secs(60),
        code: code(),
        links: links(),
        view: view(),
    }
}

pub(super) fn outage_over(site: &str) -> OutageOver {
    OutageOver {
        site: site.into(),
        organization: "Harbour Kitchens".into(),
        units: 9,
        since: OPENED,
        until: OPENED.plus_secs(4020),
        links: links(),
        view: view(),
    }
}

pub(super) fn overflow(organization: &str) -> Overflow {
    Overflow {
        organization: organization.into(),
        limit: 500,
        count: 812,
        until: OPENED.plus_secs(3600),
        at: OPENED,
        view_url: Some("https://hub.example.org/alerts".into()),
        view: view(),
    }
}

pub(super) fn digest(name: &str) -> Digest {
    Digest {
        organization: "Harbour Kitchens".into(),
        period: DigestPeriod::Daily,
        from: OPENED,
        until: OPENED.plus_secs(86_400),
        sites: vec![
            DigestSite {
                name: name.into(),
                in_secs: 850_000,
                out_secs: 11_520,
                unknown_secs: 2_480,
                alerts: 3,
                missed_logs: 1,
                attention: vec![DigestUnit {
                    name: name.into(),
                    out_secs: 11_520,
                    is_silent: false,
                    missed_logs: 0,
                    open: vec![AlertKind::TemperatureHigh],
                }],
                more: 0,
            },
            DigestSite {
                name: "Harbour Road".into(),
                in_secs: 86_400,
                out_secs: 0,
                unknown_secs: 0,
                alerts: 0,
                missed_logs: 0,
                attention: Vec::new(),
                more: 0,
            },
        ],
        view_url: Some("https://hub.example.org/reports".into()),
        unsubscribe_url: None,
        view: view(),
    }
}

pub(super) fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// Every message, with that name wherever somebody can choose one.
pub(super) fn all(name: &str) -> Vec<Message> {
    let until = OPENED.plus_secs(3600);
    let mut all = vec![
        Message::Resolved(Resolved { resolved_by: Some(name.into()), ..resolved(name) }),
        Message::Group(group(9, name)),
        Message::Outage(outage(9, name)),
        Message::OutageOver(outage_over(name)),
        Message::Overflow(overflow(name)),
        Message::Test(TestAlert {
            name: name.into(),
            organization: name.into(),
            code: code(),
            links: links(),
        }),
        Message::PhoneCode(PhoneCode {
            secret: secret("123456"),
            organization: name.into(),
            minutes: 10,
        }),
        Message::Invitation(Invitation {
            inviter: name.into(),
            organization: name.into(),
            role: "manager",
            accept_url: secret("https://hub.example.org/i/1"),
            until,
            view: view(),
        }),
        Message::PasswordReset(PasswordReset {
            reset_url: secret("https://hub.example.org/p/1"),
            until,
            view: view(),
        }),
        Message::EmailVerification(EmailVerification {
            confirm_url: secret("https://hub.example.org/e/1"),
            until,
            view: view(),
        }),
        Message::Digest(digest(name)),
        Message::SetupBroken(SetupBroken {
            organization: name.into(),
            channel: "SMS",
            code: "20100".into(),
            detail: name.into(),
            failures: 3,
            since: OPENED,
            at: OPENED,
            view: view(),
        }),
    ];
    let stages = [
        AlertStage::News,
        AlertStage::Escalated,
        AlertStage::Reminder,
        AlertStage::Again,
        AlertStage::StillOpen,
    ];
    for stage in stages {
        for kind in AlertKind::ALL {
            let alert = alert(name, name, stage, Severity::Warning);
            all.push(Message::Alert(AlertText { kind: *kind, ..alert }));
        }
    }
    all.extend(replies(name).into_iter().map(Message::Reply));
    all
}

pub(super) fn replies(name: &str) -> Vec<ReplyText> {
    let code = code().unwrap();
    let (at, view) = (OPENED.plus_secs(600), view());
    let known = |state| KnownCode {
        code,
        alert: AlertId(uuid::Uuid::from_u128(1)),
        unit: name.into(),
        others: 0,
        state,
    };
    let open = || vec![known(CodeState::Open)];
    let said = |answer| ReplyText::Said { answer, at, view };
    let by = || Some(name.to_owned());
    vec![
        ReplyText::Acknowledged { code, unit: name.into(), others: 0 },
        ReplyText::Acknowledged { code, unit: name.into(), others: 999 },
        ReplyText::Snoozed {
            code,
            unit: name.into(),
            others: 0,
            until: at.plus_secs(1800),
            at,
            view,
        },
        ReplyText::Explained {
            code,
            unit: name.into(),
            others: 0,
            site: "Main Street".into(),
            kind: AlertKind::TemperatureHigh,
            temperature: Some(MilliCelsius(9_100)),
            opened_at: OPENED,
            acknowledged_by: by(),
            at,
            view,
        },
        ReplyText::TestAcknowledged,
        ReplyText::Resumed,
        said(Answer::Help(open())),
        said(Answer::Help(Vec::new())),
        said(Answer::WhichOne([open(), open()].concat())),
        said(Answer::NothingOpen),
        said(Answer::NoSuchCode(code, open())),
        said(Answer::NoSuchCode(code, Vec::new())),
        said(Answer::NotUnderstood(open())),
        said(Answer::NotUnderstood(Vec::new())),
        said(Answer::TooLate(known(CodeState::Acknowledged { by: by(), at: OPENED }))),
        said(Answer::TooLate(known(CodeState::Acknowledged { by: None, at: OPENED }))),
        said(Answer::TooLate(known(CodeState::Resolved { at: OPENED, acknowledged_by: by() }))),
        said(Answer::TooLate(known(CodeState::Resolved { at: OPENED, acknowledged_by: None }))),
    ]
}

pub(super) fn sms(message: &Message) -> String {
    Texts::new().unwrap().sms(message, Language::English).unwrap()
}

pub(super) fn email(message: Message) -> EmailText {
    Texts::new().unwrap().email(&message, Language::English).unwrap()
}

/// Every form that a message has: short, subject, text, page.
pub(super) fn forms(texts: &Texts, message: &Message) -> (Option<String>, Option<EmailText>) {
    let there = |error| match error {
        TextError::NoSuchForm { .. } => {}
        TextError::Template(error) => panic!("{message:?}: {error:#}"),
    };
    let sms = texts.sms(message, Language::English).map_err(there).ok();
    let email = texts.email(message, Language::English).map_err(there).ok();
    (sms, email)
}
