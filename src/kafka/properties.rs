//! Names of librdkafka properties that the configuration treats specially: refused ones, and secrets.

/// Properties that the configuration refuses, each with the reason in the error message.
pub const REFUSED_PROPERTIES: [(&str, &str); 1] =
    [("check.crcs", "Tenure always checks the checksums of batches; leave it out")];

/// The property that `SecurityConfig::protocol` overrides.
pub const SECURITY_PROTOCOL: &str = "security.protocol";
/// Prefix of the login properties.
pub const SASL_PREFIX: &str = "sasl.";
/// Prefix of the encryption properties.
pub const SSL_PREFIX: &str = "ssl.";

/// Substrings of property names whose value is a secret.
const SECRET_WORDS: [&str; 7] =
    ["password", "passphrase", "secret", "jaas", "token", "credential", "key.pem"];
/// Properties under `sasl.` that are no secrets; all others there may be.
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

/// If the value of a property may be a secret: the end (byte index) of the part of its name that shows
/// it. A rule rather than a list, so that properties of later librdkafka versions are masked too.
pub fn secret_name_end(property: &str) -> Option<usize> {
    let name = property.to_ascii_lowercase();
    let words = SECRET_WORDS.iter();
    let words = words.filter_map(|word| Some(name.find(word)? + word.len()));
    let is_key =
        name.starts_with(SSL_PREFIX) && name.contains("key") && !name.ends_with(".location");
    let is_sasl_secret =
        name.starts_with(SASL_PREFIX) && !PUBLIC_SASL_PROPERTIES.contains(&name.as_str());
    let is_secret = is_key || is_sasl_secret;
    words.min().or(is_secret.then_some(name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_that_may_be_secrets_are_recognised_by_name() {
        for secret in [
            "sasl.password",
            "SASL.PASSWORD",
            "sasl.jaas.config",
            "sasl.oauthbearer.config",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.assertion.private.key.pem",
            "sasl.kerberos.kinit.cmd",
            "sasl.what.comes.next",
            "ssl.key.password",
            "ssl.key.pem",
            "ssl.keystore.password",
            "ssl.keystore.key",
            "access.token",
        ] {
            assert!(secret_name_end(secret).is_some(), "{secret}");
        }
        for shown in [
            "sasl.mechanism",
            "sasl.mechanisms",
            "sasl.username",
            "sasl.oauthbearer.client.id",
            "ssl.ca.location",
            "ssl.key.location",
            "ssl.keystore.location",
            "ssl.certificate.pem",
            "ssl.endpoint.identification.algorithm",
            "enable.sasl.oauthbearer.unsecure.jwt",
            "security.protocol",
            "queue.buffering.max.messages",
        ] {
            assert_eq!(secret_name_end(shown), None, "{shown}");
        }
    }
}
