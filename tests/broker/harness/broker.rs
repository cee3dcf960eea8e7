//! A broker, or a cluster of them: created, killed, restarted.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::Metadata;

use super::listeners::{Listener, Listeners};
use super::node::Node;
use super::process::Process;
use super::{
    Isolation, REQUEST_MAX, WAIT_MAX, client_config, eventually, jars, listeners, ports, read,
};

/// Settings for tests: no delays, no retention by time.
const PROPERTIES: &str = "
process.roles=broker,controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT,TLS:SSL,MUTUAL:SSL,EXPIRED:SSL,LOGINTLS:SASL_SSL
log.dirs=data

auto.create.topics.enable=false
log.retention.ms=-1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

broker.heartbeat.interval.ms=250
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
group.consumer.min.session.timeout.ms=500
group.consumer.session.timeout.ms=7000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=500
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
log.cleaner.backoff.ms=100
log.initial.task.delay.ms=100
log.retention.check.interval.ms=500

offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
offsets.topic.segment.bytes=1048576
transaction.state.log.segment.bytes=1048576
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=1
background.threads=2
group.coordinator.threads=1
share.coordinator.threads=1
";

/// A killed broker counts as alive for this time, and may not register again. Only for restarts:
/// with a short timeout a slow broker on a busy machine would be removed.
const RESTART_OPTIONS: [&str; 2] = ["--override", "broker.session.timeout.ms=2000"];

/// A broker that does not answer for this time is stopped.
const FREEZE_TIMEOUT: Duration = Duration::from_secs(1);

/// Attempts with other ports, in case another process takes one.
const STARTS_MAX: usize = 3;

/// One broker, or several of one cluster; every node is a controller too. It ends when dropped, and with the test process,
/// however that ends; its folders are removed too.
pub(crate) struct Broker {
    nodes: Vec<Node>,
    bootstrap: String,
    /// Of each node.
    listeners: Vec<Listeners>,
    pub(super) admin: AdminClient<DefaultClientContext>,
    /// For the ends of partitions, as seen by either isolation level.
    pub(super) committed: BaseConsumer,
    pub(super) uncommitted: BaseConsumer,
}

impl Broker {
    /// The broker that tests share: they are separated by the names of their topics, groups and
    /// transactional ids.
    pub(crate) fn shared() -> &'static Broker {
        static SHARED: LazyLock<Broker> = LazyLock::new(Broker::start);
        &SHARED
    }

    /// A new broker that answers.
    pub(crate) fn start() -> Broker {
        Broker::start_nodes(1)
    }

    /// A new cluster of three brokers. Topics have three replicas, of which two must be in sync.
    pub(crate) fn start_cluster() -> Broker {
        Broker::start_nodes(3)
    }

    fn start_nodes(count: usize) -> Broker {
        let mut logs = (0..STARTS_MAX).map(|_| Broker::start_once(count));
        let mut failed = String::new();
        let started = logs.find_map(|start| start.map_err(|log| failed = log).ok());
        started.unwrap_or_else(|| panic!("the broker does not start:\n{failed}"))
    }

    /// `Err` is the log of a broker that exited instead of answering.
    fn start_once(count: usize) -> Result<Broker, String> {
        let ports: Vec<[u16; 2]> =
            (0..count).map(|_| std::array::from_fn(|_| ports::free())).collect();
        let listeners: Vec<Listeners> = ports.iter().map(|_| Listeners::default()).collect();
        let address = |port: u16| format!("127.0.0.1:{port}");
        let voters: Vec<String> = ports
            .iter()
            .zip(1..)
            .map(|([_, controller], id)| format!("{id}@{}", address(*controller)))
            .collect();
        let properties = |(([port, controller], others), id): ((&[u16; 2], &Listeners), i32)| {
            format!(
                "{PROPERTIES}{}{}
node.id={id}
listeners=PLAINTEXT://{},CONTROLLER://{},{}
controller.quorum.voters={}
",
                replication(count),
                Listeners::PROPERTIES,
                address(*port),
                address(*controller),
                others.list(),
                voters.join(",")
            )
        };
        let nodes: Vec<Node> = ports
            .iter()
            .zip(&listeners)
            .zip(1..)
            .map(|node| Node::new(&properties(node)))
            .collect();
        nodes.iter().for_each(|node| listeners::create_certificates(node.folder()));
        let id = cluster_id();
        let mut formats: Vec<Process> = nodes.iter().map(|node| node.format(&id)).collect();
        for (format, node) in formats.iter_mut().zip(&nodes) {
            let mut status = None;
            eventually("the broker's folder is formatted", || {
                status = format.exit_status();
                status.is_some()
            });
            if status.is_none_or(|it| !it.success()) {
                return Err(node.log());
            }
        }
        nodes.iter().for_each(|node| node.start(&[]));
        let addresses: Vec<String> = ports.iter().map(|[port, _]| address(*port)).collect();
        let bootstrap = addresses.join(",");
        let client = |isolation| read::reader_config(&bootstrap, isolation).create().unwrap();
        let broker = Broker {
            nodes,
            admin: client_config(&bootstrap).create().unwrap(),
            committed: client(Isolation::Committed),
            uncommitted: client(Isolation::Uncommitted),
            bootstrap,
            listeners,
        };
        broker.await_ready()?;
        // This client knows the brokers too, beyond the addresses that it was given.
        super::retry("metadata", || broker.admin.inner().fetch_metadata(None, REQUEST_MAX));
        Ok(broker)
    }

    pub(super) fn replication_factor(&self) -> i32 {
        i32::try_from(self.nodes.len()).unwrap()
    }

    /// `host:port` of each broker, which stay the same.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The port of a listener with a login or encryption, of the first node on 127.0.0.1.
    pub(crate) fn port(&self, listener: Listener) -> u16 {
        self.listeners[0].port(listener)
    }

    /// The folder of the first node with all its files, including its log (`broker.log`).
    pub(crate) fn folder(&self) -> &Path {
        self.nodes[0].folder()
    }

    pub(crate) fn log(&self) -> String {
        self.nodes.iter().map(Node::log).collect()
    }

    /// From its next start on, the broker trusts other client certificates: those of `other-ca`.
    pub(crate) fn trust_other_clients(&self) {
        let tls = self.folder().join("tls");
        fs::copy(tls.join("other-ca.pem"), tls.join("ca.pem")).unwrap();
    }

    /// `kill -9` of all nodes.
    pub(crate) fn kill(&self) {
        self.nodes.iter().for_each(Node::kill);
    }

    /// `kill -9` of one node; the first is 0.
    pub(crate) fn kill_node(&self, node: usize) {
        self.nodes[node].kill();
    }

    /// Suspends all processes (SIGSTOP); none answers a request when this returns.
    pub(crate) fn freeze(&self) {
        self.nodes.iter().for_each(|node| node.signal("STOP"));
        let response = || self.uncommitted.fetch_metadata(None, FREEZE_TIMEOUT);
        eventually("the broker is frozen", || response().is_err());
    }

    /// Resumes the processes (SIGCONT).
    pub(crate) fn thaw(&self) {
        self.nodes.iter().for_each(|node| node.signal("CONT"));
    }

    /// The same for one node; the first is 0.
    pub(crate) fn freeze_node(&self, node: usize) {
        self.nodes[node].signal("STOP");
    }

    pub(crate) fn thaw_node(&self, node: usize) {
        self.nodes[node].signal("CONT");
    }

    /// Limits the bytes per second that clients of this id may produce.
    pub(crate) fn limit_producers(&self, client_id: &str, bytes_per_second: u32) {
        let limit = format!("producer_byte_rate={bytes_per_second}");
        self.run_tool(
            "kafka.admin.ConfigCommand",
            &[
                "--alter",
                "--add-config",
                &limit,
                "--entity-type",
                "clients",
                "--entity-name",
                client_id,
            ],
        );
    }

    /// Runs a command line tool of Kafka.
    pub(crate) fn run_tool(&self, class: &str, arguments: &[&str]) {
        let output = Command::new("java")
            .args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", &jars::class_path(), class])
            .args(["--bootstrap-server", self.bootstrap()])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// A clean stop.
    pub(crate) fn stop(&self) {
        self.nodes.iter().for_each(Node::stop);
    }

    /// Starts it on the same folders and ports, after killing it if necessary. All partitions have a
    /// leader when this returns.
    pub(crate) fn restart(&self) {
        self.kill();
        self.nodes.iter().for_each(|node| node.start(&RESTART_OPTIONS));
        if let Err(log) = self.await_ready() {
            panic!("the broker does not start again:\n{log}");
        }
    }

    /// The same for one node.
    pub(crate) fn restart_node(&self, node: usize) {
        self.kill_node(node);
        self.nodes[node].start(&RESTART_OPTIONS);
        if let Err(log) = self.await_ready() {
            panic!("the node does not start again:\n{log}");
        }
    }

    /// `Err` is the log of a node that has exited.
    fn await_ready(&self) -> Result<(), String> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            // This waits for the connection, too.
            let response = self.uncommitted.fetch_metadata(None, Duration::from_millis(200));
            if response.is_ok_and(|metadata| self.is_complete(&metadata)) {
                return Ok(());
            }
            if let Some(node) = self.nodes.iter().find(|node| node.exit_status().is_some()) {
                return Err(node.log());
            }
            assert!(Instant::now() < deadline, "no answer:\n{}", self.log());
        }
    }

    /// A starting broker may not have loaded its partitions yet.
    fn is_complete(&self, metadata: &Metadata) -> bool {
        let mut partitions = metadata.topics().iter().flat_map(|it| it.partitions());
        metadata.brokers().len() == self.nodes.len()
            && partitions.all(|it| it.leader() >= 0 && it.error().is_none())
    }
}

/// The replication of internal topics, for this number of nodes.
fn replication(nodes: usize) -> String {
    let in_sync = nodes.div_ceil(2);
    format!(
        "
offsets.topic.replication.factor={nodes}
transaction.state.log.replication.factor={nodes}
transaction.state.log.min.isr={in_sync}
min.insync.replicas={in_sync}
"
    )
}

/// 16 random bytes in URL-safe base 64; hexadecimal digits are valid digits of it.
fn cluster_id() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:05x}A", random(), random() & 0xf_ffff)
}
