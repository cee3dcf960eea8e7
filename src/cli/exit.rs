//! Exit codes of all commands.

/// Exit codes; the numbers are part of the contract with callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    Failed = 1,
    /// The arguments contradict each other or the inputs.
    Usage = 2,
    /// There were warnings, and `--strict` was given.
    Warnings = 3,
    /// Tests failed, or differences were found.
    Different = 4,
    /// No broker answers (`EX_UNAVAILABLE` of sysexits.h).
    Unavailable = 69,
    /// A model or the configuration is wrong (`EX_CONFIG`).
    Configuration = 78,
}
