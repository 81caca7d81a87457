//! Pages of other origins: what browsers are told of who may call.

use hub_testkit::{
    api::{Answer, Api},
    hub::HubProcess,
};
use reqwest::{
    Method, RequestBuilder,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
    },
};

const LISTED: [&str; 3] = ["https://board.example.com", "http://localhost:3000", "https://x.test"];

const OTHERS: [&str; 12] = [
    "null",
    "https://evil.test",
    "https://evil.board.example.com",
    "https://board.example.com.evil.test",
    "https://evilboard.example.com",
    "https://board.example.com:8443",
    "http://board.example.com",
    "HTTPS://BOARD.EXAMPLE.COM",
    "https://board.example.com/",
    "http://localhost",
    "http://localhost:30000",
    "https://x.test:443", // no browser writes it so
];

async fn start() -> (HubProcess, Api) {
    let listed = "https://Board.Example.com/, http://localhost:3000,https://x.test:443";
    let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
    let hub = builder.env("HUB_ALLOWED_ORIGINS", listed).start().await.expect("the hub starts");
    let api = hub.api();
    (hub, api)
}

async fn ask(api: &Api, request: RequestBuilder, origin: &str) -> Answer {
    api.send(request.header(ORIGIN, origin)).await.expect("the hub answers")
}

fn preflight(api: &Api) -> RequestBuilder {
    let request = api.request(Method::OPTIONS, "/api/v1/sites");
    let request = request.header(ACCESS_CONTROL_REQUEST_METHOD, "PATCH");
    request.header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization,if-match,idempotency-key")
}

fn words(answer: &Answer, name: HeaderName) -> Vec<String> {
    let all = answer.headers.get_all(name).iter().map(|value| value.to_str().expect("text"));
    let words = all.flat_map(|value| value.split(',')).map(|word| word.trim().to_lowercase());
    let mut words: Vec<String> = words.collect();
    words.sort_unstable();
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_may_call_and_others_may_not() {
    let (_hub, api) = start().await;
    for origin in LISTED {
        let asked = ask(&api, preflight(&api), origin).await;
        assert_eq!(asked.status, 200, "{origin}");
        assert_eq!(asked.headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        let methods = words(&asked, ACCESS_CONTROL_ALLOW_METHODS);
        assert_eq!(methods, ["delete", "get", "patch", "post"], "{origin}");
        let taken = words(&asked, ACCESS_CONTROL_ALLOW_HEADERS);
        for name in [
            "authorization",
            "content-type",
            "if-match",
            "idempotency-key",
            "x-api-key",
            "x-change-reason",
            "x-organization-id",
            "x-stack-access-token",
        ] {
            assert!(taken.iter().any(|taken| taken == name), "{name} of {taken:?}");
        }
        let answer = ask(&api, api.request(Method::GET, "/api/v1/sites"), origin).await;
        assert_eq!(
            answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin,
            "a refusal too is readable"
        );
        let shown = [
            "content-disposition",
            "etag",
            "idempotency-replayed",
            "location",
            "retry-after",
            "x-request-id",
        ];
        assert_eq!(words(&answer, ACCESS_CONTROL_EXPOSE_HEADERS), shown, "{origin}");
        assert!(words(&answer, VARY).contains(&"origin".to_owned()), "{origin}");
    }
    for origin in OTHERS {
        for request in [preflight(&api), api.request(Method::GET, "/api/v1/sites")] {
            let answer = ask(&api, request, origin).await;
            assert_eq!(answer.headers.get(ACCESS_CONTROL_ALLOW_ORIGIN), None, "{origin}");
        }
    }
}
