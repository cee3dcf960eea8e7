//! The broker: made, killed, started again.

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
use super::{Isolation, PATIENCE, client_config, eventually, jars, ports, read};

/// A small heap, and a JVM that is quick to start and leaves no files outside the folder.
const JVM: [&str; 4] = [
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
];

/// What a test wants of a broker: one of everything, at once; no retention by the clock.
const PROPERTIES: &str = "
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data

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

/// Until this is over a broker that was killed counts as there, and may not come back. No shorter
/// than by default where nobody is killed: on a busy machine a broker that is late would go.
const WHEN_RESTARTED: [&str; 2] = ["--override", "broker.session.timeout.ms=2000"];

/// A broker that has not answered for so long has been stopped.
const FROZEN: Duration = Duration::from_secs(1);

/// Tries with other ports, should somebody else be faster to take one.
const STARTS_MAX: usize = 3;

/// A broker of its own cluster, in its own folder. It ends when dropped, and with the test process
/// whatever that one dies of; its folder goes too.
pub(crate) struct Broker {
    /// `None` while it is down.
    process: Mutex<Option<Process>>,
    folder: TempDir,
    bootstrap: String,
    pub(super) admin: AdminClient<DefaultClientContext>,
    /// To ask where partitions end for either kind of reader.
    pub(super) committed: BaseConsumer,
    pub(super) uncommitted: BaseConsumer,
}

impl Broker {
    /// The one that tests share: they keep apart by the names of their topics, groups and
    /// transactional ids.
    pub(crate) fn shared() -> &'static Broker {
        static SHARED: LazyLock<Broker> = LazyLock::new(Broker::start);
        &SHARED
    }

    /// A new one that answers.
    pub(crate) fn start() -> Broker {
        let mut logs = (0..STARTS_MAX).map(|_| Broker::start_once());
        let mut failed = String::new();
        let started = logs.find_map(|start| start.map_err(|log| failed = log).ok());
        started.unwrap_or_else(|| panic!("the broker does not start:\n{failed}"))
    }

    /// `Err` is the log of a broker that ended instead of answering.
    fn start_once() -> Result<Broker, String> {
        let folder = tempfile::Builder::new().prefix("tenure-kafka-").tempdir();
        let folder = folder.unwrap();
        let (port, controller) = (ports::free(), ports::free());
        let properties = format!(
            "{PROPERTIES}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.quorum.voters=1@127.0.0.1:{controller}
"
        );
        fs::write(folder.path().join("server.properties"), properties).unwrap();
        let id = cluster_id();
        let format = ["kafka.tools.StorageTool", "format", "-t", &id, "-c"];
        let mut format = java(folder.path(), &format, &[]);
        let mut status = None;
        eventually("the broker's folder is formatted", || {
            status = format.ended();
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
        };
        broker.await_answer().map(|()| broker)
    }

    /// `host:port`, the same for its whole life.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where it keeps everything, its log too (`broker.log`).
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        read_log(self.folder())
    }

    /// `kill -9`.
    pub(crate) fn kill(&self) {
        *self.process() = None;
    }

    /// Stops it in the midst of everything; nothing is answered any more when this returns.
    pub(crate) fn freeze(&self) {
        self.process().as_ref().unwrap().signal("STOP");
        let answer = || self.uncommitted.fetch_metadata(None, FROZEN);
        eventually("the broker is frozen", || answer().is_err());
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.process().as_ref().unwrap().signal("CONT");
    }

    /// Clients of this id may produce so many bytes a second from now on.
    pub(crate) fn limit_producers(&self, client_id: &str, bytes_per_second: u32) {
        let limit = format!("producer_byte_rate={bytes_per_second}");
        let output = Command::new("java")
            .args([
                "-Xmx128m",
                "-cp",
                &jars::class_path(),
                "kafka.admin.ConfigCommand",
            ])
            .args([
                "--bootstrap-server",
                self.bootstrap(),
                "--alter",
                "--add-config",
                &limit,
            ])
            .args(["--entity-type", "clients", "--entity-name", client_id])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// An orderly stop.
    pub(crate) fn stop(&self) {
        if let Some(mut process) = self.process().take() {
            process.end_by("TERM");
        }
    }

    /// Starts it again on the same folder and port, if need be after killing it. All partitions
    /// have a leader when this returns.
    pub(crate) fn restart(&self) {
        self.kill();
        let process = java(self.folder(), &["kafka.Kafka"], &WHEN_RESTARTED);
        *self.process() = Some(process);
        if let Err(log) = self.await_answer() {
            panic!("the broker does not start again:\n{log}");
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap()
    }

    /// `Err` is its log: it has ended.
    fn await_answer(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Waits for a connection by itself.
            let answer = self
                .uncommitted
                .fetch_metadata(None, Duration::from_millis(200));
            if answer.is_ok_and(|metadata| is_complete(&metadata)) {
                return Ok(());
            }
            if self
                .process()
                .as_mut()
                .is_none_or(|it| it.ended().is_some())
            {
                return Err(read_log(self.folder()));
            }
            let log = || read_log(self.folder());
            assert!(Instant::now() < deadline, "no answer:\n{}", log());
        }
    }
}

/// Starts a main class of Kafka; `server.properties` stands between its arguments.
fn java(folder: &Path, before: &[&str], after: &[&str]) -> Process {
    let class_path = jars::class_path();
    let temporary = format!("-Djava.io.tmpdir={}", folder.display());
    let own = [&*temporary, "-cp", &class_path];
    let command = [
        &["java"],
        &JVM[..],
        &own,
        before,
        &["server.properties"],
        after,
    ];
    Process::start(folder, &log_of(folder), command.concat())
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("broker.log")
}

fn read_log(folder: &Path) -> String {
    fs::read_to_string(log_of(folder)).unwrap_or_default()
}

/// A broker just started may not have looked at its partitions yet.
fn is_complete(metadata: &Metadata) -> bool {
    let mut partitions = metadata.topics().iter().flat_map(|it| it.partitions());
    !metadata.brokers().is_empty() && partitions.all(|it| it.leader() >= 0 && it.error().is_none())
}

/// 16 random bytes in URL-safe base 64, where each hexadecimal digit is some digit too.
fn cluster_id() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:05x}A", random(), random() & 0xf_ffff)
}
