//! The queues as operators see them, the board's listener, and `hub worker`: the binary itself, on both databases.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use hub_domain::{Clock, Timestamp};
use hub_store::{
    OpenOptions, Store,
    queue::{JobPool, NewJob},
};
use hub_testkit::{api::Api, hub::HubProcess, postgres::PrivatePostgres, usage};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

const LETTERS: &str = "/api/v1/platform/dead-letters";
const QUEUES: &str = "/api/v1/platform/queues";
const EMAIL: &str = "root@example.test";

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap())
    }
}

/// A hub with an operator and a board.
struct World {
    hub: HubProcess,
    url: Option<String>,
    owner: Api,
    owner_token: String,
    operator: Api,
    password: String,
    board: String,
}

impl World {
    async fn on_sqlite() -> Self {
        Self::start(None).await
    }

    async fn on_postgres() -> Self {
        let url = tokio::task::spawn_blocking(|| PrivatePostgres::shared().create_database());
        Self::start(Some(url.await.unwrap())).await
    }

    async fn start(url: Option<String>) -> Self {
        let board = format!("127.0.0.1:{}", free_port());
        let builder =
            HubProcess::builder(env!("CARGO_BIN_EXE_hub")).env("HUB_BOARD_LISTEN", &board);
        let builder = match &url {
            Some(url) => builder.database_url(url),
            None => builder,
        };
        let hub = builder.start().await.unwrap();
        let (made, owner) = hub.owner("Queues").await.unwrap();
        let printed = run(&hub, url.as_deref(), &["admin", "operator", "add", EMAIL]);
        let printed: Value = serde_json::from_str(&printed).unwrap();
        let password = printed["password"].as_str().unwrap().to_owned();
        let asked = json!({ "email": EMAIL, "password": password });
        let session = hub.api().post("/api/v1/auth/sign-in", &asked).await.expect(200);
        let operator = hub.api().with_token(session["token"].as_str().unwrap());
        Self {
            hub,
            url,
            owner,
            owner_token: made.token,
            operator,
            password,
            board: format!("http://{board}"),
        }
    }

    /// The hub's own store, from the side.
    async fn store(&self) -> Store {
        let own = || format!("sqlite://{}", self.hub.data().join("hub.db").display());
        let url = self.url.clone().unwrap_or_else(own);
        let clock = std::sync::Arc::new(SystemClock);
        Store::open(OpenOptions { url, max_connections: 2, clock }).await.unwrap()
    }

    /// A job that came to nothing, in a queue that nobody works.
    async fn dead_letter(&self, store: &Store) -> Uuid {
        let id = Uuid::now_v7();
        let job = NewJob::new(id, "nobodys", format!("key {id}"), json!({})).max_attempts(3);
        assert_eq!(store.enqueue(&[job]).await.unwrap(), 1);
        let said = r#"{"Err":"the provider is away"}"#;
        match store.job_pool().unwrap() {
            JobPool::Postgres(pool) => {
                let end = "UPDATE apalis.jobs SET status = 'Failed', attempts = 3, done_at = now(), last_result = $1::jsonb";
                sqlx::query(end).bind(said).execute(&pool).await.unwrap();
            }
            JobPool::Sqlite { writer, .. } => {
                let end = "UPDATE Jobs SET status = 'Failed', attempts = 3, done_at = unixepoch(), last_result = $1";
                sqlx::query(end).bind(said).execute(&writer).await.unwrap();
            }
        }
        id
    }

    fn browser(&self) -> reqwest::Client {
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
    }

    /// Signs in at the board; gives the answer.
    async fn sign_in(&self, email: &str, password: &str) -> reqwest::Response {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let form = format!("email={}&password={}", encode(email), encode(password));
        let post = self.browser().post(format!("{}/sign-in", self.board));
        let post = post.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        post.body(form).send().await.unwrap()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs a command of the binary on a hub's database; gives what it prints.
fn run(hub: &HubProcess, url: Option<&str>, arguments: &[&str]) -> String {
    let output = command(hub, url).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn command(hub: &HubProcess, url: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
    command.env_remove("DATABASE_URL").env("HUB_DATA_DIR", hub.data()).stdin(Stdio::null());
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    command
}

macro_rules! on_both_databases {
    ($($scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario(&super::World::on_sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario(&super::World::on_postgres().await).await;
            })+
        }
    };
}

on_both_databases! {
    dead_letters_are_an_operators_alone,
    nobody_passes_the_board_without_being_an_operator,
    a_worker_of_its_own_lives_and_ends_in_order,
    a_hub_that_has_nothing_to_do_rests,
}

async fn dead_letters_are_an_operators_alone(world: &World) {
    let store = world.store().await;
    let id = world.dead_letter(&store).await;
    let retry = format!("{LETTERS}/{id}/retry");
    for path in [LETTERS, QUEUES] {
        assert_eq!(world.hub.api().get(path).await.status, 401);
        assert_eq!(world.owner.get(path).await.status, 404);
    }
    assert_eq!(world.owner.post(&retry, &json!({})).await.status, 404);

    let letters = world.operator.read(LETTERS).await;
    let ended_at = letters["items"][0]["endedAt"].clone();
    assert!(ended_at.is_string(), "{letters}");
    let letter = json!({
        "id": id.to_string(), "queue": "nobodys", "key": format!("key {id}"), "attempts": 3, "maxAttempts": 3,
        "lastError": "the provider is away", "endedAt": ended_at,
    });
    assert_eq!(letters, json!({ "items": [letter], "nextCursor": null }));
    let others = world.operator.read(&format!("{LETTERS}?queue=another")).await;
    assert_eq!(others["items"], json!([]));
    let bad = world.operator.get(&format!("{LETTERS}?queue=")).await;
    assert_eq!((bad.status.as_u16(), bad.code()), (400, "bad_query"));
    let counts = world.operator.read(QUEUES).await;
    assert_eq!(
        counts["items"],
        json!([{ "queue": "nobodys", "waiting": 0, "inHand": 0, "dead": 1, "oldestSecs": null }])
    );

    assert_eq!(world.operator.post(&retry, &json!({})).await.status, 204);
    assert_eq!(world.operator.post(&retry, &json!({})).await.status, 404, "it is none any more");
    let counts = world.operator.read(QUEUES).await;
    assert_eq!(
        (&counts["items"][0]["waiting"], &counts["items"][0]["dead"]),
        (&json!(1), &json!(0))
    );
    let until = Instant::now() + Duration::from_secs(30);
    let shown = r#"hub_queue_jobs{queue="nobodys",state="waiting"} 1"#;
    loop {
        let url = format!("{}/metrics", world.hub.url());
        let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
        if metrics.contains(shown) && metrics.contains("hub_queue_oldest_seconds") {
            break;
        }
        assert!(Instant::now() < until, "no {shown} in {metrics}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    store.close().await;
}

async fn nobody_passes_the_board_without_being_an_operator(world: &World) {
    let browser = world.browser();
    let at = |path: &str| format!("{}{path}", world.board);
    let index = browser.get(at("/")).send().await.unwrap();
    assert_eq!(index.status(), StatusCode::SEE_OTHER);
    assert_eq!(index.headers()[header::LOCATION], "/sign-in");
    let inside = [
        "/index.html",
        "/queues",
        "/api/v1/queues",
        "/api/v1/workers",
        "/api/v1/tasks",
        "/api/v1/overview",
        "/api/v1/queues/send_sms/tasks",
        "/api/v1/queues/send_sms/stats",
        "/api/v1/none",
        "//api/v1/queues",
        "/sign-in/../api/v1/queues",
        "/api/v1/queues/",
    ];
    for path in inside {
        for method in
            [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS]
        {
            for cookie in ["", "hub_board=", "hub_board=x.y.z", "other=1; hub_board=null"] {
                let asked =
                    browser.request(method.clone(), at(path)).header(header::COOKIE, cookie);
                let answer = asked.body("{}").send().await.unwrap();
                let is_shut = [401, 404, 405].contains(&answer.status().as_u16());
                assert!(is_shut, "{method} {path} with {cookie:?}: {}", answer.status());
                let said = answer.text().await.unwrap();
                assert!(
                    !said.contains("Apalis") && !said.contains("RUNNING_JOBS"),
                    "{path}: {said}"
                );
            }
        }
    }
    // an owner is no operator, whether signed in here or with a token of the hub
    let owners = format!("hub_board={}", world.owner_token);
    let asked = browser.get(at("/api/v1/queues")).header(header::COOKIE, owners);
    assert_eq!(asked.send().await.unwrap().status(), 404);
    let wrong = world.sign_in(EMAIL, "not the password").await;
    assert_eq!(wrong.status(), 401);
    assert!(!wrong.headers().contains_key(header::SET_COOKIE));

    let right = world.sign_in(EMAIL, &world.password).await;
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    let cookie = right.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    for guard in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(guard), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let ask = |method: Method, path: &str| {
        browser.request(method, at(path)).header(header::COOKIE, cookie.clone())
    };
    let page = ask(Method::GET, "/").send().await.unwrap();
    assert_eq!(
        (page.status().as_u16(), &page.headers()[header::X_FRAME_OPTIONS]),
        (200, &header::HeaderValue::from_static("DENY"))
    );
    assert!(page.text().await.unwrap().contains("Apalis Board"));
    for path in
        ["/api/v1/queues", "/api/v1/overview", "/api/v1/queues/send_sms/tasks?status=Pending"]
    {
        let answer = ask(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.json::<Value>().await.unwrap().is_array(), "{path}");
    }
    // it can push jobs, which nobody may from here
    let push = ask(Method::PUT, "/api/v1/queues/send_sms/tasks").json(&json!({}));
    assert_eq!(push.send().await.unwrap().status(), 405);
    let counts = world.operator.read(QUEUES).await;
    assert_eq!(counts["items"], json!([]));
    // and who is no operator any more is out
    run(&world.hub, world.url.as_deref(), &["admin", "operator", "remove", EMAIL]);
    assert_eq!(ask(Method::GET, "/api/v1/queues").send().await.unwrap().status(), 404);
}

/// Ends with the test.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

async fn a_worker_of_its_own_lives_and_ends_in_order(world: &World) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut worker = command(&world.hub, world.url.as_deref());
    worker.args(["worker", "--listen", &address]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut worker = Worker(worker.spawn().unwrap());
    let at = |path: &str| format!("http://{address}{path}");
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(answer) = reqwest::get(at("/health/ready")).await {
            assert_eq!(answer.status(), 200);
            break;
        }
        assert!(Instant::now() < until, "the worker does not answer");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(reqwest::get(at("/health/live")).await.unwrap().status(), 200);
    assert_eq!(reqwest::get(at("/metrics")).await.unwrap().status(), 200);
    assert_eq!(reqwest::get(at("/api/v1/me")).await.unwrap().status(), 404, "it serves nobody");
    let signalled = Command::new("kill").arg(worker.0.id().to_string()).status().unwrap();
    assert!(signalled.success());
    let until = Instant::now() + Duration::from_secs(10);
    let ended = loop {
        if let Some(status) = worker.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < until, "the worker does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(ended.success(), "{ended}");
}

/// Of a core. A twentieth was seen; two thirds when workers of queues kept each other awake.
const AT_REST: f64 = 0.25;

async fn a_hub_that_has_nothing_to_do_rests(world: &World) {
    tokio::time::sleep(Duration::from_secs(3)).await; // it has just started
    let hub = world.hub.process_id().unwrap();
    let (begun, before) = (Instant::now(), usage::cpu_secs(hub).unwrap());
    tokio::time::sleep(Duration::from_secs(4)).await;
    let share = (usage::cpu_secs(hub).unwrap() - before) / begun.elapsed().as_secs_f64();
    assert!(share < AT_REST, "{share:.2} of a core");
}
