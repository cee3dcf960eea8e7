//! A process that ends with the test process, however that ends.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// The supervisor's script. `PR_SET_PDEATHSIG` would not work: it applies to the *thread* that
/// starts the process, and a test's thread ends with the test.
const SUPERVISE: &str = include_str!("supervise.sh");

/// A supervised process. Dropping it kills it.
pub(crate) struct Process {
    supervisor: Child,
    /// Commands to the supervisor. When it is closed, the supervisor kills the process.
    commands: ChildStdin,
}

impl Process {
    /// Starts `command` in `folder`, which the supervisor removes if the test process cannot. The
    /// output of the command is appended to `log`.
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
            // Ctrl-C in a terminal signals a whole process group; here it must reach only the
            // tests.
            .process_group(0)
            .spawn()
            .unwrap();
        let commands = supervisor.stdin.take().unwrap();
        Process { supervisor, commands }
    }

    /// Its exit status, if it has exited.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.supervisor.try_wait().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        writeln!(&self.commands, "{name}").unwrap();
    }

    /// Sends a signal and waits for the exit. The status is 128 plus the signal's number if the
    /// signal ended it.
    pub(crate) fn end_with_signal(&mut self, signal: &str) -> ExitStatus {
        // It may have exited already.
        drop(writeln!(self.commands, "{signal}"));
        self.supervisor.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end_with_signal("KILL");
    }
}
