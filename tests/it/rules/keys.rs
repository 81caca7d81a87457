use std::time::{Duration, Instant};

use super::*;

async fn sends(api: &Api, key: &str) -> u16 {
    let sender = api.clone().anonymous().with_key(key);
    sender.try_ingest(&json!([])).await.expect("the hub answers").status.as_u16()
}

const TAKEN: u16 = 400; // there is no reading in it, but the key was good
const REFUSED: u16 = 401;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_renamed_given_another_secret_and_revoked() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let made = api.create("/api/v1/api-keys", json!({ "name": "Sender" })).await;
        let (path, first) =
            (format!("/api/v1/api-keys/{}", id(&made)), made["key"].as_str().unwrap());
        assert_eq!(made["lastUsedAt"], Value::Null);
        assert_eq!(sends(api, first).await, TAKEN);
        hub_testkit::wait::until("the use to be noted", Duration::from_secs(10), || async {
            api.read(&path).await["lastUsedAt"].is_string().then_some(())
        })
        .await;

        let renamed = patch(api, &path, "\"1\"", &json!({ "name": "Gateway" })).await;
        assert_eq!((tag(&renamed).as_str(), &renamed.body["name"]), ("\"2\"", &json!("Gateway")));
        assert!(renamed.body.get("key").is_none());
        assert_eq!(patch(api, &path, "\"1\"", &json!({ "name": "Other" })).await.status, 412);
        for name in [json!(null), json!(""), json!("a\u{0}b"), json!(7)] {
            assert_eq!(
                wrong(&patch(api, &path, "\"2\"", &json!({ "name": name })).await)[0].0,
                "/name"
            );
        }

        // beside the new secret the old one is taken for a while, or not
        let rotated = act(api, &format!("{path}/rotate")).await.expect(200);
        let second = rotated["key"].as_str().unwrap();
        assert!(second != first && rotated["oldSecretUntil"].is_string());
        assert_eq!((sends(api, first).await, sends(api, second).await), (TAKEN, TAKEN));
        let at_once = json!({ "keepOldSecs": 0 });
        let rotated = api.post(&format!("{path}/rotate"), &at_once).await.expect(200);
        let third = rotated["key"].as_str().unwrap();
        assert_eq!(rotated["oldSecretUntil"], Value::Null);
        assert_eq!([first, second].map(|key| key == third), [false; 2]);
        assert_eq!((sends(api, first).await, sends(api, second).await), (REFUSED, REFUSED));
        assert_eq!(sends(api, third).await, TAKEN);
        for secs in [json!(-1), json!(604_801), json!(null), json!("1")] {
            let answer = api.post(&format!("{path}/rotate"), &json!({ "keepOldSecs": secs })).await;
            assert_eq!(wrong(&answer)[0].0, "/keepOldSecs");
        }

        let revoked = Instant::now();
        assert_eq!(delete(api, &path).await.status, 204);
        let gone =
            hub_testkit::wait::until("the key to be refused", Duration::from_secs(5), || async {
                (sends(api, third).await == REFUSED).then(|| revoked.elapsed())
            })
            .await;
        assert!(gone <= Duration::from_secs(5), "{gone:?}");
        assert!(api.read(&path).await["revokedAt"].is_string());
        assert!(api.list("/api/v1/api-keys").await.iter().all(|key| key["id"] != made["id"]));
        assert_eq!(api.list("/api/v1/api-keys?deleted=true").await[0]["id"], made["id"]);
        assert_eq!(patch(api, &path, "*", &json!({ "name": "Other" })).await.status, 404);
        assert_eq!(act(api, &format!("{path}/rotate")).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_in_one_process_is_refused_by_another_within_5_s() {
    use hub_testkit::{hub::HubProcess, postgres::PrivatePostgres};
    let url = PrivatePostgres::shared().create_database();
    let start = || HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(url.clone()).start();
    let one = start().await.expect("the hub starts");
    let (_, api) = one.owner("Edge").await.expect("an owner is made");
    let other = start().await.expect("a second hub starts");
    let made = api.create("/api/v1/api-keys", json!({ "name": "Sender" })).await;
    let key = made["key"].as_str().unwrap();
    assert_eq!(sends(&other.api(), key).await, TAKEN);
    let revoked = Instant::now();
    assert_eq!(delete(&api, &format!("/api/v1/api-keys/{}", id(&made))).await.status, 204);
    assert_eq!(sends(&api, key).await, REFUSED, "the process that revoked it refuses it at once");
    let took =
        hub_testkit::wait::until("the key to be refused", Duration::from_secs(8), || async {
            (sends(&other.api(), key).await == REFUSED).then(|| revoked.elapsed())
        })
        .await;
    assert!(took <= Duration::from_secs(5), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_wrong_keys_no_more_than_30_are_told_so() {
    let story = Story::begin(BACKENDS[0]).await;
    let api = &story.api;
    let made = api.create("/api/v1/api-keys", json!({ "name": "Sender" })).await;
    let good = made["key"].as_str().unwrap();
    let guess = |n: usize| format!("{}{n:04}", &good[..good.len() - 4]);
    let begun = Instant::now();
    let mut statuses = Vec::with_capacity(1_000);
    for n in 0..1_000 {
        statuses.push(sends(api, &guess(n)).await);
    }
    let first = statuses.iter().position(|status| *status == 429);
    assert!(first.is_some_and(|first| first <= 30), "{first:?}");
    assert!(statuses.iter().all(|status| [REFUSED, 429].contains(status)));
    // the share comes back with time, one every 2 s
    let told = statuses.iter().filter(|status| **status == REFUSED).count();
    let share = 30 + usize::try_from(begun.elapsed().as_secs() / 2).unwrap() + 1;
    assert!(told <= share, "{told} of 1,000 in {:?}", begun.elapsed());
    assert_eq!(sends(api, good).await, TAKEN, "who has the key is let in all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_renamed_given_another_secret_deleted_restored_and_purged() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let made = api.create("/api/v1/ttn-connections", json!({ "name": "Roof" })).await;
        let path = format!("/api/v1/ttn-connections/{}", id(&made));
        let hook = made["path"].as_str().unwrap().to_owned();
        let calls = |secret: &str| {
            let secret = secret.to_owned();
            let (api, hook) = (api.clone().anonymous(), hook.clone());
            async move {
                let request = api.request(Method::POST, &hook).header("X-Webhook-Secret", secret);
                let answer = api.send(request.json(&json!({}))).await.expect("the hub answers");
                answer.status.as_u16()
            }
        };
        let first = made["secret"].as_str().unwrap();
        let taken = calls(first).await;
        assert_ne!(taken, REFUSED);
        let renamed = patch(api, &path, "\"1\"", &json!({ "name": "Tower" })).await;
        assert_eq!((tag(&renamed).as_str(), &renamed.body["name"]), ("\"2\"", &json!("Tower")));
        assert!(renamed.body.get("secret").is_none());
        let rotated = act(api, &format!("{path}/rotate-secret")).await.expect(200);
        let second = rotated["secret"].as_str().unwrap();
        assert_eq!((calls(first).await, calls(second).await), (taken, taken));
        let at_once = json!({ "keepOldSecs": 0 });
        let third = api.post(&format!("{path}/rotate-secret"), &at_once).await.expect(200);
        let third = third["secret"].as_str().unwrap();
        assert_eq!(
            (calls(first).await, calls(second).await, calls(third).await),
            (REFUSED, REFUSED, taken)
        );

        assert_eq!(act(api, &format!("{path}/purge")).await.code(), "not_deleted");
        assert_eq!(delete(api, &path).await.status, 204);
        assert_eq!(calls(third).await, REFUSED, "at once");
        assert_eq!(api.get(&path).await.status, 404);
        assert_eq!(api.list("/api/v1/ttn-connections?deleted=true").await.len(), 1);
        assert_eq!(act(api, &format!("{path}/restore")).await.status, 200);
        assert_eq!(calls(third).await, taken, "with its secret");
        assert_eq!(delete(api, &path).await.status, 204);
        assert_eq!(act(api, &format!("{path}/purge")).await.status, 204);
        assert!(api.list("/api/v1/ttn-connections?deleted=true").await.is_empty());
        assert_eq!(act(api, &format!("{path}/restore")).await.status, 404);
    }
}
