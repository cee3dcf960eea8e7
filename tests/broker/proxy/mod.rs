//! A proxy that speaks Kafka's protocol, between a daemon and the broker: selected requests get errors, delays, closed
//! connections and damaged responses.
//!
//! ```text
//! let proxy = Proxy::for_broker(broker);                    // proxy.bootstrap() is for the daemon
//! let fault = proxy.on::<EndTxnRequest>().nth(2).disconnect_after();
//! ..
//! assert_eq!(fault.fired(), 1);
//! ```
//!
//! All other requests pass unchanged, except for the addresses that the broker announces: they are
//! replaced by the proxy's, so that every connection uses it. A connection has two threads, one for
//! each direction, and keeps Kafka's order: responses are sent in the order of their requests.

mod api;
mod connection;
mod fault;
mod message;

pub(crate) use fault::{Fault, Latch};

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;

use crate::harness::Broker;
use api::FaultableRequest;
use connection::Connection;
use fault::{FaultBuilder, Rule};

/// The proxy. It accepts no connection once dropped; open connections end with their clients.
pub(crate) struct Proxy {
    context: Arc<ProxyContext>,
}

/// The state that all connections share.
struct ProxyContext {
    address: SocketAddr,
    broker: String,
    connections: Mutex<Vec<Weak<Connection>>>,
    /// In order of creation: a rule starts to count where the one before it has ended.
    rules: Mutex<Vec<Arc<Rule>>>,
    is_closed: AtomicBool,
}

impl Proxy {
    /// A proxy for the only broker of a cluster.
    pub(crate) fn for_broker(broker: &Broker) -> Proxy {
        Proxy::for_address(broker.bootstrap().to_owned())
    }

    /// For a listener of the broker without encryption.
    pub(crate) fn for_address(broker: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let context = Arc::new(ProxyContext {
            address: listener.local_addr().unwrap(),
            broker,
            connections: Mutex::default(),
            rules: Mutex::default(),
            is_closed: AtomicBool::new(false),
        });
        let accepting = context.clone();
        thread::spawn(move || accept(&listener, &accepting));
        Proxy { context }
    }

    /// `host:port`.
    pub(crate) fn bootstrap(&self) -> String {
        self.context.address.to_string()
    }

    /// Closes all connections; new ones are accepted.
    pub(crate) fn disconnect_all(&self) {
        let connections = std::mem::take(&mut *self.context.connections.lock().unwrap());
        connections.iter().filter_map(Weak::upgrade).for_each(|it| it.disconnect());
    }

    /// Builds a fault for requests of a kind.
    pub(crate) fn on<R: FaultableRequest>(&self) -> FaultBuilder<'_, R> {
        FaultBuilder::new(&self.context.rules)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.context.is_closed.store(true, Ordering::Release);
        // Wakes up the accepting thread.
        drop(TcpStream::connect(self.context.address));
    }
}

impl ProxyContext {
    /// The rule that applies to this request, if one does; counts the request.
    fn claim_rule(&self, request: &message::Frame) -> Option<Arc<Rule>> {
        let rules = self.rules.lock().unwrap();
        let rule = rules.iter().find(|rule| rule.matches(request))?;
        rule.claim().then(|| rule.clone())
    }
}

fn accept(listener: &TcpListener, context: &Arc<ProxyContext>) {
    for client in listener.incoming() {
        if context.is_closed.load(Ordering::Acquire) {
            return;
        }
        // A stopped broker refuses connections: the proxy closes them.
        let broker = TcpStream::connect(&context.broker);
        if let (Ok(client), Ok(broker)) = (client, broker) {
            let connection = Connection::start(client, broker, context.clone());
            context.connections.lock().unwrap().push(connection);
        }
    }
}
