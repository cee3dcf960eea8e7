//! A process that ends with the test process, whatever that one dies of.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// Watches over it. A request to the kernel (`PR_SET_PDEATHSIG`) made here would go by the *thread*
/// that starts the process, and a test's thread ends with the test.
const SUPERVISE: &str = include_str!("supervise.sh");

/// A supervised process. Dropped: killed and gone.
pub(crate) struct Process {
    supervisor: Child,
    /// Closed, it means that there is nobody any more.
    orders: ChildStdin,
}

impl Process {
    /// Starts `command` in `folder`, which is removed if the test process cannot do so any more.
    /// What the command prints is added to `log`.
    pub(crate) fn start<A: AsRef<OsStr>>(
        folder: &Path,
        log: &Path,
        command: impl IntoIterator<Item = A>,
    ) -> Process {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISE, "supervise"])
            .arg(folder)
            .args(command)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // Ctrl-C in a terminal goes to a whole group; here it shall come by way of the tests.
            .process_group(0)
            .spawn()
            .unwrap();
        let orders = supervisor.stdin.take().unwrap();
        Process { supervisor, orders }
    }

    /// Its status, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.supervisor.try_wait().unwrap()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        writeln!(&self.orders, "{name}").unwrap();
    }

    /// Sends a signal and waits for the end: 128 and the signal's number if it was that.
    pub(crate) fn end_by(&mut self, signal: &str) -> ExitStatus {
        // It may have ended by itself.
        drop(writeln!(self.orders, "{signal}"));
        self.supervisor.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end_by("KILL");
    }
}
