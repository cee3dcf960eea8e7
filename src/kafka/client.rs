//! Settings of the clients. No other file spells a librdkafka property.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

/// How to reach Kafka, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// `host:port`, comma-separated.
    pub brokers: String,
    /// Consumer group, and prefix of transactional ids.
    pub app: String,
    /// The stable name of this process among those of the app.
    pub instance: String,
    /// How the group shares out the partitions.
    pub group_protocol: GroupProtocol,
    /// How long the group waits for a process that has gone silent; the broker's own setting under
    /// [`GroupProtocol::Consumer`].
    pub session_timeout: Duration,
    /// Longest time between two polls before the group gives up on this process.
    pub max_poll_interval: Duration,
    /// How the connection is secured.
    pub security: Security,
    /// Further librdkafka properties; those that Tenure needs win over them.
    pub properties: BTreeMap<String, String>,
    /// Whether this is the cluster inside the process, which knows neither ids nor settings of topics and
    /// does not answer when asked.
    pub is_local: bool,
}

impl std::fmt::Debug for Config {
    /// Without secrets, which further properties may hold too.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Config")
            .field("brokers", &self.brokers)
            .field("app", &self.app)
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

/// How the group shares out the partitions. Under both a process is a static member, and partitions
/// of inputs are kept together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// A member assigns; a rebalance takes everything from everybody first.
    #[default]
    Classic,
    /// The broker assigns (KIP-848); a rebalance takes only what moves.
    Consumer,
}

/// How the connection is secured. Empty text: not set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub protocol: String,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`.
    pub mechanism: String,
    /// Who.
    pub username: String,
    /// Secret.
    pub password: String,
    /// Certificates to trust.
    pub ca_file: String,
    /// Own certificate.
    pub certificate_file: String,
    /// Own key.
    pub key_file: String,
    /// Secret.
    pub key_password: String,
}

impl std::fmt::Debug for Security {
    /// Without secrets.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Security")
            .field("protocol", &self.protocol)
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Time between two signs of life, unless the session is so short that it needs more of them.
const HEARTBEAT_MAX: Duration = Duration::from_secs(3);
/// Longest transaction. An orphan holds back all readers of its partitions for this long.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest delivery of one record; must be below the transaction's.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(12);
/// What librdkafka fetches ahead, for each partition of each input.
const FETCH_AHEAD_KILOBYTES: u32 = 2 << 10;

impl Config {
    /// The id of a worker's producer: the same after every restart, so that its open transaction
    /// is aborted when the next one begins.
    pub(super) fn transactional_id(&self, worker: usize) -> String {
        format!("{}-{}-{worker}", self.app, self.instance)
    }

    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        let security = &self.security;
        for (name, value) in [
            ("security.protocol", &security.protocol),
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
            .set("client.id", format!("{}-{}", self.app, self.instance))
            // A broker that comes back is found at once, and before an open transaction times out.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }

    /// The member of the group that reads the inputs.
    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.reader();
        config
            .set("group.instance.id", &self.instance)
            .set("max.poll.interval.ms", millis(self.max_poll_interval));
        let heartbeat = HEARTBEAT_MAX.min(self.session_timeout / 3);
        // `range` is the only assignor that keeps co-partitioned topics together.
        match self.group_protocol {
            GroupProtocol::Classic => config
                .set("group.protocol", "classic")
                .set("partition.assignment.strategy", "range")
                .set("session.timeout.ms", millis(self.session_timeout))
                .set("heartbeat.interval.ms", millis(heartbeat)),
            // Timeouts are the broker's; librdkafka refuses to be told others.
            GroupProtocol::Consumer => config
                .set("group.protocol", "consumer")
                .set("group.remote.assignor", "range"),
        };
        config
    }

    /// A reader outside the group, which sees committed records only.
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
            .set(
                "queued.max.messages.kbytes",
                FETCH_AHEAD_KILOBYTES.to_string(),
            )
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.wait.max.ms", "100");
        config
    }

    /// A client that sees the true end of a partition, beyond open transactions.
    pub(super) fn end_finder(&self) -> ClientConfig {
        let mut config = self.reader();
        config.set("isolation.level", "read_uncommitted");
        config
    }

    /// A worker's producer.
    pub(super) fn producer(&self, worker: usize, batch_bytes: usize) -> ClientConfig {
        let mut config = self.teller(batch_bytes);
        config
            .set("transactional.id", self.transactional_id(worker))
            .set("transaction.timeout.ms", millis(TRANSACTION_TIMEOUT));
        config
    }

    /// A producer outside of transactions, which keeps the order of each partition. Its batches are no larger
    /// than every topic takes: a broker refuses a batch as a whole.
    pub(super) fn teller(&self, batch_bytes: usize) -> ClientConfig {
        let mut config = self.base();
        config
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", millis(MESSAGE_TIMEOUT))
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("batch.size", batch_bytes.to_string())
            // As Java's producers, so that outputs lie where inputs with the same key lie.
            .set("partitioner", "murmur2_random")
            // librdkafka repeats a lost EndTxn by itself; the repetition must not come so soon
            // that the first one, delayed, ends the next transaction.
            .set("retry.backoff.ms", "1000")
            .set("retry.backoff.max.ms", "1000");
        config
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}
