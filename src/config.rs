//! Settings: one table of them, taken from a flag, else the environment, else a file, else a default.
//!
//! A setting that cannot be used ends the start with one sentence ([`ConfigError`]).

mod billing;
mod messages;
mod table;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
};

use axum::http::HeaderValue;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use hub_billing::BillingSettings;
use hub_store::redis::Redis;
use ipnet::IpNet;
use jsonwebtoken::Algorithm;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::{
    messages::MessageSettings,
    table::{SETTINGS, Setting},
};
use crate::{
    auth::{keys::SenderRates, rates::Shares, tokens::OWN_ISSUER},
    ws::Origins,
};

/// A setting that cannot be used, as one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// What was said on the command line and in the environment.
#[derive(Clone, Debug, Default)]
pub struct SettingArgs(BTreeMap<&'static str, String>);

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// An issuer of tokens besides the hub's own sign-in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// Its `iss`, or a list of all that it uses.
    pub issuer: OneOrMany,
    /// Where its keys are published.
    pub jwks_url: String,
    /// The `aud` that tokens for this hub have.
    pub audience: String,
    /// The algorithms that it signs with.
    pub algorithms: Vec<Algorithm>,
    /// Claims that must have these values; `false` is also met by a claim that is absent.
    #[serde(default)]
    pub claims: Map<String, Value>,
}

/// One text or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether that was said.
    pub listen_is_said: bool,
    /// Where the board of the queues listens, if there is one.
    pub board_listen: Option<SocketAddr>,
    /// Whether a hub that serves works its queues, too.
    pub works: bool,
    /// By whom messages go out.
    pub messages: MessageSettings,
    /// Who is asked each minute while all is well.
    pub heartbeat_url: Option<SecretString>,
    /// The database, if it is not the default.
    pub database_url: Option<SecretString>,
    /// Its other address, by a pooler of transactions.
    pub database_pooled_url: Option<SecretString>,
    /// Redis, by which hubs on one database tell each other.
    pub redis_url: Option<SecretString>,
    /// The hub's own files.
    pub data_dir: PathBuf,
    /// Whether the data folder was named.
    pub data_dir_is_said: bool,
    /// Connections to the database.
    pub database_connections: u32,
    /// Whether a start brings the database up to date.
    pub migrates: bool,
    /// The filter of logs.
    pub log: String,
    /// Their format.
    pub log_format: LogFormat,
    /// Origins of pages, for requests.
    pub origins: Vec<HeaderValue>,
    /// Origins of pages, for sockets.
    pub socket_origins: Origins,
    /// Issuers of tokens.
    pub issuers: Vec<IssuerSettings>,
    /// The life of the hub's own tokens.
    pub token_secs: u32,
    /// The life of a session that nobody refreshes.
    pub refresh_secs: u32,
    /// Where people reach the hub, without a slash at the end.
    pub public_url: Option<String>,
    /// Where other hubs on the same database reach this one.
    pub node_url: Option<String>,
    /// Proxies that say whom a request is of.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections of clients.
    pub max_connections: usize,
    /// How often people may ask.
    pub shares: Shares,
    /// How often one key or connection may send, and how much.
    pub each_sender: SenderRates,
    /// The same for all keys and connections of an organization together.
    pub senders_together: SenderRates,
    /// How Stripe is reached, on a hub that has billing.
    pub billing: Option<BillingSettings>,
}

impl Args for SettingArgs {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| command.arg(argument(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(setting: &Setting) -> Arg {
    let default = if setting.default.is_empty() {
        String::new()
    } else {
        format!(" [default: {}]", setting.default)
    };
    let argument = Arg::new(setting.name)
        .long(setting.name)
        .env(setting.env)
        .hide_env_values(setting.is_secret);
    let argument = argument
        .help(format!("{}{default}", setting.help))
        .value_name("VALUE")
        .action(ArgAction::Set);
    if setting.name == "no-migrate" {
        argument.num_args(0..=1).default_missing_value("true")
    } else {
        argument
    }
}

impl FromArgMatches for SettingArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let said = |setting: &Setting| {
            Some((setting.name, matches.get_one::<String>(setting.name)?.clone()))
        };
        Ok(Self(SETTINGS.iter().filter_map(said).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl SettingArgs {
    /// The settings, each from where it was said first.
    ///
    /// # Errors
    /// With a sentence, when one cannot be used.
    pub fn settings(mut self) -> Result<Settings, ConfigError> {
        if let Some(path) = self.0.get("config").filter(|path| !path.is_empty()) {
            for (name, value) in file(path)? {
                self.0.entry(name).or_insert(value);
            }
        }
        self.read()
    }

    fn read(&self) -> Result<Settings, ConfigError> {
        let socket_origins = self.origins()?;
        Ok(Settings {
            listen: self.parsed("listen", "an address such as 127.0.0.1:8080")?,
            listen_is_said: self.0.contains_key("listen"),
            board_listen: self.board_listen()?,
            works: self.parsed("workers", "true or false")?,
            messages: self.messages()?,
            heartbeat_url: self.heartbeat_url()?,
            database_url: self.database_url()?,
            database_pooled_url: self.database_pooled_url()?,
            redis_url: self.redis_url()?,
            data_dir: PathBuf::from(self.text("data-dir")),
            data_dir_is_said: self.0.contains_key("data-dir"),
            database_connections: self.number("database-connections", 1, 500)?,
            migrates: !self.parsed::<bool>("no-migrate", "true or false")?,
            log: self.log()?,
            log_format: self.log_format()?,
            origins: socket_origins.as_headers(),
            socket_origins,
            issuers: self.issuers()?,
            token_secs: self.number("token-secs", 1, 2_592_000)?,
            refresh_secs: self.number("refresh-secs", 1, 31_536_000)?,
            public_url: self
                .web_address("public-url", "an address such as https://hub.example.com")?,
            node_url: self.web_address("node-url", "an address such as http://10.0.0.7:8080")?,
            trusted_proxies: self.trusted_proxies()?,
            max_connections: usize::try_from(self.number("max-connections", 1, 1_000_000)?)
                .unwrap_or(usize::MAX),
            shares: Shares {
                caller: self.rate("caller-requests")?,
                organization: self.rate("organization-requests")?,
            },
            each_sender: SenderRates {
                requests: self.rate("key-requests")?,
                readings: self.rate("key-readings")?,
            },
            senders_together: SenderRates {
                requests: self.rate("organization-sends")?,
                readings: self.rate("organization-readings")?,
            },
            billing: self.billing()?,
        })
    }

    fn text(&self, name: &str) -> &str {
        let said = self.0.get(name).map(String::as_str);
        said.or_else(|| {
            SETTINGS.iter().find(|setting| setting.name == name).map(|setting| setting.default)
        })
        .unwrap_or_default()
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, expected: &str) -> Result<T, ConfigError> {
        self.text(name).trim().parse().map_err(|_| self.wrong(name, expected))
    }

    fn number(&self, name: &str, min: u32, max: u32) -> Result<u32, ConfigError> {
        let expected = format!("a whole number from {min} to {max}");
        let number: u32 = self.parsed(name, &expected)?;
        if (min..=max).contains(&number) { Ok(number) } else { Err(self.wrong(name, &expected)) }
    }

    fn rate(&self, name: &str) -> Result<NonZeroU32, ConfigError> {
        let number = self.number(name, 1, 100_000_000)?;
        Ok(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }

    fn wrong(&self, name: &str, expected: impl fmt::Display) -> ConfigError {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let env = setting.map_or("", |setting| setting.env);
        let is_secret = setting.is_some_and(|setting| setting.is_secret);
        let value = if is_secret { String::new() } else { format!(", not {:?}", self.text(name)) };
        ConfigError(format!("the setting --{name} ({env}) must be {expected}{value}"))
    }

    fn database_url(&self) -> Result<Option<SecretString>, ConfigError> {
        let url = self.text("database-url").trim();
        let known = ["sqlite:", "postgres:", "postgresql:", "memory:"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if url.is_empty() {
            Ok(None)
        } else if known {
            Ok(Some(url.to_owned().into()))
        } else {
            Err(self.wrong("database-url", "an address that begins with sqlite:// or postgres://"))
        }
    }

    fn database_pooled_url(&self) -> Result<Option<SecretString>, ConfigError> {
        let pooled = self.text("database-pooled-url").trim();
        let is_postgres =
            |url: &str| url.starts_with("postgres:") || url.starts_with("postgresql:");
        if pooled.is_empty() {
            Ok(None)
        } else if is_postgres(pooled) && is_postgres(self.text("database-url").trim()) {
            Ok(Some(pooled.to_owned().into()))
        } else {
            let expected = "an address that begins with postgres://, as --database-url has to then";
            Err(self.wrong("database-pooled-url", expected))
        }
    }

    fn redis_url(&self) -> Result<Option<SecretString>, ConfigError> {
        let url = self.text("redis-url").trim();
        if url.is_empty() {
            return Ok(None);
        }
        if Redis::is_address(url) {
            return Ok(Some(url.to_owned().into()));
        }
        let expected = "an address such as redis://host:6379, rediss://user:password@host:6379, redis-sentinel://host:26379?sentinelServiceName=hub or redis-cluster://host:6379?node=other:6379";
        Err(self.wrong("redis-url", expected))
    }

    fn board_listen(&self) -> Result<Option<SocketAddr>, ConfigError> {
        match self.text("board-listen").trim() {
            "" => Ok(None),
            _ => self.parsed("board-listen", "an address such as 127.0.0.1:8081").map(Some),
        }
    }

    fn heartbeat_url(&self) -> Result<Option<SecretString>, ConfigError> {
        let text = self.text("heartbeat-url").trim();
        let url = reqwest::Url::parse(text).ok();
        let is_web =
            url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        match text {
            "" => Ok(None),
            _ if is_web => Ok(Some(text.to_owned().into())),
            _ => {
                Err(self.wrong("heartbeat-url", "an address that begins with https:// or http://"))
            }
        }
    }

    fn web_address(&self, name: &str, expected: &str) -> Result<Option<String>, ConfigError> {
        let text = self.text(name).trim().trim_end_matches('/');
        let url = reqwest::Url::parse(text).ok();
        let is_good = url.is_some_and(|url| {
            let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
            is_web && url.query().is_none() && url.fragment().is_none()
        });
        match text {
            "" => Ok(None),
            _ if is_good => Ok(Some(text.to_owned())),
            _ => Err(self.wrong(name, expected)),
        }
    }

    fn log(&self) -> Result<String, ConfigError> {
        let filter = self.text("log");
        match tracing_subscriber::EnvFilter::try_new(filter) {
            Ok(_) => Ok(filter.to_owned()),
            Err(_) => Err(self.wrong("log", "a log filter such as info or hub=debug,warn")),
        }
    }

    fn log_format(&self) -> Result<LogFormat, ConfigError> {
        match self.text("log-format") {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(self.wrong("log-format", "text or json")),
        }
    }

    fn origins(&self) -> Result<Origins, ConfigError> {
        let origins = self
            .text("allowed-origins")
            .split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty());
        Origins::listed(origins).map_err(|_| {
            let expected = "origins such as https://board.example.com, separated by commas";
            self.wrong("allowed-origins", expected)
        })
    }

    fn trusted_proxies(&self) -> Result<Vec<IpNet>, ConfigError> {
        let listed = self.text("trusted-proxies").split(',').map(str::trim);
        let net = |text: &str| {
            let address = || text.parse().map(|address: IpAddr| IpNet::from(address)).ok();
            text.parse().ok().or_else(address)
        };
        let nets: Option<Vec<IpNet>> = listed.filter(|text| !text.is_empty()).map(net).collect();
        let expected = "addresses or networks such as 10.0.0.0/8, separated by commas";
        nets.ok_or_else(|| self.wrong("trusted-proxies", expected))
    }

    fn issuers(&self) -> Result<Vec<IssuerSettings>, ConfigError> {
        let issuers: Vec<IssuerSettings> =
            serde_json::from_str(self.text("issuers")).map_err(|error| {
                ConfigError(format!("the setting --issuers (HUB_ISSUERS) cannot be read: {error}"))
            })?;
        let mut names = vec![OWN_ISSUER];
        for name in issuers.iter().flat_map(|issuer| issuer.issuer.names()) {
            if name.is_empty() || names.contains(&name) {
                let text = "the setting --issuers (HUB_ISSUERS) has an issuer without a name, or a name that is another's or the hub's own";
                return Err(ConfigError(text.to_owned()));
            }
            names.push(name);
        }
        for issuer in &issuers {
            let symmetric = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
            let is_pinned = !issuer.algorithms.is_empty()
                && issuer.algorithms.iter().all(|one| !symmetric.contains(one));
            let is_named = !issuer.issuer.names().is_empty();
            if !(is_safe_url(&issuer.jwks_url) && is_pinned && is_named) {
                let text = "each of the setting --issuers (HUB_ISSUERS) must have a name, an https address of its keys (http on this machine alone) and algorithms with public keys";
                return Err(ConfigError(text.to_owned()));
            }
        }
        Ok(issuers)
    }
}

/// Whether keys may be fetched from there: over https, or from this machine itself.
fn is_safe_url(text: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(text) else { return false };
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    match url.scheme() {
        "https" => !host.is_empty(),
        "http" => host == "localhost" || address.is_ok_and(|address| address.is_loopback()),
        _ => false,
    }
}

impl OneOrMany {
    fn names(&self) -> Vec<&str> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many.iter().map(String::as_str).collect(),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// The settings in a TOML file, as texts.
fn file(path: &str) -> Result<Vec<(&'static str, String)>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError(format!("the file of settings {path:?} (HUB_CONFIG) cannot be read: {error}"))
    })?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        ConfigError(format!("the file of settings {path:?} is not TOML: {}", error.message()))
    })?;
    table.into_iter().map(|(name, value)| said(path, &name, value)).collect()
}

fn said(path: &str, name: &str, value: toml::Value) -> Result<(&'static str, String), ConfigError> {
    let known = SETTINGS
        .iter()
        .find(|setting| setting.name.replace('-', "_") == name && setting.name != "config");
    let known = known.ok_or_else(|| {
        ConfigError(format!("the file of settings {path:?} has {name:?}, which is no setting"))
    })?;
    let text = match value {
        toml::Value::String(text) => text,
        toml::Value::Array(items)
            if matches!(known.name, "allowed-origins" | "trusted-proxies") =>
        {
            let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            let wrong = || {
                ConfigError(format!(
                    "the file of settings {path:?} has something else than texts in {name}"
                ))
            };
            texts.ok_or_else(wrong)?.join(",")
        }
        toml::Value::Array(items) => serde_json::to_string(&items).unwrap_or_default(),
        other => other.to_string(),
    };
    Ok((known.name, text))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
