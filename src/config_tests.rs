use std::io::Write as _;

use super::*;

fn said(values: &[(&'static str, &str)]) -> SettingArgs {
    SettingArgs(values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
}

#[test]
fn nothing_said_means_a_small_hub_of_its_own() {
    let settings = said(&[]).settings().unwrap();
    assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
    assert!(settings.database_url.is_none() && settings.migrates && settings.issuers.is_empty());
}

#[test]
fn a_wrong_setting_is_one_sentence_that_names_it() {
    let cases: &[(&'static str, &str)] = &[
        ("listen", "localhost"),
        ("database-url", "mysql://secret@host/db"),
        ("database-pooled-url", "postgres://secret@host/db"),
        ("database-connections", "0"),
        ("log-format", "xml"),
        ("allowed-origins", "board.example.com"),
        ("issuers", "{}"),
        (
            "issuers",
            r#"[{"issuer":"a","jwks_url":"https://a/","audience":"b","algorithms":["HS256"]}]"#,
        ),
        (
            "issuers",
            r#"[{"issuer":[],"jwks_url":"https://a/","audience":"b","algorithms":["ES256"]}]"#,
        ),
        (
            "issuers",
            r#"[{"issuer":["freshtrack-hub","a"],"jwks_url":"https://a/","audience":"b","algorithms":["ES256"]}]"#,
        ),
        (
            "issuers",
            r#"[{"issuer":["a","b","a"],"jwks_url":"https://a/","audience":"b","algorithms":["ES256"]}]"#,
        ),
        ("trusted-proxies", "proxy.example.com"),
        ("trusted-proxies", "10.0.0.0/33"),
        ("token-secs", "-1"),
        ("refresh-secs", "0"),
        ("board-listen", "8081"),
        ("workers", "two"),
        ("heartbeat-url", "secret.example.com"),
        ("public-url", "hub.example.com"),
        ("public-url", "https://hub.example.com/#/"),
        ("key-requests", "many"),
        ("stripe-prices", "gold=price_1"),
        ("stripe-url", "http://stripe.example.com"),
        ("config", "/no/such/file.toml"),
        ("no-migrate", "perhaps"),
    ];
    for (name, value) in cases {
        let sentence = said(&[(name, value)]).settings().unwrap_err().to_string();
        let env = SETTINGS.iter().find(|setting| setting.name == *name).unwrap().env;
        assert!(sentence.contains(env) && !sentence.contains('\n'), "{sentence}");
        assert!(!sentence.contains("secret"), "{sentence}");
    }
}

#[test]
fn billing_is_there_with_a_key_and_a_secret_and_tells_neither() {
    assert!(said(&[]).settings().unwrap().billing.is_none());
    let both = [("stripe-key", "sk_canary"), ("stripe-webhook-secrets", "whsec_canary, whsec_old")];
    let settings = said(&both).settings().unwrap();
    let shown = format!("{settings:?}");
    assert_eq!(settings.billing.unwrap().webhook_secrets.len(), 2);
    assert!(!shown.contains("canary"), "{shown}");
    for one in both {
        let sentence = said(&[one]).settings().unwrap_err().to_string();
        assert!(sentence.contains("HUB_STRIPE_") && !sentence.contains("canary"), "{sentence}");
    }
}

#[test]
fn keys_of_issuers_come_over_https_or_from_this_machine() {
    for good in
        ["https://a.test/keys", "http://localhost:1/", "http://127.0.0.1/", "http://[::1]:2/"]
    {
        assert!(is_safe_url(good), "{good}");
    }
    for bad in
        ["http://a.test/", "http://127.0.0.1.a.test/", "https://", "ftp://a.test/", "a.test", ""]
    {
        assert!(!is_safe_url(bad), "{bad}");
    }
}

#[test]
fn an_origin_that_is_no_text_is_refused() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"allowed_origins = [\"https://a.example\", 7]").unwrap();
    let path = file.path().to_str().unwrap();
    let sentence = said(&[("config", path)]).settings().unwrap_err().to_string();
    assert!(sentence.contains("allowed_origins"), "{sentence}");
}

#[test]
fn a_file_gives_way_to_what_was_said_nearer() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = r#"
listen = "127.0.0.1:1"
token_secs = 60
allowed_origins = ["https://a.example", "https://b.example"]
[[issuers]]
issuer = ["https://one", "https://other"]
jwks_url = "https://one/jwks.json"
audience = "us"
algorithms = ["ES256"]
claims = { branch_id = "main", is_anonymous = false }
"#;
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let settings = said(&[("config", path), ("listen", "127.0.0.1:2")]).settings().unwrap();
    assert_eq!(settings.listen.port(), 2);
    assert_eq!(settings.token_secs, 60);
    assert_eq!(settings.origins.len(), 2);
    assert_eq!(settings.issuers[0].issuer.clone().all().len(), 2);
    assert_eq!(settings.issuers[0].claims["is_anonymous"], false);
}

#[test]
fn a_file_with_a_name_that_is_no_setting_is_refused() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"lissten = \"127.0.0.1:1\"\n").unwrap();
    let sentence =
        said(&[("config", file.path().to_str().unwrap())]).settings().unwrap_err().to_string();
    assert!(sentence.contains("lissten"), "{sentence}");
}

#[test]
fn every_setting_is_documented() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SETTINGS.md")).unwrap();
    for setting in SETTINGS {
        for said in [format!("--{}", setting.name), setting.env.to_owned(), setting.help.to_owned()]
        {
            assert!(page.contains(&said), "docs/SETTINGS.md lacks: {said}");
        }
    }
}
