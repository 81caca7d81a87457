//! The client of SMTP against a server that refuses, hangs and cuts.

use std::time::{Duration, Instant};

use hub_domain::Timestamp;
use hub_messaging::email::{EmailAddress, EmailOut, Mailer, Timeouts};
use hub_messaging::{FailureClass, SendError};
use hub_testkit::mail_sink::{Deed, MailSink, Stage};
use secrecy::SecretString;
use uuid::Uuid;

/// Waits little, since the other side is asked not to answer.
const SHORT: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    reply: Duration::from_millis(800),
    content: Duration::from_millis(800),
};

fn mailer(url: &str) -> Mailer {
    let from = "FreshTrack <alerts@example.com>";
    Mailer::new(&SecretString::from(url), from, SHORT).expect("good settings")
}

fn mail(number: u128) -> EmailOut {
    EmailOut {
        to: EmailAddress::parse("anna@example.org").expect("an address"),
        subject: "Kühlraum: 9.1 °C".into(),
        text: "9.1 °C\n.\nstill the same mail".into(),
        html: "<p>9.1 °C</p>".into(),
        attempt: Uuid::from_u128(number),
        thread: None,
        unsubscribe_url: None,
        at: Timestamp::from_millis(1_764_432_000_000),
    }
}

fn reply(code: u16, text: &str) -> Deed {
    Deed::Reply(code, text.to_owned())
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let sink = MailSink::start();
    let mailer = mailer(&sink.url());
    let accepted = mailer.send(&mail(7)).await.unwrap();
    mailer.send(&mail(8)).await.unwrap(); // over the line that was kept
    let mails = sink.messages();
    assert_eq!(mails.len(), 2);
    assert_eq!(
        (mails[0].from.as_str(), &mails[0].to[..]),
        ("alerts@example.com", &["anna@example.org".to_owned()][..])
    );
    assert_eq!(mails[0].subject().unwrap(), "Kühlraum: 9.1 °C");
    assert_eq!(
        mails[0].text().unwrap().replace("\r\n", "\n").trim(),
        "9.1 °C\n.\nstill the same mail"
    );
    assert_eq!(mails[0].html().unwrap().trim(), "<p>9.1 °C</p>");
    assert_eq!(mails[0].header("message-id").unwrap(), accepted.message_id);
    assert_ne!(mails[1].header("message-id").unwrap(), accepted.message_id);
}

#[tokio::test]
async fn what_the_server_says_decides_what_is_done_next() {
    use FailureClass::{GiveUp, OurSetup, Retry};
    let sink = MailSink::start();
    let with_password = format!("smtp://hub:canary@{}", sink.url().trim_start_matches("smtp://"));
    let mailer = mailer(&with_password);
    for (stage, code, text, class) in [
        (Stage::Greeting, 554, "5.7.1 go away", OurSetup),
        (Stage::Greeting, 421, "4.3.2 busy", Retry),
        (Stage::Auth, 535, "5.7.8 bad credentials", OurSetup),
        (Stage::Auth, 454, "4.7.0 later", Retry),
        (Stage::Mail, 550, "5.7.1 not your sender", OurSetup),
        (Stage::Rcpt, 550, "5.1.1 <anna@example.org>: no such user", GiveUp),
        (Stage::Rcpt, 450, "4.2.0 greylisted", Retry),
        (Stage::Data, 451, "4.3.0 disk full", Retry),
        (Stage::Content, 554, "5.7.1 spam", OurSetup),
        (Stage::Content, 452, "4.3.1 full", Retry),
    ] {
        sink.fault(stage, reply(code, text), 1);
        let error = mailer.send(&mail(7)).await.unwrap_err();
        let SendError::Refused(refusal) = &error else { panic!("{stage:?} {code}: {error:?}") };
        assert_eq!(refusal.class, class, "{stage:?} {code}: {error:?}");
        let told = format!("{error:?} {error} {}", error.sentence());
        assert!(!told.contains("anna@") && !told.contains("canary"), "{told}");
        sink.forget();
    }
    assert!(sink.messages().is_empty());
    mailer.send(&mail(8)).await.unwrap();
    assert_eq!(sink.messages()[0].user.as_deref(), Some("hub"));
}

#[tokio::test]
async fn only_a_mail_that_was_on_the_line_is_unclear() {
    let sink = MailSink::start();
    let mailer = mailer(&sink.url());
    let before = [Stage::Greeting, Stage::Mail, Stage::Rcpt, Stage::Data];
    for deed in [Deed::Cut, Deed::Hang] {
        for stage in before {
            sink.fault(stage, deed.clone(), 1);
            let error = mailer.send(&mail(7)).await.unwrap_err();
            assert!(
                matches!(error, SendError::Unreachable { .. }),
                "{stage:?} {deed:?}: {error:?}"
            );
        }
        assert!(sink.messages().is_empty(), "{deed:?}");
        sink.fault(Stage::Content, deed.clone(), 1);
        let error = mailer.send(&mail(7)).await.unwrap_err();
        assert!(matches!(error, SendError::Unclear { .. }), "{deed:?}: {error:?}");
        sink.until_messages(1).await;
        sink.forget();
    }
}

#[tokio::test]
async fn a_server_that_hangs_keeps_nobody_longer_than_was_said() {
    let sink = MailSink::start();
    sink.fault(Stage::Greeting, Deed::Hang, 1);
    let mailer = Mailer::new(
        &SecretString::from(sink.url()),
        "alerts@example.com",
        Timeouts { connect: Duration::from_millis(300), ..SHORT },
    );
    let begun = Instant::now();
    mailer.unwrap().send(&mail(7)).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_went_away_is_not_reached_and_is_found_again() {
    let sink = MailSink::start();
    let mailer = mailer(&sink.url());
    mailer.send(&mail(7)).await.unwrap();
    sink.go_away();
    let error = mailer.send(&mail(8)).await.unwrap_err();
    assert!(matches!(error, SendError::Unreachable { .. }), "{error:?}");
    sink.come_back();
    mailer.send(&mail(9)).await.unwrap();
    assert_eq!(sink.messages().len(), 2);
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_where_starttls_is_required() {
    let sink = MailSink::start();
    let url =
        format!("smtp://hub:canary@{}?tls=required", sink.url().trim_start_matches("smtp://"));
    let error = mailer(&url).send(&mail(7)).await.unwrap_err();
    assert_eq!((error.class(), error.code()), (FailureClass::OurSetup, "no_starttls"));
    let opportunistic = url.replace("required", "opportunistic");
    mailer(&opportunistic).send(&mail(8)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_setting_to_be_mended() {
    let sink = MailSink::start();
    let url = sink.url().replace("smtp://", "smtps://");
    let error = mailer(&url).send(&mail(7)).await.unwrap_err();
    assert_eq!((error.class(), error.code()), (FailureClass::OurSetup, "tls"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_go_at_once_have_lines_of_their_own_and_none_is_lost() {
    let sink = MailSink::start();
    let mailer = std::sync::Arc::new(mailer(&sink.url()));
    for round in 0..3 {
        let sending = (0..20).map(|number| {
            let mailer = std::sync::Arc::clone(&mailer);
            tokio::spawn(async move { mailer.send(&mail(round * 100 + number)).await })
        });
        for sent in sending.collect::<Vec<_>>() {
            sent.await.unwrap().unwrap();
        }
    }
    let ids = sink
        .messages()
        .iter()
        .map(|it| it.header("message-id").unwrap())
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!((sink.messages().len(), ids.len()), (60, 60));
}
