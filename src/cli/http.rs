//! A question to a running daemon, in the plainest HTTP there is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::model::sanitize_for_terminal;

/// What it answers.
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is taken.
const RESPONSE_BYTES_MAX: u64 = 16 << 20;

/// Sends a request without a body; `method` and `path` are sent as they are.
pub(super) fn request(address: &str, method: &str, path: &str) -> anyhow::Result<HttpResponse> {
    let mut stream = connect(address)?;
    let request =
        format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    let unheard = || format!("{address} does not answer");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .with_context(unheard)?;
    stream
        .set_write_timeout(Some(TIMEOUT))
        .with_context(unheard)?;
    stream.write_all(request.as_bytes()).with_context(unheard)?;
    let mut answer = Vec::new();
    stream
        .take(RESPONSE_BYTES_MAX)
        .read_to_end(&mut answer)
        .with_context(unheard)?;
    match parse_response(&answer) {
        Some(answer) => Ok(answer),
        None => bail!("{address} answers something else than HTTP; is it http.admin of a daemon?"),
    }
}

fn connect(address: &str) -> anyhow::Result<TcpStream> {
    let meant = || format!("{address} is no address; write for example 127.0.0.1:8081");
    if address.contains(|c: char| c.is_whitespace() || c.is_control()) {
        bail!(meant());
    }
    let found = address.to_socket_addrs().with_context(meant)?;
    let found: Vec<SocketAddr> = found.collect();
    let mut failure = None;
    for one in &found {
        match TcpStream::connect_timeout(one, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        None => bail!(meant()),
        Some(error) => {
            let nobody = format!("nobody listens at {address}; a daemon does at http.admin");
            Err(error).context(nobody)
        }
    }
}

impl HttpResponse {
    /// What the daemon says instead of doing it, for people.
    pub(super) fn error_message(&self, address: &str) -> String {
        let said = String::from_utf8_lossy(&self.body);
        let said = sanitize_for_terminal(said.trim());
        format!("error: {address} says: {said} ({})", self.status)
    }
}

/// Status and body.
fn parse_response(answer: &[u8]) -> Option<HttpResponse> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut first = head.lines().next()?.split(' ');
    let version = first.next()?;
    Some(HttpResponse {
        status: first
            .next()
            .filter(|_| version.starts_with("HTTP/"))?
            .parse()
            .ok()?,
        body: answer[end + 4..].to_vec(),
    })
}

/// An id as a part of a path, whatever is in it.
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
    fn nothing_in_an_id_is_taken_for_a_part_of_the_address() {
        assert_eq!(
            percent_encode("../a b?c#d%/é"),
            "%2E%2E%2Fa%20b%3Fc%23d%25%2F%C3%A9"
        );
    }

    #[test]
    fn what_is_no_http_is_no_answer() {
        assert!(parse_response(b"SSH-2.0-OpenSSH\r\n\r\n").is_none());
        assert!(parse_response(b"HTTP/1.0 200 OK\r\n").is_none());
        let answer = parse_response(b"HTTP/1.0 404 Not Found\r\na: b\r\n\r\nno\r\n\r\n").unwrap();
        assert_eq!((answer.status, &*answer.body), (404, &b"no\r\n\r\n"[..]));
    }
}
