//! The text form of hashes that identify configurations.

use sha2::{Digest, Sha256};

/// Half of the digest, which is enough to distinguish configurations.
pub(super) fn short_hex(hash: Sha256) -> String {
    let digest = hash.finalize();
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
