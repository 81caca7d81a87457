//! The board of the queues, for operators to look at: apalis' own page, on an address of its own.
//!
//! The page wants the root of its address, has no sign-in, and takes whatever job it is handed. So it is served apart from
//! the hub, off unless an address is named, behind the operators' sign-in, and to be looked at alone: what changes
//! anything is refused. Dead letters are tried again through the hub's own API.

use apalis_board::axum::{
    framework::{ApiBuilder, RegisterRoute},
    ui::ServeUI,
};
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use axum::{
    Form, Router,
    extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts as _, Request, State},
    http::{
        HeaderMap, HeaderValue, Method,
        header::{
            AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, REFERRER_POLICY,
            SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::{self, Next},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use hub_jobs::queue::names;
use hub_store::queue::JobPool;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    app::Hub,
    auth::{
        Operator,
        proof::{self, Shown},
    },
    http::{error::ApiError, server::Peer, sessions},
};

/// The cookie that holds an operator's access token.
const COOKIE_NAME: &str = "hub_board";
/// Where one signs in.
const SIGN_IN: &str = "/sign-in";
/// The longest form, in bytes.
const LONGEST_FORM: usize = 8 * 1024;
/// The page runs a script of its own, written into it, and WebAssembly; nothing comes from elsewhere.
const POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'self'";

/// The form; what it says above itself goes where `{}` is.
const FORM: &str = include_str!("queue_board.html");

/// What the form says.
#[derive(Deserialize)]
struct SignIn {
    email: String,
    password: String,
    #[serde(default)]
    totp: String,
}

/// The board and the way in; `None` on the memory, which has no queue.
pub fn router(hub: &Hub) -> Option<Router> {
    let board = Router::new()
        .nest("/api/v1", api(hub.store.job_pool()?))
        .fallback_service(ServeUI::new())
        .layer(middleware::from_fn_with_state(hub.clone(), admit));
    let way_in = Router::new()
        .route(SIGN_IN, get(ask).post(sign_in))
        .route("/sign-out", get(sign_out))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .with_state(hub.clone());
    Some(board.merge(way_in).layer(middleware::map_response(guarded)))
}

/// What the page asks for, of every queue.
fn api(pool: JobPool) -> Router {
    let api = ApiBuilder::new(Router::new());
    let api = match pool {
        JobPool::Postgres(pool) => names::ALL.into_iter().fold(api, |api, queue| {
            let config = apalis_postgres::Config::default().queue(queue);
            api.register(queue, PostgresStorage::<Value>::new(&pool).with_config(config))
        }),
        JobPool::Sqlite { readers, .. } => names::ALL.into_iter().fold(api, |api, queue| {
            let config = apalis_sqlite::Config::default().queue(queue);
            let storage = SqliteStorage::<Value>::new(&readers).with_config(config);
            api.register(queue, storage)
        }),
    };
    api.build()
}

/// Lets operators look, and nobody else, and nothing more.
async fn admit(State(hub): State<Hub>, mut request: Request, next: Next) -> Response {
    if let Some(token) = token_in(request.headers()) {
        request.headers_mut().insert(AUTHORIZATION, token);
    }
    let is_page = request.uri().path() == "/";
    let (mut parts, body) = request.into_parts();
    match Operator::from_request_parts(&mut parts, &hub).await {
        Ok(_) if !matches!(parts.method, Method::GET | Method::HEAD) => {
            ApiError::MethodNotAllowed.into_response()
        }
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(_) if is_page => Redirect::to(SIGN_IN).into_response(),
        Err(error) => error.into_response(),
    }
}

/// The token in the cookie, as a header has it.
fn token_in(headers: &HeaderMap) -> Option<HeaderValue> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split("; ")).filter_map(|it| it.split_once('='));
    let (_, token) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
    HeaderValue::from_str(&format!("Bearer {token}")).ok()
}

async fn ask() -> Html<String> {
    Html(FORM.replace("{}", ""))
}

/// Signs an operator in: as at the hub itself, and who is none is told what a wrong password is told.
async fn sign_in(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Form(asked): Form<SignIn>,
) -> Response {
    match token_of(&hub, peer, asked).await {
        Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(error) => {
            let said = format!("<p role=\"alert\">{}</p>", error.problem().detail());
            let status = error.into_response().status();
            (status, Html(FORM.replace("{}", &said))).into_response()
        }
    }
}

async fn token_of(hub: &Hub, peer: Peer, asked: SignIn) -> Result<String, ApiError> {
    let totp = Some(asked.totp.trim().to_owned()).filter(|code| !code.is_empty());
    let shown = Shown { password: asked.password, totp, recovery_code: None };
    let account = proof::by_email(hub, &asked.email, peer.0.ip(), &shown).await?;
    if !hub.store.is_operator(account.user.id).await? {
        return Err(ApiError::BadCredentials);
    }
    let token = sessions::token_alone(hub, &account).await?;
    Ok(cookie(&token))
}

async fn sign_out() -> Response {
    ([(SET_COOKIE, format!("{}; Max-Age=0", cookie("")))], Redirect::to(SIGN_IN)).into_response()
}

/// The cookie goes nowhere but here, and no script reads it. It ends with the browser, and the token in it before.
fn cookie(token: &str) -> String {
    format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Strict")
}

/// What each answer says to browsers.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
