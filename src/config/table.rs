//! The table of settings: names, defaults and meanings, for the help, the file and the documentation alike.

/// One setting as it is documented.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its flag and its name in the file, with `-` in the one and `_` in the other.
    pub name: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// What holds where nothing is said.
    pub default: &'static str,
    /// What it means.
    pub help: &'static str,
    /// True where its value must not be shown.
    pub is_secret: bool,
}

const fn setting(
    name: &'static str,
    env: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, env, default, help, is_secret: false }
}

/// Every setting. `docs/SETTINGS.md` says the same; a test compares them.
pub const SETTINGS: &[Setting] = &[
    setting(
        "config",
        "HUB_CONFIG",
        "",
        "A TOML file with settings by these names, with _ for -; it gives way to flags and environment",
    ),
    setting(
        "listen",
        "HUB_LISTEN",
        "127.0.0.1:8080",
        "Address to listen on; port 0 takes a free one, which is printed",
    ),
    Setting {
        name: "database-url",
        env: "DATABASE_URL",
        default: "",
        help: "sqlite:///path/hub.db or postgres://user:password@host/database; without it a SQLite file hub.db in the data folder",
        is_secret: true,
    },
    Setting {
        name: "database-pooled-url",
        env: "DATABASE_POOLED_URL",
        default: "",
        help: "Another address of the same PostgreSQL, by way of a pooler of transactions, for what is asked of one organization (see docs/SETTINGS.md); without it that goes to the database-url, too",
        is_secret: true,
    },
    Setting {
        name: "redis-url",
        env: "REDIS_URL",
        default: "",
        help: "Redis by which hubs on one PostgreSQL show each other's changes at once, such as redis://host:6379 (see docs/SETTINGS.md); without it they do so within a second",
        is_secret: true,
    },
    setting(
        "board-listen",
        "HUB_BOARD_LISTEN",
        "",
        "Address of the queues' board, for operators alone; without it there is none",
    ),
    setting(
        "workers",
        "HUB_WORKERS",
        "true",
        "false: hub serve does no jobs, which some hub worker has to do then",
    ),
    Setting {
        name: "heartbeat-url",
        env: "HUB_HEARTBEAT_URL",
        default: "",
        help: "Address that is asked (GET) each minute while the database, the workers and what plans for them work; without it none is",
        is_secret: true,
    },
    setting("data-dir", "HUB_DATA_DIR", "./hub-data", "Folder of the hub's own files"),
    setting(
        "database-connections",
        "HUB_DATABASE_CONNECTIONS",
        "16",
        "At most so many connections to the database for what is asked of one organization, 1 to 500; PostgreSQL has half as many more across organizations, eight for workers, and two that write readings",
    ),
    setting(
        "no-migrate",
        "HUB_NO_MIGRATE",
        "false",
        "true: refuse to start on a database that is not up to date, instead of bringing it up to date",
    ),
    setting(
        "log",
        "HUB_LOG",
        "info,sea_orm_migration=warn",
        "What is logged: error, warn, info, debug, trace, or by module such as hub=debug,warn",
    ),
    setting("log-format", "HUB_LOG_FORMAT", "text", "text or json"),
    setting(
        "allowed-origins",
        "HUB_ALLOWED_ORIGINS",
        "",
        "Origins of pages that may call the hub, separated by commas; without any only its own page may",
    ),
    setting(
        "issuers",
        "HUB_ISSUERS",
        "[]",
        "Issuers of tokens besides the hub's own sign-in, as a JSON list (see docs/SETTINGS.md)",
    ),
    setting(
        "token-secs",
        "HUB_TOKEN_SECS",
        "900",
        "How long an access token of the hub's own sign-in is good, in seconds, 1 to 2592000",
    ),
    setting(
        "refresh-secs",
        "HUB_REFRESH_SECS",
        "2592000",
        "How long a session of the hub's own sign-in lasts that nobody refreshes, in seconds, 1 to 31536000",
    ),
    setting(
        "public-url",
        "HUB_PUBLIC_URL",
        "",
        "Where people reach the hub, for links that it hands out; without it the address that it listens on; where it begins with https, browsers are told to come by TLS alone",
    ),
    setting(
        "node-url",
        "HUB_NODE_URL",
        "",
        "Where other hubs on the same PostgreSQL reach this one, such as http://10.0.0.7:8080; without it the address that it listens on, unless that is any",
    ),
    Setting {
        name: "telnyx-key",
        env: "HUB_TELNYX_KEY",
        default: "",
        help: "Key of Telnyx, by whom SMS are sent; without it none are",
        is_secret: true,
    },
    setting(
        "telnyx-from",
        "HUB_TELNYX_FROM",
        "",
        "Number that SMS come from, such as +18445550001, or a name with a profile",
    ),
    setting(
        "telnyx-profile",
        "HUB_TELNYX_PROFILE",
        "",
        "Messaging profile of Telnyx whose numbers SMS come from",
    ),
    setting(
        "telnyx-public-keys",
        "HUB_TELNYX_PUBLIC_KEYS",
        "",
        "Public keys by which Telnyx signs what it reports, separated by commas; without any, nothing of it is believed",
    ),
    setting("telnyx-url", "HUB_TELNYX_URL", "https://api.telnyx.com/v2", "Where Telnyx is"),
    Setting {
        name: "smtp-url",
        env: "HUB_SMTP_URL",
        default: "",
        help: "Server that e-mails are handed to: smtp[s]://[user:password@]host[:port][?tls=required|opportunistic]; without it none are sent",
        is_secret: true,
    },
    setting(
        "mail-from",
        "HUB_MAIL_FROM",
        "FreshTrack <alerts@localhost>",
        "Whom e-mails come from",
    ),
    setting(
        "trusted-proxies",
        "HUB_TRUSTED_PROXIES",
        "",
        "Addresses and networks of proxies in front of the hub whose X-Forwarded-For is believed, separated by commas",
    ),
    setting(
        "max-connections",
        "HUB_MAX_CONNECTIONS",
        "12000",
        "At most so many connections of clients, 1 to 1000000",
    ),
    setting(
        "caller-requests",
        "HUB_CALLER_REQUESTS",
        "100",
        "At most so many requests a second of one person; four times as many at once",
    ),
    setting(
        "organization-requests",
        "HUB_ORGANIZATION_REQUESTS",
        "500",
        "At most so many requests a second of all people of one organization together; four times as many at once",
    ),
    setting(
        "key-requests",
        "HUB_KEY_REQUESTS",
        "2000",
        "At most so many requests a second of one key, or of one connection of The Things Stack",
    ),
    setting(
        "key-readings",
        "HUB_KEY_READINGS",
        "1000000",
        "At most so many readings a second of one key",
    ),
    setting(
        "organization-sends",
        "HUB_ORGANIZATION_SENDS",
        "10000",
        "At most so many requests a second of all keys and connections of one organization together",
    ),
    setting(
        "organization-readings",
        "HUB_ORGANIZATION_READINGS",
        "5000000",
        "At most so many readings a second of all keys of one organization together",
    ),
    Setting {
        name: "stripe-key",
        env: "HUB_STRIPE_KEY",
        default: "",
        help: "The secret key of a Stripe account; without it this hub has no billing, and plans limit nobody",
        is_secret: true,
    },
    Setting {
        name: "stripe-webhook-secrets",
        env: "HUB_STRIPE_WEBHOOK_SECRETS",
        default: "",
        help: "The secrets of the webhook endpoint in Stripe, separated by commas: more than one while they are being changed",
        is_secret: true,
    },
    setting(
        "stripe-prices",
        "HUB_STRIPE_PRICES",
        "",
        "Ids of prices in Stripe by plan and meter, such as starter=price_1,pro=price_2,haccp=price_3,active_sensors=price_4; what has none is not on sale",
    ),
    setting(
        "stripe-url",
        "HUB_STRIPE_URL",
        "https://api.stripe.com",
        "Where Stripe is; over https, or on this machine",
    ),
];
