//! Refuses requests of web pages to the admin API. A browser on this machine can reach loopback for any page.
//! A page whose host name resolves to this machine (DNS rebinding) is recognised by `Host`, every other page by
//! `Origin`.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Middleware: passes a request if its host is a loopback name and its origin, if any, is this server.
pub(super) async fn require_local(request: Request, next: Next) -> Response {
    match refusal(&request) {
        None => next.run(request).await,
        Some(reason) => (StatusCode::FORBIDDEN, reason).into_response(),
    }
}

fn refusal(request: &Request) -> Option<&'static str> {
    let headers = request.headers();
    let host = single_value(headers, header::HOST);
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let names = [host, authority];
    if host.is_none() || !names.into_iter().flatten().all(is_loopback) {
        return Some("refused: the host must be localhost or a loopback address\n");
    }
    let is_same_origin =
        |origin: &str| host.is_some_and(|host| origin.strip_prefix("http://") == Some(host));
    let is_foreign = headers.contains_key(header::ORIGIN)
        && !single_value(headers, header::ORIGIN).is_some_and(is_same_origin);
    is_foreign.then_some("refused: the request is from a web page of another origin\n")
}

/// The value of a header; `None` if it is absent, repeated or not text.
fn single_value(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a host, with or without a port, is a name of this machine that no DNS server can assign.
fn is_loopback(host: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => name,
        Some((name, rest)) if rest.strip_prefix(':').is_some_and(is_port) => name,
        Some(_) => return false,
        None => match host.split_once(':') {
            None => host,
            Some((name, port)) if is_port(port) => name,
            Some(_) => return false,
        },
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_localhost_and_loopback_addresses_are_accepted() {
        for host in [
            "localhost",
            "LocalHost:8081",
            "127.0.0.1",
            "127.0.0.1:1",
            "127.9.9.9:8081",
            "[::1]",
            "[::1]:8081",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            ":8081",
            "evil.example",
            "evil.example:8081",
            "localhost.evil.example",
            "localhost:8081:1",
            "localhost:",
            "127.0.0.1.evil.example",
            "127.0.0.1:80a",
            "10.0.0.1:8081",
            "0.0.0.0:8081",
            "[::1]evil.example",
            "[::2]:8081",
            "user@localhost",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
