//! The listeners under clients that try to occupy them: what one client may take is bounded.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tenure::api::{self, ConnectionLimits};
use tenure::runtime::daemon::Handle;
use tenure::telemetry::Metrics;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// Answered in every state of the daemon.
const PROBE: &str = "/metrics";
/// For timeouts that have to expire in a test.
const SHORT: Duration = Duration::from_millis(20);
/// For timeouts that must not expire in a test.
const LONG: Duration = Duration::from_secs(3600);

fn probes() -> Router {
    let handle = Arc::new(Handle::default());
    api::router(handle, Metrics::new().unwrap())
}

fn start(router: Router, bounds: ConnectionLimits) -> (Runtime, SocketAddr) {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(api::serve_with_limits(listener, "a test", router, bounds));
    (runtime, address)
}

fn client(address: SocketAddr, says: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    // Far beyond every bound: a connection that is never closed fails the test instead of hanging it.
    stream.set_read_timeout(Some(LONG / 60)).unwrap();
    match stream.write_all(says) {
        Err(error) if !is_closed(&error) => panic!("{error}"),
        _ => stream,
    }
}

fn is_closed(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Everything that is received until the server closes the connection.
fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if !is_closed(&error) => panic!("{error}"),
        _ => String::from_utf8(bytes).unwrap(),
    }
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn is_good(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200 OK\r\n")
}

/// Timeouts that expire at once can also hit a correct client if its thread has to wait: so this retries.
fn is_answered_in_the_end(address: SocketAddr) {
    let mut tries = (0..100).map(|_| answer(&mut client(address, &request(PROBE))));
    assert!(tries.any(|answer| is_good(&answer)));
}

#[test]
fn a_client_that_does_not_finish_its_request_is_disconnected() {
    let bounds =
        ConnectionLimits { connections: 1, header_timeout: SHORT, connection_timeout: LONG };
    let (_runtime, address) = start(probes(), bounds);
    let whole = request(PROBE);
    for said in [0, 1, whole.len() / 2, whole.len() - 1] {
        let mut half = client(address, &whole[..said]);
        // Only the server closes it.
        let answer = answer(&mut half);
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    is_answered_in_the_end(address);
}

#[test]
fn a_client_that_does_not_read_the_response_or_finish_the_body_blocks_no_other() {
    // More than the socket buffers of the system.
    let large = || async { vec![b'x'; 64 << 20] };
    let router = Router::new().route("/large", get(large)).merge(probes());
    let bounds =
        ConnectionLimits { connections: 1, header_timeout: LONG, connection_timeout: SHORT };
    let (_runtime, address) = start(router, bounds);
    let unread = client(address, &request("/large"));
    is_answered_in_the_end(address);
    drop(unread);
    let body = b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf";
    let endless = client(address, body);
    is_answered_in_the_end(address);
    drop(endless);
}

#[test]
fn a_connection_is_for_one_request() {
    let (_runtime, address) = start(probes(), ConnectionLimits::default());
    let twice = [request(PROBE), request(PROBE)].concat();
    let answer = answer(&mut client(address, &twice));
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

#[test]
fn headers_that_are_too_long_are_refused() {
    let (_runtime, address) = start(probes(), ConnectionLimits::default());
    let long = |bytes: usize| format!("X-Long: {}", "x".repeat(bytes));
    let many: String = (0..200).map(|at| format!("X-{at}: y\r\n")).collect();
    for endless in [
        format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{}", long(64 << 10)),
        format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        format!("GET /metrics?{} HTTP/1.1\r\n", "x".repeat(64 << 10)),
    ] {
        // Not all of them are complete: the server does not wait for the rest.
        let answer = answer(&mut client(address, endless.as_bytes()));
        let status = answer.split(' ').nth(1);
        assert!(matches!(status, Some("431" | "414")), "{answer}");
    }
    let fine = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{}\r\n\r\n", long(8 << 10));
    let answer = answer(&mut client(address, fine.as_bytes()));
    assert!(is_good(&answer), "{answer}");
}

/// Counts the requests that are being answered, and blocks them until it opens.
#[derive(Default)]
struct Gate {
    inside: AtomicUsize,
    most: AtomicUsize,
    open: Notify,
}

/// On one thread, so that the server does all pending work while the test yields.
#[test]
fn connections_beyond_the_limit_wait() {
    let gate = Arc::new(Gate::default());
    let own = gate.clone();
    let wait = move || {
        let gate = own.clone();
        async move {
            let inside = gate.inside.fetch_add(1, Ordering::SeqCst) + 1;
            gate.most.fetch_max(inside, Ordering::SeqCst);
            gate.open.notified().await;
            gate.inside.fetch_sub(1, Ordering::SeqCst);
            "gone through\n"
        }
    };
    let router = Router::new().route("/gate", get(wait)).merge(probes());
    let bounds = ConnectionLimits {
        header_timeout: LONG,
        connection_timeout: LONG,
        ..ConnectionLimits::default()
    };
    assert_eq!(bounds.connections, 64);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let stand_aside = || async {
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
        }
    };
    let (address, mut clients) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(api::serve_with_limits(listener, "a test", router, bounds));
        let clients: Vec<TcpStream> = (0..70).map(|_| client(address, &request("/gate"))).collect();
        stand_aside().await;
        assert_eq!(gate.inside.load(Ordering::SeqCst), 64);
        gate.open.notify_waiters();
        stand_aside().await;
        assert_eq!(gate.inside.load(Ordering::SeqCst), 6);
        gate.open.notify_waiters();
        stand_aside().await;
        (address, clients)
    });
    assert_eq!(gate.most.load(Ordering::SeqCst), 64);
    for client in &mut clients {
        assert!(answer(client).ends_with("gone through\n"));
    }
    let probe = runtime.block_on(async {
        let probe = client(address, &request(PROBE));
        stand_aside().await;
        probe
    });
    let answer = answer(&mut { probe });
    assert!(is_good(&answer), "{answer}");
}
