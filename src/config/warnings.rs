//! Warnings about valid settings that have no effect, such as a password without SASL.

use super::document::{Document, SecurityProtocol};
use super::values::PROPERTIES;
use crate::kafka::{SASL_PREFIX, SECURITY_PROTOCOL, SSL_PREFIX};

impl Document {
    /// Each warning names the settings concerned and what to write instead.
    pub fn warnings(&self) -> Vec<String> {
        let security = &self.kafka.security;
        let protocol = security.protocol.name();
        let mut warnings = Vec::new();
        let sasl_settings = [
            ("mechanism", security.mechanism.is_empty()),
            ("username", security.username.is_empty()),
            ("password", security.password.0.is_empty()),
            ("password_file", security.password_file.as_os_str().is_empty()),
        ];
        let sasl_protocols = match security.protocol {
            SecurityProtocol::Plaintext => {
                Some("\"sasl_plaintext\", or \"sasl_ssl\" to encrypt the connection too,")
            }
            SecurityProtocol::Ssl => Some("\"sasl_ssl\""),
            SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl => None,
        };
        let unused = self.non_empty_settings(sasl_settings, SASL_PREFIX);
        if let (Some(instead), Some(unused)) = (sasl_protocols, unused) {
            warnings.push(format!(
                "{unused}: not used, because kafka.security.protocol = \"{protocol}\" has no authentication; write \
                {instead} there, or remove this"
            ));
        }
        let ssl_settings = [
            ("ca_file", security.ca_file.as_os_str().is_empty()),
            ("certificate_file", security.certificate_file.as_os_str().is_empty()),
            ("key_file", security.key_file.as_os_str().is_empty()),
            ("key_password", security.key_password.0.is_empty()),
        ];
        let ssl_protocols = match security.protocol {
            SecurityProtocol::Plaintext => Some("\"ssl\""),
            SecurityProtocol::SaslPlaintext => Some("\"sasl_ssl\""),
            SecurityProtocol::Ssl | SecurityProtocol::SaslSsl => None,
        };
        let unused = self.non_empty_settings(ssl_settings, SSL_PREFIX);
        if let (Some(instead), Some(unused)) = (ssl_protocols, unused) {
            warnings.push(format!(
                "{unused}: not used, because kafka.security.protocol = \"{protocol}\" has no encryption; write \
                {instead} there, or remove this"
            ));
        }
        if self.kafka.properties.0.contains_key(SECURITY_PROTOCOL) {
            warnings.push(format!(
                "{PROPERTIES}.{SECURITY_PROTOCOL}: not used, because kafka.security.protocol = \"{protocol}\" overrides it; \
                set that instead"
            ));
        }
        warnings
    }

    /// Lists the settings that are not empty and the properties with a prefix; `None` if there are none.
    fn non_empty_settings(&self, settings: [(&str, bool); 4], prefix: &str) -> Option<String> {
        let mut names = Vec::new();
        for (key, _) in settings.into_iter().filter(|(_, is_empty)| !is_empty) {
            names.push(format!("kafka.security.{key}"));
        }
        for name in self.kafka.properties.0.keys().filter(|name| name.starts_with(prefix)) {
            names.push(format!("{PROPERTIES}.{name}"));
        }
        (!names.is_empty()).then(|| names.join(", "))
    }
}
