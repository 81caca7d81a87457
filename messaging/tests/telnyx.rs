//! The client of Telnyx against what Telnyx publishes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use hub_domain::PhoneNumber;
use hub_messaging::telnyx::{Sender, SmsOut, Telnyx, Timeouts};
use hub_messaging::{Accepted, FailureClass, SendError};
use hub_testkit::contract_mock::{ContractMock, Fault};
use hub_testkit::ports;
use secrecy::SecretString;

const MESSAGES: &str = "/v2/messages";
const POST: &str = "POST /v2/messages";

/// Waits little, since the other side is asked not to answer.
const SHORT: Timeouts =
    Timeouts { connect: Duration::from_secs(5), answer: Duration::from_millis(1500) };

fn client(url: &str, from: Option<&str>, profile: Option<&str>) -> Telnyx {
    let sender = Sender::from_settings(from, profile).expect("a sender");
    Telnyx::new(url, &SecretString::from("KEY"), sender, SHORT).expect("good settings")
}

fn usual(mock: &ContractMock) -> Telnyx {
    client(&mock.url(), Some("+18445550001"), None)
}

fn sms(text: &str) -> SmsOut {
    SmsOut {
        to: PhoneNumber::parse("+18665550001").expect("a number"),
        text: text.to_owned(),
        webhook_url: Some("https://hub.example.org/api/integrations/telnyx/a1".to_owned()),
    }
}

async fn refused(telnyx: &Telnyx) -> (FailureClass, String) {
    match telnyx.send(&sms("a")).await {
        Err(SendError::Refused(refusal)) => (refusal.class, refusal.code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_sender_and_each_alphabet_keeps_to_the_contract() {
    let Some(mock) = ContractMock::telnyx().await else { return };
    let senders = [
        (Some("+18445550001"), None),
        (None, Some("abc85f64-5717-4562-b3fc-2c9600000000")),
        (Some("FreshTrack"), Some("abc85f64-5717-4562-b3fc-2c9600000000")),
    ];
    for (from, profile) in senders {
        let telnyx = client(&mock.url(), from, profile);
        for text in ["Cooler 9.1 C", "Холодильник 9.1 °C 🧊"] {
            telnyx.send(&sms(text)).await.unwrap();
        }
    }
    mock.ensure_clean().await;
    let sent = mock.accepted("POST", MESSAGES).await;
    assert_eq!(sent.len(), 6);
    let encodings: Vec<_> = sent.iter().map(|it| it.body["encoding"].as_str().unwrap()).collect();
    assert_eq!(encodings, ["auto", "ucs2"].repeat(3));
    assert_eq!(sent[0].body["webhook_url"], "https://hub.example.org/api/integrations/telnyx/a1");
}

#[tokio::test]
async fn the_id_is_the_one_that_receipts_will_have() {
    let Some(mock) = ContractMock::telnyx().await else { return };
    let accepted = usual(&mock).send(&sms("a")).await.unwrap();
    let sent = mock.accepted("POST", MESSAGES).await;
    assert_eq!(accepted, Accepted { message_id: sent[0].id.clone().unwrap() });
}

#[tokio::test]
async fn a_lost_answer_is_unclear_and_is_not_sent_again() {
    let Some(mock) = ContractMock::telnyx().await else { return };
    let telnyx = usual(&mock);
    telnyx.send(&sms("a")).await.unwrap(); // so that the next one goes over a line that was kept
    let faults = [
        Fault::accept_then_drop(POST),
        Fault::drop(POST), // nobody can tell it from the one before
        Fault::garbage(POST),
        Fault::status(POST, 502),
        Fault::status(POST, 504),
    ];
    for (index, fault) in faults.into_iter().enumerate() {
        mock.faults(fault.clone()).await;
        let lost = telnyx.send(&sms("a")).await.unwrap_err();
        assert!(matches!(lost, SendError::Unclear { .. }), "{fault:?}: {lost:?}");
        assert_eq!(mock.ledger().await.len(), index + 2, "{fault:?}: once");
    }
    mock.faults(Fault::delay(POST, Duration::from_secs(4))).await;
    let late = telnyx.send(&sms("a")).await.unwrap_err();
    assert!(matches!(late, SendError::Unclear { .. }), "{late:?}");
    mock.ensure_clean().await;
}

#[tokio::test]
async fn what_the_provider_says_decides_what_is_done_next() {
    let Some(mock) = ContractMock::telnyx().await else { return };
    let telnyx = usual(&mock);
    for (status, class) in [
        (429, FailureClass::Retry),
        (500, FailureClass::Retry),
        (503, FailureClass::Retry),
        (401, FailureClass::OurSetup),
        (403, FailureClass::OurSetup),
        (404, FailureClass::OurSetup),
        (302, FailureClass::OurSetup),
    ] {
        mock.faults(Fault::status(POST, status)).await;
        assert_eq!(refused(&telnyx).await, (class, format!("http_{status}")));
    }
    let elsewhere = client(&mock.url().replace("/v2", "/v3"), Some("+18445550001"), None);
    let Err(SendError::Refused(refusal)) = elsewhere.send(&sms("a")).await else { panic!() };
    // the mock gives the status as a code: one that Telnyx never gives is retried and reported
    assert_eq!((refusal.class, refusal.is_known), (FailureClass::Retry, false));
}

/// A provider that gives one answer, whatever it is asked, and its address.
fn answering(answer: String) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let (mut line, _) = listener.accept().expect("somebody calls");
        let mut request = [0; 16 * 1024];
        // a whole request comes at once here; what is left unread would make the end of the line a reset
        let read = line.read(&mut request).expect("the caller speaks");
        assert!(read > 0);
        line.write_all(answer.as_bytes()).expect("the caller listens");
    });
    format!("http://{address}/v2")
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

async fn sent_to(answer: String) -> Result<Accepted, SendError> {
    client(&answering(answer), Some("+18445550001"), None).send(&sms("a")).await
}

#[tokio::test]
async fn codes_of_the_provider_come_before_the_status() {
    use FailureClass::{GiveUp, OptedOut, OurSetup, Retry};
    for (status, body, class, code, is_known) in [
        (
            "400 Bad Request",
            r#"{"errors":[{"code":"40300","title":"Blocked due to STOP message"}]}"#,
            OptedOut,
            "40300",
            true,
        ),
        (
            "422 Unprocessable",
            r#"{"errors":[{"code":"40310","detail":"+18665550001 is none"}]}"#,
            GiveUp,
            "40310",
            true,
        ),
        ("403 Forbidden", r#"{"errors":[{"code":20100}]}"#, OurSetup, "20100", true),
        ("502 Bad Gateway", r#"{"errors":[{"code":"50001"}]}"#, Retry, "50001", true),
        ("400 Bad Request", r#"{"errors":[{"code":"12345"}]}"#, Retry, "12345", false),
        ("400 Bad Request", "<html>", Retry, "http_400", false),
        ("401 Unauthorized", "", OurSetup, "http_401", true),
    ] {
        let error = sent_to(answer(status, "", body)).await.unwrap_err();
        let SendError::Refused(refusal) = &error else { panic!("{status} {body}: {error:?}") };
        assert_eq!(
            (refusal.class, refusal.code.as_str(), refusal.is_known),
            (class, code, is_known)
        );
        assert!(!error.sentence().contains("18665550001"), "{}", error.sentence());
    }
}

#[tokio::test]
async fn the_provider_says_how_long_it_wants_to_be_left_alone() {
    for (header, pause) in [
        ("retry-after: 7\r\n", Some(7)),
        ("retry-after: 999999\r\n", Some(3600)),
        ("retry-after: soon\r\n", None),
        ("", None),
    ] {
        let error = sent_to(answer("429 Too Many Requests", header, "")).await.unwrap_err();
        let SendError::Refused(refusal) = error else { panic!("{header}: {error:?}") };
        assert_eq!(refusal.retry_after, pause.map(Duration::from_secs), "{header}");
    }
}

#[tokio::test]
async fn only_an_answer_with_an_id_says_that_it_was_accepted() {
    let accepted = sent_to(answer("200 OK", "", r#"{"data":{"id":"m1","new":"field"}}"#)).await;
    assert_eq!(accepted, Ok(Accepted { message_id: "m1".to_owned() }));
    let long = format!(r#"{{"data":{{"id":"m1"}},"more":"{}"}}"#, "a".repeat(300_000));
    for body in
        ["", "null", "[]", r#"{"data":{}}"#, r#"{"data":{"id":""}}"#, r#"{"data":{"id":7}}"#, &long]
    {
        let error = sent_to(answer("200 OK", "", body)).await.unwrap_err();
        assert!(matches!(error, SendError::Unclear { .. }), "{error:?}");
    }
    let cut = answer("200 OK", "", r#"{"data":{"id":"m1"}}"#)
        .replace("content-length: 20", "content-length: 99");
    let error = sent_to(cut).await.unwrap_err();
    assert!(matches!(error, SendError::Unclear { .. }), "{error:?}");
}

#[tokio::test]
async fn a_provider_that_is_not_there_has_accepted_nothing() {
    let nobody = format!("http://127.0.0.1:{}/v2", ports::free().unwrap());
    for url in [&nobody, "http://nowhere.invalid/v2"] {
        let error = client(url, Some("+18445550001"), None).send(&sms("a")).await.unwrap_err();
        assert!(matches!(error, SendError::Unreachable { .. }), "{url}: {error:?}");
        assert!(error.sentence().contains("nothing was sent"), "{}", error.sentence());
    }
}
