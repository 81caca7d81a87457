use std::sync::atomic::{AtomicUsize, Ordering};

use hub_store::OpenOptions;
use serde_json::json;

use super::*;
use crate::auth::Signer;

struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

async fn store(clock: &Arc<dyn Clock>) -> Store {
    let options =
        OpenOptions { url: "memory:".to_owned(), max_connections: 1, clock: Arc::clone(clock) };
    let store = Store::open(options).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Serves a key set on loopback and counts how often it was fetched.
///
/// It answers the first fetch alone: the issuer is away afterwards.
async fn serve_keys(keys: Value) -> (String, Arc<AtomicUsize>) {
    let fetched = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&fetched);
    let answer = move || {
        let is_there = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let keys = if is_there { keys.clone() } else { json!("away") };
        async move { axum::Json(keys) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/jwks.json", axum::routing::get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, fetched)
}

#[tokio::test]
async fn every_token_of_the_contract_is_judged_as_its_vector_says() {
    let Some(text) = hub_testkit::shared::text("contracts/stack-auth/jwt-vectors.json") else {
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let strings =
        |name: &str| -> Vec<String> { serde_json::from_value(file[name].clone()).unwrap() };
    let (url, fetched) = serve_keys(file["jwks"].clone()).await;
    let rules = json!({ "branch_id": "main", "is_anonymous": false, "is_restricted": false });
    let keys = KeySet::published_at(url).unwrap();
    let known = || async { (keys.known() > 0).then_some(()) };
    hub_testkit::wait::until("the keys to be fetched", std::time::Duration::from_secs(10), known)
        .await;
    let issuer = Issuer {
        names: strings("issuers"),
        audience: file["project_id"].as_str().unwrap().to_owned(),
        algorithms: strings("algorithms").iter().map(|name| name.parse().unwrap()).collect(),
        rules: rules.as_object().unwrap().clone(),
        keys,
    };
    let clock: Arc<dyn Clock> =
        Arc::new(Still(Timestamp::from_millis(file["now"].as_i64().unwrap() * 1000)));
    let store = store(&clock).await;
    let verifier = Verifier::new(vec![issuer], store.clone(), clock);
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 43);
    for vector in vectors {
        let verdict = verifier.claims(vector["token"].as_str().unwrap()).await;
        assert_eq!(
            verdict.is_ok(),
            vector["verdict"] == "accept",
            "{}: {verdict:?}",
            vector["name"]
        );
        if let Ok(claims) = verdict {
            let user = tied(&store, &file, &claims.subject).await;
            let identity = verifier.identify(vector["token"].as_str().unwrap()).await;
            let identity = identity.map(|identity| identity.user);
            assert_eq!(identity, Ok(user), "{}", vector["name"]);
        }
    }
    assert!(
        fetched.load(Ordering::SeqCst) <= 2,
        "unknown keys are asked for once in 30 s, not once a token"
    );
}

/// Who the issuer knows by that subject, tied by the first of its names.
async fn tied(store: &Store, file: &Value, subject: &str) -> UserId {
    let issuer = file["issuers"][0].as_str().unwrap();
    if let Some(user) = store.user_by_subject(issuer, subject).await.unwrap() {
        return user.id;
    }
    let user = store.create_user(&format!("{subject}@x.test"), "Ada", None).await.unwrap();
    store.link_subject(user.id, issuer, subject).await.unwrap();
    user.id
}

#[tokio::test]
async fn a_token_of_our_own_names_its_user_until_it_ends() {
    let now = Timestamp::from_millis(1_767_225_600_000);
    let start: Arc<dyn Clock> = Arc::new(Still(now));
    let store = store(&start).await;
    let user = store.create_user("ada@x.test", "Ada", None).await.unwrap().id;
    let (signer, keys) = Signer::load(&store, now, 600).await.unwrap();
    let (token, expires_at) = signer.token(user, 0, now).unwrap();
    let verdict_at = |instant: Timestamp| {
        let issuer = own_issuer(KeySet::own(store.clone(), keys.clone()));
        let verifier = Verifier::new(vec![issuer], store.clone(), Arc::new(Still(instant)));
        let token = token.clone();
        async move { verifier.identify(&token).await }
    };
    assert_eq!(verdict_at(now).await, Ok(Identity { user, expires_at, generation: Some(0) }));
    assert_eq!(
        verdict_at(expires_at.plus_secs(4)).await,
        Ok(Identity { user, expires_at, generation: Some(0) })
    );
    assert_eq!(verdict_at(expires_at.plus_secs(5)).await, Err(TokenError::Expired));
    let identity = Identity { user, expires_at, generation: Some(0) };
    for (by_now, verdict) in
        [(Some(0), Ok(())), (Some(1), Err(TokenError::Expired)), (None, Err(TokenError::Expired))]
    {
        assert_eq!(identity.check(by_now), verdict, "{by_now:?}");
    }
}

#[tokio::test]
async fn a_key_that_another_process_made_is_found_in_the_store() {
    let now = Timestamp::from_millis(1_767_225_600_000);
    let clock: Arc<dyn Clock> = Arc::new(Still(now));
    let store = store(&clock).await;
    let (signer, _) = Signer::load(&store, now, 600).await.unwrap();
    let user = store.create_user("ada@x.test", "Ada", None).await.unwrap().id;
    let verifier =
        Verifier::new(vec![own_issuer(KeySet::own(store.clone(), Vec::new()))], store, clock);
    let (token, _) = signer.token(user, 0, now).unwrap();
    assert_eq!(verifier.identify(&token).await.map(|identity| identity.user), Ok(user));
}
