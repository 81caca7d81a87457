use reqwest::{Method, header};
use serde_json::json;

use super::hub;

#[tokio::test(flavor = "multi_thread")]
async fn odd_ids_queries_and_methods_are_clear_refusals() {
    let (_hub, api) = hub().await;
    let cases = [
        ("/api/v1/sites/..%2f..%2fetc%2fpasswd", 404),
        ("/api/v1/sites/%ff%fe", 404),
        ("/api/v1/sites/%00", 404),
        ("/api/v1/sites/019a0000-0000-7000-8000-00000000000", 404),
        ("/api/v1/sites/019a000000007000800000000000000001", 404),
        ("/api/v1/sites/019a0000-0000-7000-8000-000000000001", 404),
        ("/api/v1/nothing", 404),
        ("/api/docs/%ff", 404),
        ("/api/v1/sites?limit=0", 400),
        ("/api/v1/sites?limit=201", 400),
        ("/api/v1/sites?limit=1&limit=2", 400),
        ("/api/v1/sites?cursor=%00", 400),
        ("/api/v1/sites?cursor=nonsense", 400),
        ("/api/v1/units?siteId=x", 400),
        ("/api/v1/alerts?status=nonsense", 400),
        ("/api/v1/alerts?kind=nonsense", 400),
    ];
    for (path, expected) in cases {
        let answer = api.get(path).await;
        assert_eq!(answer.status.as_u16(), expected, "{path}: {}", answer.body);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{path}");
    }
    for odd in ["%ff", "%00", "xyz", "0011223344556677"] {
        let path = format!("/api/v1/unclaimed-devices/{odd}");
        let claim =
            api.request(Method::POST, &format!("{path}/claim")).json(&json!({ "name": "Probe" }));
        for request in [api.request(Method::DELETE, &path), claim] {
            let answer = api.send(request).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"), "{path}");
            assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{path}");
        }
    }
    for method in ["PUT", "PATCH", "BREW"] {
        let request = api.request(Method::from_bytes(method.as_bytes()).unwrap(), "/api/v1/sites");
        let answer = api.send(request).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (405, "method_not_allowed"),
            "{method}"
        );
    }
}
