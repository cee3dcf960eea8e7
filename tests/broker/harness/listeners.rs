//! The broker's listeners with a login or encryption, and the certificates for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ports;

/// A listener in addition to the one without login and encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// Without encryption: PLAIN for the user `tenure`, SCRAM for the user `scram`, each with the password `right`.
    Login,
    Tls,
    /// Clients need a certificate, too.
    MutualTls,
    /// The broker's certificate has expired.
    ExpiredTls,
    /// SCRAM-SHA-512 for the user `scram`.
    LoginTls,
}

/// In the order of [`Listener`], with the names in the broker's properties.
const NAMES: [&str; 5] = ["LOGIN", "TLS", "MUTUAL", "EXPIRED", "LOGINTLS"];

/// Without a login, or with one of these users, everything is permitted; others need to be granted it.
const PROPERTIES: &str = r#"
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:scram;User:rotating;User:CN=tenure

listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_tenure="right";
listener.name.login.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.logintls.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.logintls.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;

ssl.keystore.type=PEM
ssl.keystore.location=tls/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=tls/ca.pem
listener.name.mutual.ssl.client.auth=required
listener.name.expired.ssl.keystore.location=tls/expired.pem
"#;

/// Arguments for formatting the broker's folder: the user `scram`.
pub(super) const SCRAM_USER: [&str; 4] = [
    "--add-scram",
    "SCRAM-SHA-256=[name=scram,password=right]",
    "--add-scram",
    "SCRAM-SHA-512=[name=scram,password=right]",
];

/// The ports, in the order of [`Listener`].
pub(super) struct Listeners([u16; NAMES.len()]);

impl Default for Listeners {
    fn default() -> Listeners {
        Listeners(std::array::from_fn(|_| ports::free()))
    }
}

impl Listeners {
    /// The broker's properties for the listeners.
    pub(super) const PROPERTIES: &str = PROPERTIES;

    /// For the broker's property `listeners`.
    pub(super) fn list(&self) -> String {
        let all = NAMES.iter().zip(self.0);
        let all: Vec<String> =
            all.map(|(name, port)| format!("{name}://127.0.0.1:{port}")).collect();
        all.join(",")
    }

    pub(super) fn port(&self, listener: Listener) -> u16 {
        self.0[listener as usize]
    }
}

/// The files that the properties name, in the broker's folder.
pub(super) fn create_certificates(folder: &Path) {
    Authority::create(folder).issue_all();
}

/// Signs certificates, in the subfolder `tls` of the broker's folder.
struct Authority(PathBuf);

impl Authority {
    fn create(folder: &Path) -> Authority {
        let authority = Authority(folder.join("tls"));
        fs::create_dir_all(&authority.0).unwrap();
        // Kafka's clients verify the address by this name.
        fs::write(authority.0.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        for name in ["ca", "other-ca"] {
            authority.openssl(&format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -keyout {name}.key \
                -out {name}.pem"
            ));
        }
        authority
    }

    fn issue_all(&self) {
        for (name, subject, authority, days) in [
            ("broker", "broker", "ca", 2),
            ("expired", "broker", "ca", -1),
            ("client", "tenure", "ca", 2),
            ("expired-client", "tenure", "ca", -1),
            ("other-client", "tenure", "other-ca", 2),
        ] {
            self.issue(name, subject, authority, days);
        }
        let file = |name: &str| fs::read_to_string(self.0.join(name)).unwrap();
        for name in ["broker", "expired"] {
            let both = file(&format!("{name}.key")) + &file(&format!("{name}.crt"));
            fs::write(self.0.join(format!("{name}.pem")), both).unwrap();
        }
        self.openssl("pkcs8 -topk8 -in client.key -passout pass:secret -out client-encrypted.key");
    }

    /// `NAME.crt` and `NAME.key`, valid for this many days.
    fn issue(&self, name: &str, subject: &str, authority: &str, days: i32) {
        self.openssl(&format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={subject} -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -set_serial 2 -days {days} -extfile names \
            -out {name}.crt"
        ));
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.0)
            .output()
            .unwrap();
        assert!(output.status.success(), "openssl {arguments}: {output:?}");
    }
}
