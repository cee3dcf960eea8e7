//! A minimal HTTP/1.0 client for the admin API of a running daemon.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::model::sanitize_for_terminal;

pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

const TIMEOUT: Duration = Duration::from_secs(10);
/// Longer responses are truncated.
const RESPONSE_BYTES_MAX: u64 = 16 << 20;

/// Sends a request without a body; `method` and `path` are sent as they are.
pub(super) fn request(address: &str, method: &str, path: &str) -> anyhow::Result<HttpResponse> {
    let mut stream = connect(address)?;
    let request =
        format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    let no_response = || format!("{address} does not respond");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .with_context(no_response)?;
    stream
        .set_write_timeout(Some(TIMEOUT))
        .with_context(no_response)?;
    stream
        .write_all(request.as_bytes())
        .with_context(no_response)?;
    let mut response = Vec::new();
    stream
        .take(RESPONSE_BYTES_MAX)
        .read_to_end(&mut response)
        .with_context(no_response)?;
    let not_http = || {
        format!("the response of {address} is not HTTP; is it the http.admin address of a daemon?")
    };
    parse_response(&response).with_context(not_http)
}

fn connect(address: &str) -> anyhow::Result<TcpStream> {
    let invalid = || format!("{address} is not an address; write for example 127.0.0.1:8081");
    if address.contains(|c: char| c.is_whitespace() || c.is_control()) {
        bail!(invalid());
    }
    let mut failure = None;
    for resolved in address.to_socket_addrs().with_context(invalid)? {
        match TcpStream::connect_timeout(&resolved, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error),
        }
    }
    let Some(error) = failure else {
        bail!(invalid());
    };
    let hint = format!("cannot connect to {address}; a daemon listens at its http.admin");
    Err(error).context(hint)
}

impl HttpResponse {
    /// The body of a refusal as an error message for the terminal.
    pub(super) fn error_message(&self, address: &str) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let message = sanitize_for_terminal(body.trim());
        format!("error: {address} responds: {message} ({})", self.status)
    }
}

fn parse_response(response: &[u8]) -> Option<HttpResponse> {
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&response[..end]).ok()?;
    let mut status_line = head.lines().next()?.split(' ');
    let version = status_line.next()?;
    Some(HttpResponse {
        status: status_line
            .next()
            .filter(|_| version.starts_with("HTTP/"))?
            .parse()
            .ok()?,
        body: response[end + 4..].to_vec(),
    })
}

/// Encodes an id as one segment of a path.
pub(super) fn percent_encode(id: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    id.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_character_of_an_id_is_encoded() {
        assert_eq!(
            percent_encode("../a b?c#d%/é"),
            "%2E%2E%2Fa%20b%3Fc%23d%25%2F%C3%A9"
        );
    }

    #[test]
    fn only_complete_http_responses_are_parsed() {
        assert!(parse_response(b"SSH-2.0-OpenSSH\r\n\r\n").is_none());
        assert!(parse_response(b"HTTP/1.0 200 OK\r\n").is_none());
        let response = parse_response(b"HTTP/1.0 404 Not Found\r\na: b\r\n\r\nno\r\n\r\n").unwrap();
        assert_eq!(
            (response.status, &*response.body),
            (404, &b"no\r\n\r\n"[..])
        );
    }
}
