//! A proxy that speaks Kafka's protocol, between a daemon and the broker: chosen requests get chosen
//! errors, delays, cuts and damaged answers.
//!
//! ```text
//! let proxy = Proxy::before(broker);                    // proxy.bootstrap() is for the daemon
//! let fault = proxy.on::<EndTxnRequest>().nth(2).cut_after();
//! ..
//! assert_eq!(fault.fired(), 1);
//! ```
//!
//! Whatever no fault chooses passes byte by byte, but for the addresses that the broker announces:
//! they become the proxy's, so that every connection comes here. A connection has two threads, one
//! for each direction, and keeps the order that Kafka keeps: answers come in the order of their
//! requests.

mod api;
mod connection;
mod fault;
mod message;

pub(crate) use fault::{Fault, Release};

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::Broker;
use api::Faulty;
use connection::Connection;
use fault::{Choice, Rule};

/// The proxy. It accepts nobody any more once dropped; connections end with their clients.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

/// What all connections look at.
struct Shared {
    address: SocketAddr,
    broker: String,
    /// In the order of their making: one begins to count where the one before it has ended.
    rules: Mutex<Vec<Arc<Rule>>>,
    closed: AtomicBool,
}

impl Proxy {
    /// Before the only broker of a cluster.
    pub(crate) fn before(broker: &Broker) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            broker: broker.bootstrap().to_owned(),
            rules: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        thread::spawn(move || accept(&listener, &accepting));
        Proxy { shared }
    }

    /// `host:port`.
    pub(crate) fn bootstrap(&self) -> String {
        self.shared.address.to_string()
    }

    /// Begins a fault for requests of a kind.
    pub(crate) fn on<R: Faulty>(&self) -> Choice<'_, R> {
        Choice::new(&self.shared.rules)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        // Wakes up who accepts.
        drop(TcpStream::connect(self.shared.address));
    }
}

impl Shared {
    /// The rule that has this request, if one does.
    fn rule_for(&self, request: &message::Frame) -> Option<Arc<Rule>> {
        let rules = self.rules.lock().unwrap();
        let rule = rules.iter().find(|rule| rule.is_for(request))?;
        rule.takes().then(|| rule.clone())
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.closed.load(Ordering::Acquire) {
            return;
        }
        // A broker that is down refuses: so does this, by closing.
        let broker = TcpStream::connect(&shared.broker);
        if let (Ok(client), Ok(broker)) = (client, broker) {
            Connection::start(client, broker, shared.clone());
        }
    }
}
