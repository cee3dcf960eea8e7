//! The broker process: created, killed, restarted.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::Metadata;
use tempfile::TempDir;

use super::process::Process;
use super::{Isolation, WAIT_MAX, client_config, eventually, jars, ports, read};

/// A small heap, and a JVM that starts quickly and leaves no files outside the folder.
const JVM_OPTIONS: [&str; 4] =
    ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];

/// Settings for tests: one node, no delays, no retention by time.
const PROPERTIES: &str = "
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT
log.dirs=data

# Without a login, everything is permitted; with one, nothing before it is granted.
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
listener.name.login.sasl.enabled.mechanisms=PLAIN
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_tenure=\"right\";

auto.create.topics.enable=false
log.retention.ms=-1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
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

/// A broker with its own cluster and folder. It ends when dropped, and with the test process,
/// however that ends; its folder is removed too.
pub(crate) struct Broker {
    /// `None` while it is down.
    process: Mutex<Option<Process>>,
    folder: TempDir,
    bootstrap: String,
    login: String,
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
        let mut logs = (0..STARTS_MAX).map(|_| Broker::start_once());
        let mut failed = String::new();
        let started = logs.find_map(|start| start.map_err(|log| failed = log).ok());
        started.unwrap_or_else(|| panic!("the broker does not start:\n{failed}"))
    }

    /// `Err` is the log of a broker that exited instead of answering.
    fn start_once() -> Result<Broker, String> {
        let folder = tempfile::Builder::new().prefix("tenure-kafka-").tempdir();
        let folder = folder.unwrap();
        let [port, controller, login] = std::array::from_fn(|_| ports::free());
        let properties = format!(
            "{PROPERTIES}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},LOGIN://127.0.0.1:{login}
controller.quorum.voters=1@127.0.0.1:{controller}
"
        );
        fs::write(folder.path().join("server.properties"), properties).unwrap();
        let id = cluster_id();
        let format = ["kafka.tools.StorageTool", "format", "-t", &id, "-c"];
        let mut format = java(folder.path(), &format, &[]);
        let mut status = None;
        eventually("the broker's folder is formatted", || {
            status = format.exit_status();
            status.is_some()
        });
        if status.is_none_or(|it| !it.success()) {
            return Err(read_log(folder.path()));
        }
        let bootstrap = format!("127.0.0.1:{port}");
        let client = |isolation| read::reader_config(&bootstrap, isolation).create().unwrap();
        let broker = Broker {
            process: Mutex::new(Some(java(folder.path(), &["kafka.Kafka"], &[]))),
            folder,
            admin: client_config(&bootstrap).create().unwrap(),
            committed: client(Isolation::Committed),
            uncommitted: client(Isolation::Uncommitted),
            bootstrap,
            login: format!("127.0.0.1:{login}"),
        };
        broker.await_ready().map(|()| broker)
    }

    /// `host:port`, which stays the same.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// `host:port` for clients with a login: the user `tenure` with the password `right`.
    pub(crate) fn login_address(&self) -> &str {
        &self.login
    }

    /// The folder with all its files, including its log (`broker.log`).
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn log(&self) -> String {
        read_log(self.folder())
    }

    /// `kill -9`.
    pub(crate) fn kill(&self) {
        *self.process() = None;
    }

    /// Suspends the process (SIGSTOP); it answers no request when this returns.
    pub(crate) fn freeze(&self) {
        self.process().as_ref().unwrap().signal("STOP");
        let response = || self.uncommitted.fetch_metadata(None, FREEZE_TIMEOUT);
        eventually("the broker is frozen", || response().is_err());
    }

    /// Resumes the process (SIGCONT).
    pub(crate) fn thaw(&self) {
        self.process().as_ref().unwrap().signal("CONT");
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
        if let Some(mut process) = self.process().take() {
            process.end_with_signal("TERM");
        }
    }

    /// Starts it on the same folder and port, after killing it if necessary. All partitions have a
    /// leader when this returns.
    pub(crate) fn restart(&self) {
        self.kill();
        let process = java(self.folder(), &["kafka.Kafka"], &RESTART_OPTIONS);
        *self.process() = Some(process);
        if let Err(log) = self.await_ready() {
            panic!("the broker does not start again:\n{log}");
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap()
    }

    /// `Err` is its log: it has exited.
    fn await_ready(&self) -> Result<(), String> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            // This waits for the connection, too.
            let response = self.uncommitted.fetch_metadata(None, Duration::from_millis(200));
            if response.is_ok_and(|metadata| is_complete(&metadata)) {
                return Ok(());
            }
            if self.process().as_mut().is_none_or(|it| it.exit_status().is_some()) {
                return Err(read_log(self.folder()));
            }
            let log = || read_log(self.folder());
            assert!(Instant::now() < deadline, "no answer:\n{}", log());
        }
    }
}

/// Starts a main class of Kafka, with `server.properties` between `before` and `after`.
fn java(folder: &Path, before: &[&str], after: &[&str]) -> Process {
    let class_path = jars::class_path();
    let temporary = format!("-Djava.io.tmpdir={}", folder.display());
    let own = [&*temporary, "-cp", &class_path];
    let command = [&["java"], &JVM_OPTIONS[..], &own, before, &["server.properties"], after];
    Process::start(folder, &log_of(folder), command.concat())
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("broker.log")
}

fn read_log(folder: &Path) -> String {
    fs::read_to_string(log_of(folder)).unwrap_or_default()
}

/// A starting broker may not have loaded its partitions yet.
fn is_complete(metadata: &Metadata) -> bool {
    let mut partitions = metadata.topics().iter().flat_map(|it| it.partitions());
    !metadata.brokers().is_empty() && partitions.all(|it| it.leader() >= 0 && it.error().is_none())
}

/// 16 random bytes in URL-safe base 64; hexadecimal digits are valid digits of it.
fn cluster_id() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:05x}A", random(), random() & 0xf_ffff)
}
