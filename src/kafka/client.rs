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
    pub security: SecurityConfig,
    /// Further librdkafka properties; those that Tenure needs win over them.
    pub properties: BTreeMap<String, String>,
    /// Whether this is the cluster inside the process, which knows neither ids nor settings of topics and
    /// does not answer when asked.
    pub is_local: bool,
    /// What librdkafka fetches ahead, for each partition of each input.
    pub prefetch_bytes: usize,
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
pub struct SecurityConfig {
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

impl std::fmt::Debug for SecurityConfig {
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
/// What librdkafka fetches ahead, for each partition of each input, where there is room for all of them.
pub const PREFETCH_BYTES_MAX: usize = 2 << 20;
/// What a broker is asked for at most, of one partition and in one answer. A batch that is larger comes all the
/// same, alone: otherwise nothing behind it could ever be read.
const FETCH_PARTITION_BYTES: u32 = 1 << 20;
const FETCH_BYTES: u32 = PREFETCH_BYTES_MAX as u32;
/// Longest answer that is taken in, whatever was asked for: the largest batch, compressed as it lies in its topic,
/// that can be read. A longer one is refused before it has a place in memory, with a line of the log.
///
/// What a batch comes to once it is decompressed is bounded by this for zstd alone. Of gzip, lz4 and snappy
/// librdkafka makes whatever the batch holds: up to some 1000, 255 and 20 times of what the topic's
/// `max.message.bytes` lets in, which by default is 1 MiB. It has no setting for that, and counts it in
/// what is fetched ahead only afterwards. It decompresses one batch at a time for each broker and client, and
/// keeps it until the last of its records is taken. So whoever may produce to an input can have this process
/// take about 1 GiB by a single batch, and `max.message.bytes` of the inputs is what keeps that small.
const RESPONSE_BYTES_MAX: u32 = 100_000_000;
/// librdkafka wants room around what it asks for.
const _: () =
    assert!(FETCH_PARTITION_BYTES <= FETCH_BYTES && FETCH_BYTES + 512 <= RESPONSE_BYTES_MAX);

/// Properties that Tenure decides alone, each with what to tell whoever sets it: the configuration refuses them.
pub const REFUSED_PROPERTIES: [(&str, &str); 1] = [(
    "check.crcs",
    "all that is read is checked against its checksum, and that cannot be chosen; leave it out",
)];

/// How the connection is secured: [`Security::protocol`] wins over it.
pub const SECURITY_PROTOCOL: &str = "security.protocol";
/// What the properties of a login begin with.
pub const SASL_PREFIX: &str = "sasl.";
/// What those of encrypting begin with.
pub const SSL_PREFIX: &str = "ssl.";

/// What the name of a property has in it whose value is a secret.
const SECRET_WORDS: [&str; 7] = [
    "password",
    "passphrase",
    "secret",
    "jaas",
    "token",
    "credential",
    "key.pem",
];
/// What stands under `sasl.` and is none; all else there may be.
const PUBLIC_SASL_PROPERTIES: [&str; 10] = [
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.kerberos.keytab",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.principal",
    "sasl.kerberos.service.name",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope",
];

/// Where in the name of a property it has become clear that its value may be a secret; `None` where it is none. By
/// a rule, so that what this version of librdkafka does not know yet is not shown either.
pub fn secret_name_end(property: &str) -> Option<usize> {
    let name = property.to_ascii_lowercase();
    let words = SECRET_WORDS.iter();
    let words = words.filter_map(|word| Some(name.find(word)? + word.len()));
    let is_key =
        name.starts_with(SSL_PREFIX) && name.contains("key") && !name.ends_with(".location");
    let is_of_sasl =
        name.starts_with(SASL_PREFIX) && !PUBLIC_SASL_PROPERTIES.contains(&name.as_str());
    words.min().or((is_key || is_of_sasl).then_some(name.len()))
}

impl Config {
    /// The id of a worker's producer: the same after every restart, so that its open transaction
    /// is aborted when the next one begins. Begins with the app, for rights that go by prefix, and ends with its length,
    /// so that no other app and instance come to the same.
    pub(super) fn transactional_id(&self, worker: usize) -> String {
        format!(
            "{}-{}",
            self.former_transactional_id(worker),
            self.app.len()
        )
    }

    /// That of earlier versions.
    pub(super) fn former_transactional_id(&self, worker: usize) -> String {
        format!("{}-{}-{worker}", self.app, self.instance)
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
            // A broker answers at once when there is something: this is how often it is asked when there is not.
            // An input whose last record has just come is known to be at its end by the next answer.
            .set("fetch.wait.max.ms", "250")
            // The events of customers have moved when a topic has got more partitions.
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
            // Timeouts are the broker's; librdkafka refuses to be told others.
            GroupProtocol::Consumer => config
                .set("group.protocol", "consumer")
                .set("group.remote.assignor", "range")
                // How many heartbeats were sent (`consumer::heartbeats`).
                .set("statistics.interval.ms", "10000"),
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
                (self.prefetch_bytes >> 10).max(1).to_string(),
            )
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.wait.max.ms", "100")
            // What a disk or a wire has damaged is neither read nor passed over (`Trouble::Damaged`).
            // Behind it librdkafka 2.12 goes on at a wrong place, and may fail an assertion: that ends us too.
            .set("check.crcs", "true")
            // For producers; librdkafka refuses readers that are bounded below it.
            .set("message.max.bytes", "1000000");
        // Topics with larger batches need larger ones: librdkafka looks whether they fit together.
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

    /// A client that sees the true end of a partition, beyond open transactions.
    pub(super) fn uncommitted_reader(&self) -> ClientConfig {
        let mut config = self.reader();
        config.set("isolation.level", "read_uncommitted");
        config
    }

    /// A worker's producer.
    pub(super) fn producer(&self, worker: usize, batch_bytes: usize) -> ClientConfig {
        let mut config = self.idempotent_producer(batch_bytes);
        config
            .set("transactional.id", self.transactional_id(worker))
            .set("transaction.timeout.ms", millis(TRANSACTION_TIMEOUT));
        config
    }

    /// A producer outside of transactions, which keeps the order of each partition. Its batches are no larger
    /// than every topic takes: a broker refuses a batch as a whole.
    pub(super) fn idempotent_producer(&self, batch_bytes: usize) -> ClientConfig {
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

#[cfg(test)]
mod tests;
