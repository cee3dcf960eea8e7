//! Which program this is.

use std::sync::LazyLock;

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit, if `TENURE_REVISION` was set for the build.
pub const REVISION: Option<&str> = option_env!("TENURE_REVISION");
/// What `--version` prints: the version, and the commit if it is known.
pub static VERSION_AND_REVISION: LazyLock<String> = LazyLock::new(|| match REVISION {
    Some(revision) => format!("{VERSION} ({revision})"),
    None => VERSION.to_owned(),
});
