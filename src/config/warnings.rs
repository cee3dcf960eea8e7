//! What can be, and is hardly what is meant: a password that nobody is told, a certificate that nobody looks at.

use super::document::{Document, SecurityProtocol};
use super::values::PROPERTIES;
use crate::kafka::{SASL_PREFIX, SECURITY_PROTOCOL, SSL_PREFIX};

impl Document {
    /// Each with the settings that it is about, and what to write instead.
    pub fn warnings(&self) -> Vec<String> {
        let own = &self.kafka.security;
        let protocol = own.protocol.name();
        let mut warnings = Vec::new();
        let of_login = [
            ("mechanism", own.mechanism.is_empty()),
            ("username", own.username.is_empty()),
            ("password", own.password.0.is_empty()),
            ("password_file", own.password_file.as_os_str().is_empty()),
        ];
        let login = match own.protocol {
            SecurityProtocol::Plaintext => {
                Some("\"sasl_plaintext\", or \"sasl_ssl\" to encrypt the connection too,")
            }
            SecurityProtocol::Ssl => Some("\"sasl_ssl\""),
            SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl => None,
        };
        if let (Some(instead), Some(named)) =
            (login, self.non_empty_settings(of_login, SASL_PREFIX))
        {
            warnings.push(format!(
                "{named}: not used, for nobody logs in with kafka.security.protocol = \"{protocol}\"; write {instead} \
                there, or leave this out"
            ));
        }
        let of_encryption = [
            ("ca_file", own.ca_file.as_os_str().is_empty()),
            (
                "certificate_file",
                own.certificate_file.as_os_str().is_empty(),
            ),
            ("key_file", own.key_file.as_os_str().is_empty()),
            ("key_password", own.key_password.0.is_empty()),
        ];
        let encryption = match own.protocol {
            SecurityProtocol::Plaintext => Some("\"ssl\""),
            SecurityProtocol::SaslPlaintext => Some("\"sasl_ssl\""),
            SecurityProtocol::Ssl | SecurityProtocol::SaslSsl => None,
        };
        let named = self.non_empty_settings(of_encryption, SSL_PREFIX);
        if let (Some(instead), Some(named)) = (encryption, named) {
            warnings.push(format!(
                "{named}: not used, for nothing is encrypted with kafka.security.protocol = \"{protocol}\"; write \
                {instead} there, or leave this out"
            ));
        }
        if self.kafka.properties.0.contains_key(SECURITY_PROTOCOL) {
            warnings.push(format!(
                "{PROPERTIES}.{SECURITY_PROTOCOL}: not used, for kafka.security.protocol = \"{protocol}\" wins; write it \
                there"
            ));
        }
        warnings
    }

    /// The settings that are not empty, and the properties that begin so; `None` where there are none.
    fn non_empty_settings(&self, settings: [(&str, bool); 4], properties: &str) -> Option<String> {
        let settings = settings.into_iter().filter(|(_, is_empty)| !is_empty);
        let settings = settings.map(|(key, _)| format!("kafka.security.{key}"));
        let further = self.kafka.properties.0.keys();
        let further = further.filter(|name| name.starts_with(properties));
        let further = further.map(|name| format!("{PROPERTIES}.{name}"));
        let named: Vec<String> = settings.chain(further).collect();
        Some(named.join(", ")).filter(|named| !named.is_empty())
    }
}
