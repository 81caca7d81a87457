//! People's accounts, sessions and invitations, and the platform's operators: through a running hub, on both databases.

mod invitations;
mod issuer;
mod members;
mod passwords;
mod platform;
mod proxies;
mod sessions;
mod totp;

use std::process::Command;

use hub_testkit::{
    api::{Answer, Api},
    hub::{Bootstrap, HubProcess, PASSWORD},
    postgres::PrivatePostgres,
    socket::Socket,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection as _;

/// Makes each scenario a test on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($file:ident: $($scenario:ident),+ $(,)?;)+) => {
        mod sqlite {
            $(mod $file {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    crate::identity::$file::$scenario(&crate::identity::World::on_sqlite().await).await;
                })+
            })+
        }
        mod postgres {
            $(mod $file {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    crate::identity::$file::$scenario(&crate::identity::World::on_postgres().await).await;
                })+
            })+
        }
    };
}

on_both_databases! {
    sessions:
        a_token_renews_a_session_once,
        a_token_used_twice_ends_the_session,
        junk_of_one_address_stops_nobodys_good_token,
        of_twenty_renewals_at_once_one_wins,
        a_session_ends_when_its_owner_signs_out,
        who_one_is_says_what_guards_the_account;
    passwords:
        a_changed_password_ends_every_other_session,
        a_link_sets_a_password_once_and_ends_every_session,
        a_forgotten_password_is_answered_alike_for_everybody,
        an_address_is_proven_by_a_link_once,
        a_changed_password_leaves_no_link_to_set_another;
    totp:
        a_second_factor_is_asked_for_once_confirmed,
        a_code_is_taken_once,
        codes_cannot_be_guessed,
        recovery_codes_are_good_once_and_the_factor_can_go,
        a_factor_does_not_stay_by_a_link_that_a_colleague_saw;
    invitations:
        somebody_new_accepts_and_is_signed_in,
        an_invitation_is_accepted_once_by_ten_at_once,
        somebody_with_an_account_proves_it,
        somebody_whom_an_issuer_knows_gets_an_account,
        an_issuer_with_two_names_is_one,
        an_issuers_stranger_takes_no_account_that_is_there,
        an_issuers_token_takes_no_address_that_it_does_not_prove,
        an_account_that_is_here_is_tied_to_an_issuer_by_its_owner;
    members:
        a_link_to_an_account_takes_the_role_above_it,
        an_account_shared_with_others_gets_no_link,
        a_link_dies_with_what_allowed_it,
        a_link_does_not_come_back_with_who_made_it_or_whom_it_is_for;
    platform:
        to_others_the_platform_is_not_there,
        an_organization_is_made_with_its_owners_invitation,
        a_first_owners_invitation_is_renewed_until_somebody_is_in,
        whoever_runs_the_hub_makes_a_link_for_an_owner,
        a_stay_is_on_record_and_ends,
        what_is_done_to_alerts_in_a_stay_is_on_record_too,
        a_stay_is_in_one_organization_with_its_role_alone,
        a_stay_that_ends_closes_what_sockets_hear,
        sockets_hear_nothing_of_a_stay_that_ended_by_itself,
        sockets_of_who_is_no_operator_any_more_hear_nothing,
        an_operator_who_is_none_any_more_is_out,
        who_was_an_operator_lets_no_first_owner_in,
        a_stay_lets_nobody_in_who_would_outlive_it;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_an_issuer_that_is_not_known_yet_closes_no_socket() {
    let mut world = World::on_sqlite().await;
    let token = world.invite("bob@example.test", "staff").await;
    let bob = world.hub.api().with_token(world.issuer.proven("bob", "bob@example.test"));
    accept(&bob, &json!({ "token": token })).await.expect(200);
    let of_none = issuer::Issuer::start().await;
    // for want of its key the issuer is asked, and is not asked again for a while
    assert_eq!(bob.clone().with_token(of_none.token("bob")).get("/api/v1/me").await.status, 401);
    world.issuer.rotate();
    let fresh = world.issuer.token("bob");
    let refused = bob.clone().with_token(&fresh).get("/api/v1/me").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (401, "unauthorized"));
    let mut socket = Socket::open(&world.hub.socket_url()).await.unwrap();
    for _ in 0..2 {
        let reply = socket.command("connect", json!({ "token": fresh })).await.unwrap();
        let error = &reply["error"];
        assert_eq!((&error["code"], &error["temporary"]), (&json!(100), &json!(true)), "{reply}");
    }
    let known = socket.command("connect", json!({ "token": world.made.token })).await.unwrap();
    assert!(known["connect"].is_object(), "the socket is there still: {known}");
}

/// A running hub with an organization, its owner, and an issuer whose tokens it takes.
pub(crate) struct World {
    pub(crate) hub: HubProcess,
    pub(crate) made: Bootstrap,
    pub(crate) owner: Api,
    pub(crate) issuer: issuer::Issuer,
    database_url: Option<String>,
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        Self::on(None).await
    }

    pub(crate) async fn on_postgres() -> Self {
        Self::on(Some(PrivatePostgres::shared().create_database())).await
    }

    async fn on(database_url: Option<String>) -> Self {
        let issuer = issuer::Issuer::start().await;
        let mut builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"))
            .env("HUB_ISSUERS", issuer.setting())
            .env("HUB_PUBLIC_URL", "https://hub.example.test");
        if let Some(url) = &database_url {
            builder = builder.database_url(url);
        }
        let hub = builder.start().await.expect("the hub starts");
        let (made, owner) = hub.owner("Identity").await.expect("an owner is made");
        Self { hub, made, owner, issuer, database_url }
    }

    /// `hub admin …`, which must go well.
    pub(crate) async fn admin(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
        command.arg("admin").args(arguments).env("HUB_DATA_DIR", self.hub.data());
        command.env_remove("DATABASE_URL");
        if let Some(url) = &self.database_url {
            command.env("DATABASE_URL", url);
        }
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes into the database, past the hub.
    async fn write(&self, sql: &str) {
        if let Some(url) = &self.database_url {
            let mut database = sqlx::PgConnection::connect(url).await.expect("the database");
            let statement = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()));
            statement.execute(&mut database).await.expect("it is written");
        } else {
            let url = format!("sqlite://{}", self.hub.data().join("hub.db").display());
            let mut database = sqlx::SqliteConnection::connect(&url).await.expect("the file");
            let statement = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()));
            statement.execute(&mut database).await.expect("it is written");
        }
    }

    /// Signs the owner in.
    pub(crate) async fn sign_in(&self) -> Value {
        sign_in(&self.hub.api(), &self.made.email, PASSWORD).await.expect(200)
    }

    /// Invites somebody; gives the link's token.
    pub(crate) async fn invite(&self, email: &str, role: &str) -> String {
        let asked = json!({ "email": email, "role": role });
        text(&self.owner.create("/api/v1/invitations", asked).await, "token")
    }

    /// Somebody new with that role, signed in.
    pub(crate) async fn member(&self, email: &str, role: &str) -> (Value, Api) {
        let token = self.invite(email, role).await;
        let asked = json!({ "token": token, "password": PASSWORD });
        let accepted = accept(&self.hub.api(), &asked).await.expect(200);
        let session = accepted["session"].clone();
        let api = self.hub.api().with_token(text(&session, "token"));
        (session, api)
    }

    /// What was done in the organization, newest first: the entries of an action.
    pub(crate) async fn audited(&self, owner: &Api, action: &str) -> Vec<Value> {
        let entries = owner.list("/api/v1/audit").await;
        entries.into_iter().filter(|entry| entry["action"] == action).collect()
    }
}

/// A text of an answer.
#[track_caller]
pub(crate) fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("no {name} in {object}")).to_owned()
}

pub(crate) async fn sign_in(api: &Api, email: &str, password: &str) -> Answer {
    api.post("/api/v1/auth/sign-in", &json!({ "email": email, "password": password })).await
}

pub(crate) async fn refresh(api: &Api, token: &str) -> Answer {
    api.post("/api/v1/auth/refresh", &json!({ "refreshToken": token })).await
}

pub(crate) async fn accept(api: &Api, asked: &Value) -> Answer {
    api.post("/api/v1/auth/accept-invitation", asked).await
}

/// Sends a change that is no creation.
pub(crate) async fn send(api: &Api, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let request = api.request(method, path);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    api.send(request).await.expect("the hub answers")
}
