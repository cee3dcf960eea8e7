//! Why an encrypted connection fails: librdkafka reports only texts, some of them without an error code.

use super::{Config, Error};

/// Which certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusedCertificate {
    /// That of the brokers, by this process.
    Broker,
    /// That of this process, by the brokers; or they require one and get none.
    Client,
}

impl RefusedCertificate {
    pub(super) fn from_reason(reason: &str) -> Option<RefusedCertificate> {
        // An alert is what the other side says.
        let alerts = ["certificate", "unknown ca", "handshake failure"];
        let is_alert = |alert: &str| reason.contains(&format!("alert {alert}"));
        if alerts.into_iter().any(is_alert) || reason.contains("alert bad certificate") {
            Some(RefusedCertificate::Client)
        } else if reason.contains("certificate verify failed") {
            Some(RefusedCertificate::Broker)
        } else {
            None
        }
    }
}

impl Config {
    /// The error of a handshake that fails for a certificate.
    pub(super) fn certificate_error(&self, refused: RefusedCertificate, reason: &str) -> Error {
        let (brokers, security) = (&self.brokers, &self.security);
        // librdkafka's advice names its own properties.
        let cause = reason.split(": broker certificate could not").next().unwrap_or(reason);
        Error::Misconfigured(match refused {
            RefusedCertificate::Broker => {
                let trusted = match security.ca_file.as_str() {
                    "" => {
                        "this machine does not trust (kafka.security.ca_file is empty)".to_owned()
                    }
                    file => format!("{file} does not contain (kafka.security.ca_file)"),
                };
                format!(
                    "the certificate of the brokers at {brokers} cannot be verified: {cause}. It is signed by an authority that \
                    {trusted}, has expired, or is for other host names than those in kafka.brokers; see \
                    `openssl s_client -connect HOST:PORT -showcerts`"
                )
            }
            RefusedCertificate::Client if security.certificate_file.is_empty() => format!(
                "the brokers at {brokers} require a certificate of this process: {cause}. Set kafka.security.certificate_file and \
                key_file"
            ),
            RefusedCertificate::Client => format!(
                "the brokers at {brokers} refuse the certificate in {} (kafka.security.certificate_file): {cause}. It has expired, or \
                is signed by an authority that they do not trust",
                security.certificate_file
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_certificate_is_recognised_by_the_texts_of_openssl() {
        use RefusedCertificate::{Broker, Client};
        for (reason, refused) in [
            (
                "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed",
                Some(Broker),
            ),
            ("error:0A00045C:SSL routines::tlsv13 alert certificate required", Some(Client)),
            ("error:0A000412:SSL routines::sslv3 alert bad certificate", Some(Client)),
            ("error:0A000418:SSL routines::tlsv1 alert unknown ca", Some(Client)),
            ("error:0A000410:SSL routines::sslv3 alert handshake failure", Some(Client)),
            (
                "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
                None,
            ),
        ] {
            assert_eq!(RefusedCertificate::from_reason(reason), refused, "{reason}");
        }
    }
}
