//! Proxies in front of the hub: whom a request is of that came through one.
//!
//! What is counted by place would else count all people behind a proxy as one. What `X-Forwarded-For` says is believed
//! as far as those who wrote it are: everybody else can send the header, too.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// What each proxy writes down: who asked it, after those whom it was told of.
const FORWARDED: &str = "x-forwarded-for";

/// The proxies that are believed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// Believes these.
    #[must_use]
    pub fn new(trusted: Vec<IpNet>) -> Self {
        Self(trusted.into())
    }

    /// Whom a request is of: the nearest address that is no proxy's. Where a proxy wrote something else than an
    /// address it is the connection's own.
    #[must_use]
    pub fn peer(&self, connection: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        if !self.is_trusted(connection.ip()) {
            return connection;
        }
        let nearest = self.nearest(headers);
        nearest.map_or(connection, |address| SocketAddr::new(address, connection.port()))
    }

    fn nearest(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines: Vec<_> = headers.get_all(FORWARDED).iter().collect();
        let mut nearest = None;
        for line in lines.into_iter().rev() {
            for entry in line.to_str().ok()?.rsplit(',') {
                let address = address(entry.trim())?;
                nearest = Some(address);
                if !self.is_trusted(address) {
                    return nearest;
                }
            }
        }
        nearest // where all are proxies, the first of them asked
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// An address, perhaps in brackets or with a port, as some proxies write them.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// Whom a request from `connection` is of, with these lines of the header.
    fn peer(connection: &str, lines: &[&str]) -> String {
        let proxies = ["127.0.0.1/32", "10.0.0.0/8", "2001:db8::/64"];
        let proxies = Proxies::new(proxies.iter().map(|net| net.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let connection = SocketAddr::new(connection.parse().unwrap(), 4711);
        let peer = proxies.peer(connection, &headers);
        assert_eq!(peer.port(), 4711);
        peer.ip().to_string()
    }

    #[test]
    fn a_request_is_of_the_nearest_address_that_is_no_proxys() {
        for (connection, lines, expected) in [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"), // anybody can send the header
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.5, 198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.5, 198.51.100.7, 10.1.2.3"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.5", "198.51.100.7,10.1.2.3", "10.0.0.1"], "198.51.100.7"),
            ("127.0.0.1", &["10.1.2.3, 10.0.0.1"], "10.1.2.3"),
            ("2001:db8::1", &["2001:db8:1::7"], "2001:db8:1::7"),
            ("127.0.0.1", &["[2001:db8:1::7]:443"], "2001:db8:1::7"),
            ("127.0.0.1", &["[2001:db8:1::7]"], "2001:db8:1::7"),
            ("127.0.0.1", &["198.51.100.7:443"], "198.51.100.7"),
            ("127.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
        ] {
            assert_eq!(peer(connection, lines), expected, "{connection} {lines:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_passed_over_with_all_before_it() {
        for lines in [&["unknown"][..], &[""], &["198.51.100.7,"], &["198.51.100.7", "\u{fc}"]] {
            assert_eq!(peer("127.0.0.1", lines), "127.0.0.1", "{lines:?}");
        }
        assert_eq!(peer("127.0.0.1", &["what anybody sent, 198.51.100.7"]), "198.51.100.7");
    }
}
