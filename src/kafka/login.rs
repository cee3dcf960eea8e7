//! Logins and certificates that are refused, and the password file, which may be changed while the daemon runs.

use std::path::Path;

use super::client_errors::{forget_refusals, recent_refusal};
use super::tls::RefusedCertificate;
use super::{Config, Error};

/// The password in a file, without the line break at its end.
///
/// # Errors
/// The file cannot be read, or is empty, as while it is being replaced.
pub(crate) fn read_password(file: &Path) -> Result<String, String> {
    let problem = |what: &str| {
        format!("kafka.security.password_file: cannot read {}: {what}", file.display())
    };
    let text = std::fs::read_to_string(file).map_err(|error| problem(&error.to_string()))?;
    match text.trim() {
        "" => Err(problem("it is empty")),
        password => Ok(password.to_owned()),
    }
}

impl Config {
    /// Reads the password file again, for a start after one that failed. Forgets what was refused.
    pub(crate) fn renew_password(&mut self) -> Result<(), Error> {
        if let Some(read) = self.read_password_file() {
            self.security.password = read.map_err(Error::Misconfigured)?;
        }
        forget_refusals();
        Ok(())
    }

    /// Whether the password file has another password than these clients use.
    pub(crate) fn has_new_password(&self) -> bool {
        self.read_password_file()
            .is_some_and(|read| read.is_ok_and(|password| password != self.security.password))
    }

    fn read_password_file(&self) -> Option<Result<String, String>> {
        let file = &self.security.password_file;
        (!file.is_empty()).then(|| read_password(Path::new(file)))
    }

    /// The error of a login or a certificate that was refused to a client of this process lately, if one was.
    pub(crate) fn refused_login(&self) -> Option<Error> {
        let cause = recent_refusal()?;
        Some(match RefusedCertificate::from_reason(&cause) {
            Some(refused) => self.certificate_error(refused, &cause),
            None => self.login_error(&cause),
        })
    }

    pub(super) fn login_error(&self, cause: &str) -> Error {
        let password = if self.security.password_file.is_empty() {
            "password".to_owned()
        } else {
            format!("the password in {}", self.security.password_file)
        };
        Error::Misconfigured(format!(
            "the brokers at {} refuse the login of {}: {cause}. Correct kafka.security (mechanism, username, {password}), or \
            create the user",
            self.brokers,
            self.principal()
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::kafka::client::tests::with;

    #[test]
    fn a_changed_password_file_is_noticed_unless_it_is_being_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, "old\n").unwrap();
        let mut config = with(&[]);
        config.security.password_file = file.display().to_string();
        config.renew_password().unwrap();
        assert_eq!(config.security.password, "old");
        assert!(!config.has_new_password());
        fs::write(&file, "\n").unwrap();
        assert!(!config.has_new_password());
        let error = config.renew_password().unwrap_err();
        assert!(error.to_string().ends_with("it is empty"), "{error}");
        fs::write(&file, "new").unwrap();
        assert!(config.has_new_password());
        config.renew_password().unwrap();
        assert_eq!(config.security.password, "new");
    }
}
