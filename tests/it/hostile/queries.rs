//! Texts in the queries of every list and read: each is looked for, or refused by the parameter's name.

use futures_util::{StreamExt as _, stream};
use hub_testkit::api::Api;
use reqwest::Method;
use serde_json::Value;

use super::{LANES, is_whole, survived, texts::naughty};
use crate::promises::{BACKENDS, Story};

/// One of so many texts goes to each parameter, another part to each.
const EVERY: usize = 40;

/// What is no text at all, as it stands in an address.
const BROKEN: [&str; 6] = ["%ff", "%00", "%", "%zz", "%ed%a0%80", "+%0d%0aX-Injected:%201"];

/// A read, and a parameter of its query.
struct Asked {
    path: String,
    name: String,
}

/// Every parameter of every read that takes no id, or a unit's or a site's.
fn parameters(document: &Value, unit: &str, site: &str) -> Vec<Asked> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let path = path.replace("/units/{id}", &format!("/units/{unit}"));
        let path = path.replace("/sites/{id}", &format!("/sites/{site}"));
        if path.contains('{') {
            continue;
        }
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().expect("a name").to_owned();
            found.push(Asked { path: path.clone(), name });
        }
    }
    found
}

/// A good answer, or a problem that names the parameter.
async fn check(api: &Api, asked: &Asked, query: String) {
    let Asked { path, name } = asked;
    let what = format!("{path}?{query}");
    let answer = survived(api, &what, api.request(Method::GET, &format!("{path}?{query}"))).await;
    assert!(!answer.headers.contains_key("x-injected"), "{what}");
    if answer.status == 200 {
        return;
    }
    assert!(matches!(answer.status.as_u16(), 400 | 404), "{what}: {}", answer.status);
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
    if answer.code() == "bad_query" {
        let pointer = &answer.body["errors"][0]["pointer"];
        // a query that cannot be read has no names
        assert!(*pointer == **name || *pointer == "" || *pointer == "cursor", "{what}: {pointer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_parameter_of_a_query_is_looked_for_or_refused() {
    let Some(naughty) = naughty() else { return };
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let unit = api.create_unit(&story.site, "Unit").await;
        let asked = parameters(&api.read("/api/openapi.json").await, &unit, &story.site);
        assert!(asked.len() >= 80, "{}", asked.len());
        let every = if is_whole() { 1 } else { EVERY };
        let checks = asked.iter().enumerate().flat_map(|(number, asked)| {
            let some = naughty.iter().skip(number % every).step_by(every);
            let written = some.map(|text| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            });
            let all = BROKEN.iter().map(ToString::to_string).chain(written);
            all.map(move |text| check(api, asked, format!("{}={text}", asked.name)))
        });
        let checks: Vec<_> = checks.collect();
        stream::iter(checks).buffer_unordered(LANES).collect::<()>().await;
        let log = story.hub.log_tail();
        assert!(!log.contains("panic"), "{backend:?}: {log}");
    }
}
