//! Ends a run whose login or certificate is refused, so that the next start uses the current password and files.

use std::time::{Duration, Instant};

use super::error::Error;
use crate::kafka::{self, Consumer};

const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Open connections outlast a change of the password, or the end of a certificate; new ones are refused until the clients
/// have the new one, which they get only when they are created.
#[derive(Debug)]
pub(super) struct LoginWatch {
    checked_at: Instant,
}

impl LoginWatch {
    pub(super) fn new() -> LoginWatch {
        LoginWatch { checked_at: Instant::now() }
    }

    /// `Err` if there was a refusal lately, and the password was changed or no broker is left. A single broker that refuses
    /// this process, or is refused, ends nothing: the others may be well.
    pub(super) fn check(
        &mut self,
        config: &kafka::Config,
        consumer: &Consumer,
    ) -> Result<(), Error> {
        if self.checked_at.elapsed() < CHECK_INTERVAL {
            return Ok(());
        }
        self.checked_at = Instant::now();
        match config.refused_login() {
            Some(error) if config.has_new_password() || consumer.is_cut_off() => Err(error.into()),
            _ => Ok(()),
        }
    }
}
