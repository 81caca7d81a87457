use hub_testkit::api::{Answer, Api};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::hub;

const NONE: &str = "019a0000-0000-7000-8000-000000000001";

/// Every operation of the document: method, path with an id of nothing, and what is said of its answers.
fn operations(document: &Value) -> Vec<(Method, String, &Value)> {
    let items = document["paths"].as_object().expect("paths").iter();
    items
        .flat_map(|(path, item)| {
            let path = path.replace("{id}", NONE).replace("{connection}", NONE);
            item.as_object().expect("an item").iter().map(move |(method, operation)| {
                let method = method.to_uppercase().parse().expect("a method");
                (method, path.clone(), &operation["responses"])
            })
        })
        .collect()
}

/// What the document says of an answer of this status; a reference is followed.
fn said<'a>(document: &'a Value, answers: &'a Value, status: StatusCode) -> Option<&'a Value> {
    let answer = answers.get(status.as_str())?;
    match answer["$ref"].as_str() {
        Some(to) => document.pointer(to.trim_start_matches('#')),
        None => Some(answer),
    }
}

#[track_caller]
fn is_said(document: &Value, answers: &Value, what: &str, answer: &Answer) {
    let Some(said) = said(document, answers, answer.status) else {
        panic!("{what} answered {}, which is not in the document", answer.status);
    };
    let kind = answer.headers.get("content-type").map(|kind| kind.to_str().expect("text"));
    let kind = kind.and_then(|kind| kind.split(';').next());
    let kinds = said["content"].as_object();
    match kind {
        Some(kind) => {
            let is_listed = kinds.is_some_and(|kinds| kinds.contains_key(kind));
            assert!(is_listed, "{what}: {} as {kind}", answer.status);
        }
        None => assert!(kinds.is_none(), "{what}: {} without a type", answer.status),
    }
    for header in said["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        assert!(answer.headers.contains_key(header), "{what}: {} without {header}", answer.status);
    }
}

async fn ask(api: &Api, method: &Method, path: &str, body: Option<Value>) -> Answer {
    let request = api.request(method.clone(), path);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    api.send(request).await.expect("the hub answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_answered_is_in_the_document() {
    let (hub, owner) = hub().await;
    let stranger = hub.api();
    let document = stranger.get("/api/openapi.json").await;
    assert_eq!(document.status, StatusCode::OK);
    let document = document.body;
    let mut good = 0;
    for (method, path, answers) in operations(&document) {
        for (who, api) in [("a stranger", &stranger), ("the owner", &owner)] {
            for body in [None, Some(json!({})), Some(json!([1]))] {
                let what = format!("{method} {path} for {who} with {body:?}");
                let answer = ask(api, &method, &path, body).await;
                assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{what}");
                is_said(&document, answers, &what, &answer);
                good += usize::from(answer.status.is_success());
            }
        }
    }
    assert!(good >= 60, "{good} good answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_is_answered_as_the_document_says() {
    let (_hub, owner) = hub().await;
    let document = owner.read("/api/openapi.json").await;
    let site = owner.create_site("Kitchen").await;
    let made = [
        ("/api/v1/sites", json!({ "name": "Bar" })),
        ("/api/v1/areas", json!({ "name": "Cellar", "siteId": site })),
        ("/api/v1/units", json!({ "name": "Walk-in", "siteId": site })),
        ("/api/v1/devices", json!({ "name": "Sensor" })),
        ("/api/v1/api-keys", json!({ "name": "Key" })),
        ("/api/v1/ttn-connections", json!({ "name": "Network" })),
        ("/api/v1/alert-rules", json!({ "scope": "organization", "rule": { "highLimit": 8 } })),
    ];
    for (path, body) in made {
        let answer = owner.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{path}: {}", answer.body);
        is_said(&document, &document["paths"][path]["post"]["responses"], path, &answer);
        let place = answer.headers["location"].to_str().expect("text").to_owned();
        assert_eq!(owner.read(&place).await["id"], answer.body["id"], "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_with_all_it_loads_and_asks_nobody_else() {
    let (hub, _) = hub().await;
    let stranger = hub.api();
    let page = stranger.get("/api/docs").await; // follows to the folder
    let page = page.body.as_str().expect("a page").to_owned();
    assert!(!page.contains("<script>") && !page.contains("http"), "{page}");
    let loaded: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(loaded.len() >= 5, "{loaded:?}");
    for file in loaded {
        let file = stranger.get(&format!("/api/docs/{}", file.trim_start_matches("./"))).await;
        assert_eq!(file.status, StatusCode::OK);
    }
    let settings = stranger.get("/api/docs/swagger-initializer.js").await;
    let settings = settings.body.as_str().expect("a script").to_owned();
    assert!(settings.contains("\"/api/openapi.json\""), "{settings}");
    assert!(settings.contains("\"validatorUrl\": \"none\""), "{settings}");
    assert_eq!(stranger.get("/api/docs/none.js").await.code(), "not_found");
}
