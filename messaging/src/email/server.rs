//! Where mail is handed over, as a setting says it.

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::TlsParameters;
use lettre::transport::smtp::extension::ClientId;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use crate::SetupError;

/// What an address of a mail server looks like.
const FORM: &str = "one such as smtps://user:password@mail.example.org, or smtp:// with ?tls=required, \
                    ?tls=opportunistic or neither";

/// A mail server.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) hello: ClientId,
    pub(super) credentials: Option<Credentials>,
}

/// How the line is kept secret.
#[derive(Clone)]
pub(super) enum Security {
    /// Not at all: a relay on the same machine.
    Plain,
    /// By STARTTLS where the server offers it; somebody on the line can take the offer away.
    Opportunistic(TlsParameters),
    /// By STARTTLS, or nothing is sent.
    Required(TlsParameters),
    /// From the first byte on.
    Wrapped(TlsParameters),
}

impl Server {
    /// Reads `smtp[s]://[user:password@]host[:port][/name][?tls=required|opportunistic]`. Ports by default: 465 for
    /// `smtps`, 587 with `tls`, 25 without. `name` is what we call ourselves, by default this machine's name.
    pub(super) fn parse(url: &SecretString) -> Result<Self, SetupError> {
        let url = Url::parse(url.expose_secret()).map_err(|_| SetupError::BadUrl(FORM))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(SetupError::BadUrl(FORM))?.trim_matches(['[', ']']).to_owned();
        let tls =
            || TlsParameters::new(host.clone()).map_err(|error| SetupError::Tls(error.to_string()));
        let (port, security) = match (url.scheme(), url.query()) {
            ("smtp", None) => (25, Security::Plain),
            ("smtp", Some("tls=opportunistic")) => (587, Security::Opportunistic(tls()?)),
            ("smtp", Some("tls=required")) => (587, Security::Required(tls()?)),
            ("smtps", None) => (465, Security::Wrapped(tls()?)),
            _ => return Err(SetupError::BadUrl(FORM)),
        };
        let name = url.path().trim_matches('/');
        let hello =
            if name.is_empty() { ClientId::default() } else { ClientId::Domain(name.to_owned()) };
        let port = url.port().unwrap_or(port);
        Ok(Self { host, port, security, hello, credentials: credentials(&url)? })
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, SetupError> {
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8().map_err(|_| SetupError::BadUrl(FORM));
        Ok(decoded?.into_owned())
    };
    let Some(password) = url.password() else { return Ok(None) };
    Ok(Some(Credentials::new(decode(url.username())?, decode(password)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Server, SetupError> {
        Server::parse(&SecretString::from(url))
    }

    #[test]
    fn the_scheme_and_tls_say_how_the_line_is_kept_secret() {
        let gist = |url: &str| {
            let server = parse(url).unwrap();
            let how = match server.security {
                Security::Plain => "plain",
                Security::Opportunistic(_) => "opportunistic",
                Security::Required(_) => "required",
                Security::Wrapped(_) => "wrapped",
            };
            (server.host, server.port, how, server.credentials.is_some())
        };
        let host = || "mail.example.org".to_owned();
        assert_eq!(gist("smtp://mail.example.org"), (host(), 25, "plain", false));
        assert_eq!(gist("smtp://mail.example.org:2525/"), (host(), 2525, "plain", false));
        let required = "smtp://a:b%40c@mail.example.org?tls=required";
        assert_eq!(gist(required), (host(), 587, "required", true));
        let opportunistic = "smtp://mail.example.org?tls=opportunistic";
        assert_eq!(gist(opportunistic), (host(), 587, "opportunistic", false));
        assert_eq!(gist("smtps://a:b@mail.example.org"), (host(), 465, "wrapped", true));
        assert_eq!(gist("smtp://[::1]:25").0, "::1");
    }

    #[test]
    fn other_addresses_are_refused_and_not_quoted() {
        for bad in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://a?tls=yes",
            "smtps://a?tls=required",
        ] {
            let refused = parse(bad).map(drop);
            assert_eq!(refused, Err(SetupError::BadUrl(FORM)), "{bad}");
        }
        let error = parse("smtp://user:canary@").map(drop).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("canary"));
    }
}
