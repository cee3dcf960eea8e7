//! The listener for operators: which requests it accepts, and its explanations of customers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use tenure::api;
use tenure::runtime::daemon::Handle;
use tenure::store::{Config, Store};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::*;

/// A listener over the state of a replay, without a daemon.
struct Listener {
    address: SocketAddr,
    handle: Handle,
    _runtime: Runtime,
    folder: TempDir,
}

const STRANGE: &str = "ä/../b?c=d&e %2F#f";

impl Listener {
    fn start() -> Listener {
        let model = include_str!("../../../config/models/retail.yaml");
        let history = format!(
            "2026-01-01 anna order_completed\n2026-02-01 {} visit",
            STRANGE.replace(' ', "\\u0020")
        );
        let folder = folder(model, &history);
        let arguments = ["replay", "--model", "model.yaml", "--state", "state", "events.ndjson"];
        let run = tenure(folder.path(), &arguments);
        assert_eq!(run.code, 0, "{}", run.said);
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let handle = Handle::default();
        let router = api::admin::router(&handle);
        runtime.spawn(api::serve(listener, "operators", router));
        Listener { address, handle, _runtime: runtime, folder }
    }

    fn open(&self) {
        let config = Config { memory_bytes: 16 << 20, durable: true };
        let store = Store::open(&self.folder.path().join("state"), &config).unwrap();
        self.handle.customers.open(Arc::new(store));
        self.handle.customers.own(0);
    }

    /// The whole response to a request with these headers.
    fn send(&self, request: &str, headers: &[&str]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        write!(stream, "{request} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    fn explain(&self, customer: &str, more: &[&str]) -> Run {
        let address = self.address.to_string();
        let arguments = ["explain", customer, "--admin", &address];
        tenure(self.folder.path(), &[&arguments, more].concat())
    }
}

#[test]
fn requests_of_web_pages_are_refused() {
    let listener = Listener::start();
    listener.open();
    let address = listener.address;
    let own = format!("Host: {address}");
    let port = address.port();
    for request in ["GET /customers/anna", "GET /fuse", "POST /go-on", "POST /leave", "GET /none"] {
        for refused in [
            &[][..],
            &["Host: evil.example"],
            &["Host: evil.example:8081"],
            &["Host: localhost.evil.example"],
            &["Host: localhost", "Host: evil.example"],
            &[&own, "Origin: http://evil.example"],
            &[&own, "Origin: null"],
            &[&own, "Origin: http://localhost:3000"],
            &[&own, &format!("Origin: https://{address}")],
        ] {
            let response = listener.send(request, refused);
            let status = response.split(' ').nth(1).unwrap();
            // Without a host HTTP itself refuses.
            assert!(["400", "403"].contains(&status), "{request} {refused:?}: {response}");
            assert!(!response.contains("anna"), "{response}");
        }
        for accepted in [
            &[&own[..]][..],
            &["Host: localhost"],
            &[&format!("Host: LOCALHOST:{port}")],
            &["Host: [::1]:9"],
            &[&own, &format!("Origin: http://{address}")],
        ] {
            let response = listener.send(request, accepted);
            let expected = match request {
                "GET /none" => "404",
                "POST /go-on" | "POST /leave" => "409",
                _ => "200",
            };
            assert_eq!(
                response.split(' ').nth(1),
                Some(expected),
                "{request} {accepted:?}: {response}"
            );
        }
    }
    let rebound = listener.send("GET http://evil.example/fuse", &["Host: localhost"]);
    assert_eq!(rebound.split(' ').nth(1), Some("403"), "{rebound}");
}

#[test]
fn the_listener_explains_the_same_as_the_command() {
    let listener = Listener::start();
    let folder = ["--state", "state"];
    let explain_folder = |customer: &str, more: &[&str]| {
        let arguments = ["explain", customer, folder[0], folder[1]];
        tenure(listener.folder.path(), &[&arguments, more].concat())
    };
    let before = listener.explain("anna", &[]);
    assert_eq!(before.code, 1);
    assert!(
        before.said.contains("not open yet") && before.said.contains("(503)"),
        "{}",
        before.said
    );
    let expected: Vec<Run> = ["anna", STRANGE]
        .iter()
        .flat_map(|customer| {
            [&[][..], &["--format", "json"], &["--at", "2026-06-01"]]
                .map(|more| explain_folder(customer, more))
        })
        .collect();
    listener.open();
    let mut expected = expected.iter();
    for customer in ["anna", STRANGE] {
        for more in [&[][..], &["--format", "json"], &["--at", "2026-06-01"]] {
            let (run, expected) = (listener.explain(customer, more), expected.next().unwrap());
            assert_eq!((run.code, &*run.said), (0, ""), "{customer} {more:?}");
            assert_eq!(run.out, expected.out);
        }
    }
    let unknown = listener.explain("Anna", &[]);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.said.contains("no such customer in the 1 partitions of this process"),
        "{}",
        unknown.said
    );
    let early = listener.explain("anna", &["--at", "2026-01-02"]);
    assert!(early.said.contains("(422)"), "{}", early.said);
    // The state of a released partition stays on disk for a while, and is no longer current.
    listener.handle.customers.release(0);
    assert!(listener.explain("anna", &[]).said.contains("(404)"));
    // The store can be opened again.
    listener.handle.customers.close();
    listener.open();
    assert_eq!(listener.explain("anna", &[]).code, 0);
}

#[test]
fn invalid_requests_are_refused() {
    let listener = Listener::start();
    listener.open();
    let host = format!("Host: {}", listener.address);
    let instant = "write 2026-01-31, or 2026-01-31T08:30:00Z";
    for (path, status, text) in [
        ("anna?format=yaml", "400", "format: unknown variant `yaml`, expected `json` or `text`"),
        ("anna?at=tomorrow", "400", instant),
        ("anna?at", "400", instant),
        ("anna?at=%ff", "400", instant),
        ("anna?when=2027-01-01", "400", "unknown field `when`, expected `format` or `at`"),
        ("anna?at=2027-01-01&at=2027-01-02", "400", "duplicate field `at`"),
        ("anna?format=text&at=2027-01-01T00:00:00Z", "200", "anna"),
        ("anna?at=2027-01-01T00%3A00%3A00Z&format=%74ext", "200", "anna"),
        ("anna?format=text&at=2027-01-01T02:00:00+02:00", "200", "anna"),
        ("%ff", "400", ""),
        ("", "404", ""),
        ("a/b", "404", ""),
    ] {
        let path = format!("/customers/{path}");
        let answer = listener.send(&format!("GET {path}"), &[&host]);
        assert_eq!(answer.split(' ').nth(1), Some(status), "{path}: {answer}");
        assert!(answer.contains(text), "{path}: {answer}");
    }
}

#[test]
fn an_action_for_a_partition_is_read_from_its_query() {
    let listener = Listener::start();
    let host = format!("Host: {}", listener.address);
    for (request, status, text) in [
        ("0/retry?dry_run=true", "409", ""),
        ("0/accept-loss?dry_run=%74rue&to=%37", "409", ""),
        ("0/retry?to=7", "400", "the actions are retry, skip"),
        ("0/retry?dry_run=yes", "400", "dry_run: "),
        ("0/accept-loss?to=x", "400", "to: invalid digit"),
        ("0/retry?dryrun=true", "400", "unknown field `dryrun`, expected `dry_run` or `to`"),
    ] {
        let answer = listener.send(&format!("POST /partitions/{request}"), &[&host]);
        assert_eq!(answer.split(' ').nth(1), Some(status), "{request}: {answer}");
        assert!(answer.contains(text), "{request}: {answer}");
    }
}
