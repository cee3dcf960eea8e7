//! Requests to the admin API of a running daemon.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Context;
use ureq::http::uri::Authority;
use ureq::http::{Method, Request, StatusCode};
use ureq::{Agent, Error};

use crate::model::sanitize_for_terminal;

pub(super) struct HttpResponse {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

/// From the lookup of the host to the end of the response.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longer responses are an error.
const RESPONSE_BYTES_MAX: u64 = 16 << 20;

/// Sends a request without a body; `path` is sent as it is.
pub(super) fn request(address: &str, method: Method, path: &str) -> anyhow::Result<HttpResponse> {
    let authority: Option<Authority> = address.parse().ok();
    authority
        .and_then(|authority| authority.port_u16())
        .with_context(|| describe(&Error::HostNotFound, address))?;
    let request =
        Request::builder().method(method).uri(format!("http://{address}{path}")).body(())?;
    send(request).map_err(|error| {
        let description = describe(&error, address);
        anyhow::Error::new(error).context(description)
    })
}

fn send(request: Request<()>) -> Result<HttpResponse, Error> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None) // The default is the proxy of the environment.
        .timeout_global(Some(TIMEOUT));
    let mut response = config.build().new_agent().run(request)?;
    let body = response.body_mut().with_config().limit(RESPONSE_BYTES_MAX);
    Ok(HttpResponse { body: body.read_to_vec()?, status: response.status() })
}

fn describe(error: &Error, address: &str) -> String {
    let is_disconnected = |kind| {
        use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let disconnects = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof];
        disconnects.contains(&kind)
    };
    match error {
        Error::Http(_) | Error::BadUri(_) | Error::HostNotFound => {
            format!("{address} is not an address; write for example 127.0.0.1:8081")
        }
        Error::Timeout(_) => format!("{address} does not respond"),
        Error::Io(error) if is_disconnected(error.kind()) => {
            format!("{address} does not respond")
        }
        Error::Io(_) | Error::ConnectionFailed => {
            format!("cannot connect to {address}; a daemon listens at its http.admin")
        }
        Error::BodyExceedsLimit(_) => format!("the response of {address} is too long"),
        _ => format!(
            "the response of {address} is not HTTP; is it the http.admin address of a daemon?"
        ),
    }
}

impl HttpResponse {
    /// The body of a refusal as an error message for the terminal.
    pub(super) fn error_message(&self, address: &str) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let message = sanitize_for_terminal(body.trim());
        let status = self.status.as_u16();
        format!("error: {address} responds: {message} ({status})")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// The error for a server that sends `response` and closes the connection.
    fn error_for(response: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 16]).unwrap();
            stream.write_all(response).unwrap();
        });
        let outcome = request(&address, Method::GET, "/partitions");
        server.join().unwrap();
        let error = outcome.err().unwrap().to_string();
        error.replace(&address, "ADDRESS")
    }

    #[test]
    fn errors_name_their_most_likely_cause() {
        for (response, expected) in [
            (&b""[..], "ADDRESS does not respond"),
            (b"HTTP/1.0 200 OK\r\n", "ADDRESS does not respond"),
            (b"SSH-2.0-OpenSSH\r\n\r\n", "the response of ADDRESS is not HTTP"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf", "ADDRESS does not respond"),
        ] {
            let error = error_for(response);
            assert!(error.starts_with(expected), "{error}");
        }
        for address in ["", "localhost", "http://localhost:1", "a b:1", "[::1:1"] {
            let error = request(address, Method::GET, "/").err().unwrap();
            let expected = format!("{address} is not an address");
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }
}
