//! Configuration of the librdkafka clients. `properties` has the names that settings refer to.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::properties::SECURITY_PROTOCOL;

/// Connection, identity and limits of this process as a Kafka client.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// `host:port`, comma-separated.
    pub brokers: String,
    /// Consumer group, and prefix of transactional ids.
    pub app: String,
    /// The name of this process within the app; unchanged by a restart.
    pub instance: String,
    pub group_protocol: GroupProtocol,
    /// Time without heartbeats after which the group removes this process. Under
    /// [`GroupProtocol::Consumer`] the broker's setting applies instead.
    pub session_timeout: Duration,
    /// Time without a poll after which the member leaves the group.
    pub max_poll_interval: Duration,
    pub security: SecurityConfig,
    /// Additional librdkafka properties; properties that Tenure sets override them.
    pub properties: BTreeMap<String, String>,
    /// Whether this is the in-process cluster, which has neither ids nor configs of topics and does
    /// not respond to requests for them.
    pub is_local: bool,
    /// Most bytes that librdkafka prefetches per partition of each input.
    pub prefetch_bytes: usize,
}

impl std::fmt::Debug for Config {
    /// Omits secrets; `properties` may contain some too.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Config")
            .field("brokers", &self.brokers)
            .field("app", &self.app)
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

/// The group protocol. Under both, a process is a static member, and the same partition of all
/// inputs is assigned to one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// A member assigns; a rebalance first revokes all partitions of all members.
    #[default]
    Classic,
    /// The broker assigns (KIP-848); a rebalance revokes only partitions that move.
    Consumer,
}

/// Encryption and login. An empty string is not set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecurityConfig {
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub protocol: String,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`.
    pub mechanism: String,
    pub username: String,
    pub password: String,
    /// From which the password was read; it is read again when the daemon starts again.
    pub password_file: String,
    /// Trusted certificates.
    pub ca_file: String,
    /// The client's certificate.
    pub certificate_file: String,
    /// The client's private key.
    pub key_file: String,
    pub key_password: String,
}

impl std::fmt::Debug for SecurityConfig {
    /// Omits secrets.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SecurityConfig")
            .field("protocol", &self.protocol)
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Longest heartbeat interval; at most a third of the session timeout is used.
const HEARTBEAT_MAX: Duration = Duration::from_secs(3);
/// Longest transaction. An orphaned one blocks `read_committed` readers of its partitions this long.
pub(super) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest delivery of one record; must be below the transaction timeout.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(12);
/// Prefetched bytes per partition of each input, if the memory budget has room for all of them.
pub const PREFETCH_BYTES_MAX: usize = 2 << 20;
/// Most bytes requested from a broker, per partition and (next) per response. A broker still returns
/// a larger batch, alone: otherwise no record behind it could ever be read.
const FETCH_PARTITION_BYTES: u32 = 1 << 20;
const FETCH_BYTES: u32 = PREFETCH_BYTES_MAX as u32;
/// Longest accepted response, and so the largest readable batch (compressed as stored). librdkafka
/// refuses a longer one before allocating memory for it, and logs that.
///
/// Only for zstd does this bound the decompressed batch. librdkafka decompresses gzip, lz4 and snappy
/// without a limit: to about 1000, 255 and 20 times the topic's `max.message.bytes` (default 1 MiB).
/// It has no setting for that, and counts the size as prefetched only afterwards. It decompresses one
/// batch at a time per broker and client, and retains it until its last record is consumed. So a
/// producer to an input can make this process allocate about 1 GiB with a single batch; only a small
/// `max.message.bytes` of the inputs prevents that.
const RESPONSE_BYTES_MAX: u32 = 100_000_000;
/// librdkafka requires this overhead between the fetch size and the response size.
const _: () =
    assert!(FETCH_PARTITION_BYTES <= FETCH_BYTES && FETCH_BYTES + 512 <= RESPONSE_BYTES_MAX);

const STATISTICS_INTERVAL: &str = "statistics.interval.ms";
const STATISTICS_MILLIS: &str = "15000";

/// The config of a client that reports statistics. The client must be polled, also while it is idle.
pub(super) fn with_statistics(mut config: ClientConfig) -> ClientConfig {
    if config.get(STATISTICS_INTERVAL).is_none() {
        config.set(STATISTICS_INTERVAL, STATISTICS_MILLIS);
    }
    config
}

/// A connection over which a request takes longer is closed.
pub(super) fn with_request_timeout(mut config: ClientConfig, timeout: Duration) -> ClientConfig {
    config.set("socket.timeout.ms", timeout.as_millis().to_string());
    config
}

impl Config {
    /// The transactional id of a worker's producer. It is the same after every restart, so that
    /// initialising the producer aborts the previous one's open transaction. It starts with the app,
    /// for prefixed ACLs, and ends with the length of the app, so that no two pairs of app and
    /// instance have the same id.
    pub(super) fn transactional_id(&self, worker: usize) -> String {
        format!("{}-{}", self.former_transactional_id(worker), self.app.len())
    }

    /// The transactional id that earlier versions used.
    pub(super) fn former_transactional_id(&self, worker: usize) -> String {
        format!("{}-{}-{worker}", self.app, self.instance)
    }

    /// The name of this process in the group and in the brokers' quotas and logs.
    pub(super) fn client_id(&self) -> String {
        format!("{}-{}", self.app, self.instance)
    }

    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        let security = &self.security;
        for (name, value) in [
            (SECURITY_PROTOCOL, &security.protocol),
            ("sasl.mechanism", &security.mechanism),
            ("sasl.username", &security.username),
            ("sasl.password", &security.password),
            ("ssl.ca.location", &security.ca_file),
            ("ssl.certificate.location", &security.certificate_file),
            ("ssl.key.location", &security.key_file),
            ("ssl.key.password", &security.key_password),
        ] {
            if !value.is_empty() {
                config.set(name, value);
            }
        }
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", self.client_id())
            // Reconnects to a returning broker soon, and before an open transaction times out.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }

    /// The group member that reads the inputs.
    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.reader();
        config
            .set("group.instance.id", &self.instance)
            // A broker responds immediately if it has records; this bounds its wait if it has none. The
            // next response after the last record of an input shows that its end is reached.
            .set("fetch.wait.max.ms", "250")
            // Detects added partitions soon: they move customers' events to other partitions.
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set("max.poll.interval.ms", millis(self.max_poll_interval));
        let heartbeat = HEARTBEAT_MAX.min(self.session_timeout / 3);
        // `range` is the only assignor that keeps co-partitioned topics together.
        match self.group_protocol {
            GroupProtocol::Classic => config
                .set("group.protocol", "classic")
                .set("partition.assignment.strategy", "range")
                .set("session.timeout.ms", millis(self.session_timeout))
                .set("heartbeat.interval.ms", millis(heartbeat)),
            // The broker defines the timeouts; librdkafka refuses to set them.
            GroupProtocol::Consumer => config
                .set("group.protocol", "consumer")
                .set("group.remote.assignor", "range")
                // Statistics contain the number of heartbeats (`consumer::heartbeats`).
                .set(STATISTICS_INTERVAL, "10000"),
        };
        config
    }

    /// A reader outside the group that sees only committed records.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut config = self.base();
        config
            .set("group.id", &self.app)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("queued.min.messages", "10000")
            .set("queued.max.messages.kbytes", (self.prefetch_bytes >> 10).max(1).to_string())
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.wait.max.ms", "100")
            // A batch damaged on disk or in transit is neither read nor skipped (`FetchError::Damaged`).
            // librdkafka 2.12 continues at a wrong position after it, and may fail an assertion, which
            // ends this process too.
            .set("check.crcs", "true")
            // For producers only, but librdkafka refuses readers with bounds below it.
            .set("message.max.bytes", "1000000");
        // Topics with larger batches need larger values: properties set by the user remain, and
        // librdkafka checks that they are consistent.
        for (names, bytes) in [
            (
                ["fetch.message.max.bytes", "max.partition.fetch.bytes"].as_slice(),
                FETCH_PARTITION_BYTES,
            ),
            (&["fetch.max.bytes"], FETCH_BYTES),
            (&["receive.message.max.bytes"], RESPONSE_BYTES_MAX),
        ] {
            if names.iter().all(|name| config.get(name).is_none()) {
                config.set(names[0], bytes.to_string());
            }
        }
        config
    }

    /// A client that sees the end of a partition including open transactions.
    pub(super) fn uncommitted_reader(&self) -> ClientConfig {
        let mut config = self.reader();
        config.set("isolation.level", "read_uncommitted");
        config
    }

    /// The transactional producer of a worker.
    pub(super) fn producer(&self, worker: usize, batch_bytes: usize) -> ClientConfig {
        let mut config = self.idempotent_producer(batch_bytes);
        config
            .set("transactional.id", self.transactional_id(worker))
            .set("transaction.timeout.ms", millis(TRANSACTION_TIMEOUT));
        config
    }

    /// A producer without transactions that keeps the order within each partition. `batch_bytes` must
    /// fit every topic, since a broker refuses a batch as a whole.
    pub(super) fn idempotent_producer(&self, batch_bytes: usize) -> ClientConfig {
        let mut config = self.base();
        config
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", millis(MESSAGE_TIMEOUT))
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("batch.size", batch_bytes.to_string())
            // As Java's producers, so that outputs and inputs with the same key share a partition.
            .set("partitioner", "murmur2_random")
            // librdkafka repeats an EndTxn that gets no response. With a short pause, the delayed first
            // request could end the next transaction (`transaction`).
            .set("retry.backoff.ms", "1000")
            .set("retry.backoff.max.ms", "1000");
        config
    }
}

/// Names the setting in a text of librdkafka that names a property.
pub(super) fn with_setting(text: String) -> String {
    let settings = [
        ("ssl.ca.location", "kafka.security.ca_file"),
        ("ssl.certificate.location", "kafka.security.certificate_file"),
        ("ssl.key.location", "kafka.security.key_file and key_password"),
        ("sasl.username", "kafka.security.username and password"),
    ];
    let named = settings.into_iter().find(|(property, _)| text.contains(property));
    named.map_or(text.clone(), |(_, setting)| format!("{text} (correct {setting})"))
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

#[cfg(test)]
pub(super) mod tests;
