//! Which pages may connect. A browser sends its page's origin; whatever is no browser sends none.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{HOST, ORIGIN},
};

/// The origins of pages that may connect: those listed, or with none listed the hub's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

/// What was listed is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no origin: it has to read like https://board.example.com or http://localhost:8080"
)]
pub struct BadOrigin(String);

impl Origins {
    /// The origins in `listed`, each `scheme://host[:port]` and nothing more.
    ///
    /// # Errors
    /// When one of them is not.
    pub fn listed<'a>(listed: impl IntoIterator<Item = &'a str>) -> Result<Self, BadOrigin> {
        let origins =
            listed.into_iter().map(|text| normal(text).ok_or_else(|| BadOrigin(text.to_owned())));
        origins.collect::<Result<_, _>>().map(Self)
    }

    /// Each as the header of a browser has it.
    #[must_use]
    pub fn as_headers(&self) -> Vec<HeaderValue> {
        self.0.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect()
    }

    /// Whether a request with these headers may become a socket.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return true;
        };
        let Some(origin) = origin.to_str().ok().filter(|_| origins.next().is_none()) else {
            return false;
        };
        if self.0.is_empty() {
            is_own(origin, headers, &HOST)
        } else {
            self.0.iter().any(|listed| listed == origin)
        }
    }
}

/// Whether the page came from the host that is asked. The scheme may differ: TLS often ends before the hub.
fn is_own(origin: &str, headers: &HeaderMap, host: &HeaderName) -> bool {
    let host = headers.get(host).and_then(|host| host.to_str().ok());
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    host.zip(authority)
        .is_some_and(|(host, authority)| !host.is_empty() && host.eq_ignore_ascii_case(authority))
}

/// The origin as browsers write it: lower case, without the scheme's own port.
fn normal(text: &str) -> Option<String> {
    let lower = text.trim().trim_end_matches('/').to_ascii_lowercase();
    let (scheme, authority) = lower.split_once("://")?;
    let own_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let authority = authority.strip_suffix(own_port).unwrap_or(authority);
    let fits =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_');
    (!authority.is_empty() && authority.bytes().all(fits))
        .then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &Origins, sent: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "hub.example.com:8080".parse().unwrap());
        for origin in sent {
            headers.append(ORIGIN, origin.parse().unwrap());
        }
        origins.allow(&headers)
    }

    #[test]
    fn only_listed_origins_get_in() {
        let origins = Origins::listed([
            "https://Board.example.com/",
            "http://localhost:3000",
            "https://x.test:443",
        ])
        .unwrap();
        for good in ["https://board.example.com", "http://localhost:3000", "https://x.test"] {
            assert!(allowed(&origins, &[good]), "{good}");
        }
        assert!(allowed(&origins, &[]), "no browser, no origin");
        let bad = [
            "null",
            "",
            "https://evil.board.example.com",
            "https://board.example.com.evil.test",
            "https://evilboard.example.com",
            "https://board.example.com:8443",
            "http://board.example.com",
            "HTTPS://BOARD.EXAMPLE.COM",
            "https://xn--bard-0na.example.com",
            "https://board.example.com/",
            "http://localhost",
            "http://hub.example.com:8080",
        ];
        for bad in bad {
            assert!(!allowed(&origins, &[bad]), "{bad}");
        }
        assert!(!allowed(&origins, &["https://board.example.com", "https://evil.test"]));
    }

    #[test]
    fn without_a_list_only_the_hubs_own_page_gets_in() {
        let origins = Origins::default();
        assert!(allowed(&origins, &[]));
        assert!(allowed(&origins, &["http://hub.example.com:8080"]));
        assert!(allowed(&origins, &["https://hub.example.com:8080"]));
        for bad in [
            "null",
            "http://hub.example.com",
            "http://a.hub.example.com:8080",
            "http://hub.example.com:80801",
        ] {
            assert!(!allowed(&origins, &[bad]), "{bad}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_when_it_is_listed() {
        for text in [
            "",
            "board.example.com",
            "ftp://x.test",
            "https://",
            "https://x.test/path",
            "https://a b",
            "*",
        ] {
            assert_eq!(Origins::listed([text]), Err(BadOrigin(text.to_owned())));
        }
    }
}
