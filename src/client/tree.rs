//! The hub's tree over HTTP: sites, areas, units, rules and keys, found by name or made.

use anyhow::{Context, bail};
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::ingest::{endpoint, problem};

/// A person's way into the tree: everything asked for is made once and found again afterwards.
#[derive(Debug)]
pub struct Tree {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Tree {
    /// Makes a way in for the bearer of `token`; nothing is asked yet.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        endpoint(url, "api/v1/me")?;
        let timeout = std::time::Duration::from_secs(30);
        let http = reqwest::Client::builder().timeout(timeout).build()?;
        Ok(Self { http, url: url.to_owned(), token: token.to_owned() })
    }

    /// Waits until the hub says that it is ready.
    ///
    /// # Errors
    /// It did not within `patience`.
    pub async fn ready(&self, patience: std::time::Duration) -> anyhow::Result<()> {
        let address = endpoint(&self.url, "health/ready")?;
        let give_up_at = tokio::time::Instant::now() + patience;
        loop {
            let answer = self.http.get(address.clone()).send().await;
            if answer.as_ref().is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            if tokio::time::Instant::now() >= give_up_at {
                bail!("the hub at {} is not ready", self.url);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// The id of the site of that name.
    ///
    /// # Errors
    /// The hub did not answer, or refused.
    pub async fn site(&self, name: &str, timezone: &str) -> anyhow::Result<String> {
        let body = json!({"name": name, "timezone": timezone});
        self.named("api/v1/sites", None, name, body).await
    }

    /// The id of the area of that name at a site.
    ///
    /// # Errors
    /// The hub did not answer, or refused.
    pub async fn area(&self, site_id: &str, name: &str) -> anyhow::Result<String> {
        let body = json!({"siteId": site_id, "name": name});
        self.named("api/v1/areas", Some(site_id), name, body).await
    }

    /// The id of the unit of that name at a site.
    ///
    /// # Errors
    /// The hub did not answer, or refused.
    pub async fn unit(
        &self,
        site_id: &str,
        area_id: Option<&str>,
        name: &str,
        preset: &str,
    ) -> anyhow::Result<String> {
        let mut body = json!({"siteId": site_id, "name": name, "preset": preset});
        if let Some(area_id) = area_id {
            body["areaId"] = area_id.into();
        }
        self.named("api/v1/units", Some(site_id), name, body).await
    }

    /// All units of a site with their live views.
    ///
    /// # Errors
    /// The hub did not answer, or refused.
    pub async fn units(&self, site_id: &str) -> anyhow::Result<Vec<Value>> {
        self.list("api/v1/units", Some(site_id)).await
    }

    /// Sets the organization's own alert rule, in place of the one it had.
    ///
    /// # Errors
    /// The hub did not answer, or refused.
    pub async fn organization_rule(&self, rule: Value) -> anyhow::Result<()> {
        let body = json!({"scope": "organization", "rule": rule});
        self.post("api/v1/alert-rules", body).await.map(drop)
    }

    /// A new ingest key.
    ///
    /// # Errors
    /// The hub did not answer, or refused.
    pub async fn api_key(&self, name: &str) -> anyhow::Result<String> {
        let made = self.post("api/v1/api-keys", json!({"name": name})).await?;
        text(&made, "key")
    }

    async fn named(
        &self,
        path: &str,
        site_id: Option<&str>,
        name: &str,
        body: Value,
    ) -> anyhow::Result<String> {
        let known = self.list(path, site_id).await?;
        let found = known.iter().find(|item| item["name"] == name);
        match found {
            Some(item) => text(item, "id"),
            None => text(&self.post(path, body).await?, "id"),
        }
    }

    /// Every page of a list.
    async fn list(&self, path: &str, site_id: Option<&str>) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut address = endpoint(&self.url, path)?;
            {
                let mut query = address.query_pairs_mut();
                query.append_pair("limit", "200");
                site_id.map(|id| query.append_pair("siteId", id));
                cursor.as_deref().map(|cursor| query.append_pair("cursor", cursor));
            }
            let mut page = self.ask(Method::GET, address, None).await?;
            match page["items"].take() {
                Value::Array(more) => items.extend(more),
                _ => bail!("{path} did not answer a list"),
            }
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, endpoint(&self.url, path)?, Some(body)).await
    }

    async fn ask(
        &self,
        method: Method,
        address: Url,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let what = format!("{method} {}", address.path());
        let mut request = self.http.request(method, address).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| format!("{what} had no answer"))?;
        let status = response.status();
        if !status.is_success() {
            bail!("{what} answered {status}: {}", problem(response).await);
        }
        response.json().await.with_context(|| format!("{what} did not answer JSON"))
    }
}

fn text(item: &Value, field: &str) -> anyhow::Result<String> {
    let value = item[field].as_str().with_context(|| format!("the answer has no {field:?}"))?;
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use axum::extract::{Query, State};
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::{IntoResponse, Response};
    use axum::routing::get;
    use axum::{Json, Router};

    use super::*;

    type Sites = State<Arc<Mutex<Vec<Value>>>>;

    /// Two a page, whatever was asked for.
    async fn list(
        State(sites): Sites,
        Query(query): Query<HashMap<String, String>>,
    ) -> Json<Value> {
        let sites = sites.lock().unwrap();
        let from: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
        let page: Vec<_> = sites.iter().skip(from).take(2).collect();
        let next = (from + 2 < sites.len()).then(|| (from + 2).to_string());
        Json(json!({"items": page, "nextCursor": next}))
    }

    async fn make(
        State(sites): Sites,
        headers: HeaderMap,
        Json(mut body): Json<Value>,
    ) -> Response {
        if headers.get("authorization").is_none_or(|bearer| bearer != "Bearer t") {
            let problem = json!({"code": "unauthorized", "detail": "no token"});
            return (StatusCode::UNAUTHORIZED, Json(problem)).into_response();
        }
        let mut sites = sites.lock().unwrap();
        body["id"] = format!("id-{}", sites.len()).into();
        sites.push(body.clone());
        (StatusCode::CREATED, Json(body)).into_response()
    }

    /// A remote end that keeps sites; gives its address and what it keeps.
    async fn remote() -> (String, Arc<Mutex<Vec<Value>>>) {
        let sites = Arc::<Mutex<Vec<Value>>>::default();
        let app = Router::new().route("/api/v1/sites", get(list).post(make));
        let app = app.with_state(Arc::clone(&sites));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (url, sites)
    }

    #[tokio::test]
    async fn what_has_been_made_is_found_again_on_whichever_page() {
        let (url, sites) = remote().await;
        let tree = Tree::new(&url, "t").unwrap();
        let names = ["a", "b", "c", "d", "e"];
        let mut made = Vec::new();
        for name in names {
            made.push(tree.site(name, "UTC").await.unwrap());
        }
        assert_eq!(made, ["id-0", "id-1", "id-2", "id-3", "id-4"]);
        for (name, id) in names.iter().zip(made) {
            assert_eq!(tree.site(name, "UTC").await.unwrap(), id);
        }
        assert_eq!(sites.lock().unwrap().len(), names.len());
    }

    #[tokio::test]
    async fn a_refusal_says_what_was_asked_and_why_not() {
        let (url, _) = remote().await;
        let tree = Tree::new(&url, "somebody else's").unwrap();
        let told = tree.site("a", "UTC").await.unwrap_err().to_string();
        let expected = "POST /api/v1/sites answered 401 Unauthorized: unauthorized: no token";
        assert_eq!(told, expected);
    }
}
