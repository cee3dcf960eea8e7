//! Which program this is.

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit, if `TENURE_REVISION` was set for the build.
pub const REVISION: Option<&str> = option_env!("TENURE_REVISION");
