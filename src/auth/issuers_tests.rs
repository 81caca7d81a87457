use std::sync::{
    Mutex as StdMutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{http::StatusCode, response::IntoResponse as _};
use hub_testkit::wait::until;
use serde_json::{Value, json};

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// Patient but for what a test is about.
const PATIENT: Pace = Pace {
    refetch_after: Duration::from_secs(3600),
    fresh: Duration::from_secs(3600),
    fresh_least: Duration::ZERO,
    fresh_most: Duration::from_secs(3600),
};

/// What an issuer answers.
#[derive(Clone)]
enum Answer {
    Keys(Value),
    Broken(StatusCode, &'static str),
    /// It takes the request and says nothing.
    Silent,
}

/// A real issuer on loopback, whose answer can be changed.
struct Published {
    url: String,
    answer: Arc<StdMutex<Answer>>,
    asked: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Published {
    async fn start(answer: Answer) -> Self {
        let (answer, asked) = (Arc::new(StdMutex::new(answer)), Arc::new(AtomicUsize::new(0)));
        let (said, counted) = (Arc::clone(&answer), Arc::clone(&asked));
        let handler = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = said.lock().unwrap().clone();
            async move {
                match answer {
                    Answer::Keys(keys) => axum::Json(keys).into_response(),
                    Answer::Broken(status, text) => (status, text).into_response(),
                    Answer::Silent => std::future::pending().await,
                }
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(handler);
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, answer, asked, server }
    }

    fn says(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn keys(&self, pace: Pace) -> KeySet {
        KeySet::fetched_at(self.url.clone(), pace).unwrap()
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A set of Ed25519 keys by these ids.
fn keys(kids: &[&str]) -> Answer {
    let key = |kid: &&str| json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    Answer::Keys(json!({ "keys": kids.iter().map(key).collect::<Vec<_>>() }))
}

async fn has(set: &KeySet, kid: &str) -> bool {
    set.find(Some(kid), Algorithm::EdDSA).await.is_ok()
}

async fn known(set: &KeySet) {
    until("keys to be fetched", SOON, || async { (set.known() > 0).then_some(()) }).await;
}

#[tokio::test]
async fn known_keys_are_found_without_asking_anybody() {
    let issuer = Published::start(keys(&["a"])).await;
    let set = issuer.keys(PATIENT);
    known(&set).await;
    for _ in 0..1_000 {
        assert!(has(&set, "a").await);
    }
    assert_eq!(issuer.asked(), 1);
    let other = set.find(Some("a"), Algorithm::ES256).await.err();
    assert_eq!(other, Some(NoKey::Unfit), "a key is for its algorithm");
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_however_many_want_it() {
    let issuer = Published::start(keys(&["a"])).await;
    let set = issuer.keys(PATIENT);
    known(&set).await;
    issuer.says(keys(&["a", "b"]));
    let wanted = (0..50).map(|_| {
        let set = set.clone();
        tokio::spawn(async move { has(&set, "b").await })
    });
    for found in wanted.collect::<Vec<_>>() {
        assert!(found.await.unwrap());
    }
    for n in 0..50 {
        let none = set.find(Some(&format!("none-{n}")), Algorithm::EdDSA).await.err();
        assert_eq!(none, Some(NoKey::Unknown), "it may have been made since the issuer was asked");
    }
    assert_eq!(issuer.asked(), 2, "the first fetch and one for the new key");
}

#[tokio::test]
async fn a_key_made_within_the_pause_is_not_known_yet_and_one_that_is_none_is_told_after_it() {
    let issuer = Published::start(keys(&["a"])).await;
    let set = issuer.keys(Pace { refetch_after: Duration::from_millis(500), ..PATIENT });
    known(&set).await;
    let find = |kid: &'static str| {
        let set = set.clone();
        async move { set.find(Some(kid), Algorithm::EdDSA).await.err() }
    };
    assert_eq!(find("b").await, Some(NoKey::Unfit), "its issuer has just said so");
    issuer.says(keys(&["a", "b"]));
    assert_eq!(find("b").await, Some(NoKey::Unknown));
    until("the pause to be over", SOON, || async { has(&set, "b").await.then_some(()) }).await;
}

#[tokio::test]
async fn keys_are_fetched_again_ahead_of_their_end_and_an_old_one_goes() {
    let issuer = Published::start(keys(&["a"])).await;
    let set = issuer.keys(Pace { fresh: Duration::from_millis(200), ..PATIENT });
    known(&set).await;
    issuer.says(keys(&["b"]));
    // nobody asks for `b`: it comes by itself, in the background
    until("the keys to be fetched again", SOON, || async {
        pick(&set.0.keys(), Some("b"), Algorithm::EdDSA).is_some().then_some(())
    })
    .await;
    assert!(
        pick(&set.0.keys(), Some("a"), Algorithm::EdDSA).is_none(),
        "what was rotated out is refused"
    );
}

#[tokio::test]
async fn an_issuer_that_is_away_or_broken_leaves_its_keys_good() {
    let issuer = Published::start(keys(&["a"])).await;
    let pace = Duration::from_millis(50);
    let set = issuer.keys(Pace { fresh: pace, refetch_after: pace, ..PATIENT });
    known(&set).await;
    for broken in [
        Answer::Broken(StatusCode::INTERNAL_SERVER_ERROR, ""),
        Answer::Broken(StatusCode::OK, "no JSON"),
        Answer::Broken(StatusCode::FOUND, "elsewhere"),
        Answer::Keys(json!({ "keys": [] })),
        Answer::Keys(json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "kid": "a" }] })),
    ] {
        issuer.says(broken);
        let asked = issuer.asked();
        until("the issuer to be asked again", SOON, || async {
            (issuer.asked() >= asked + 3).then_some(())
        })
        .await;
        assert!(has(&set, "a").await);
    }
    issuer.server.abort();
    until("the issuer to be gone", SOON, || async {
        reqwest::get(&issuer.url).await.is_err().then_some(())
    })
    .await;
    assert!(!has(&set, "b").await);
    assert!(has(&set, "a").await);
}

#[tokio::test]
async fn an_issuer_that_comes_up_late_is_heard_then() {
    let issuer = Published::start(Answer::Broken(StatusCode::BAD_GATEWAY, "")).await;
    let set = issuer.keys(Pace { refetch_after: Duration::from_millis(50), ..PATIENT });
    until("the issuer to be asked", SOON, || async { (issuer.asked() > 0).then_some(()) }).await;
    assert_eq!(set.known(), 0);
    issuer.says(keys(&["a"]));
    known(&set).await;
    assert!(has(&set, "a").await);
}

#[tokio::test]
async fn a_silent_issuer_holds_up_nobody_whose_key_is_known() {
    let issuer = Published::start(keys(&["a"])).await;
    let set = issuer.keys(PATIENT);
    known(&set).await;
    issuer.says(Answer::Silent);
    let waiting = tokio::spawn({
        let set = set.clone();
        async move { has(&set, "b").await }
    });
    until("the issuer to be asked for b", SOON, || async { (issuer.asked() == 2).then_some(()) })
        .await;
    assert!(has(&set, "a").await, "while another waits");
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[test]
fn freshness_is_what_the_issuer_says() {
    assert_eq!(max_age("public, max-age=120, must-revalidate"), Some(Duration::from_secs(120)));
    assert_eq!(max_age("no-store"), None);
}
