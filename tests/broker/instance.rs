//! One process of `tenure run`, in a folder of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::harness::eventually;
use crate::harness::process::Process;

/// The setting that ends a process that an operator has to correct something for.
const MISCONFIGURATION_TIMEOUT: &str = "TENURE__RUNTIME__MISCONFIGURATION_TIMEOUT";

/// One process of the app, running or not. Its settings are `tenure.toml` in its folder.
pub(crate) struct Instance {
    folder: PathBuf,
    process: Option<Process>,
    starts: usize,
}

impl Instance {
    pub(crate) fn new(folder: &Path) -> Instance {
        Instance { folder: folder.to_owned(), process: None, starts: 0 }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn start(&mut self) {
        self.start_with_env("TENURE_TEST=");
    }

    /// With this environment variable: `NAME=value`.
    pub(crate) fn start_with_env(&mut self, variable: &str) {
        self.start_through(&["env", variable]);
    }

    /// As in production, it tries again for a while if an operator has to correct something.
    pub(crate) fn start_patiently(&mut self) {
        self.start_through(&["env", "-u", MISCONFIGURATION_TIMEOUT]);
    }

    /// Through a command that executes its arguments.
    pub(crate) fn start_through(&mut self, command: &[&str]) {
        self.starts += 1;
        let settings = self.folder.join("tenure.toml");
        let own = [env!("CARGO_BIN_EXE_tenure"), "run", "--config", settings.to_str().unwrap()];
        let at_once = format!("{MISCONFIGURATION_TIMEOUT}=0s");
        let command = ["env", &at_once].into_iter().chain(command.iter().copied()).chain(own);
        self.process = Some(Process::start(&self.folder, &self.log_file(self.starts), command));
    }

    fn log_file(&self, start: usize) -> PathBuf {
        self.folder.join(format!("log-{start}"))
    }

    /// The log of the last process.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file(self.starts)).unwrap_or_default()
    }

    /// The logs of all its processes.
    pub(crate) fn logs(&self) -> Vec<PathBuf> {
        (1..=self.starts).map(|start| self.log_file(start)).collect()
    }

    /// How often the text is in the log of the last process.
    pub(crate) fn count_in_log(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Sends SIGTERM and waits for the exit.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.process.take().unwrap().end_with_signal("TERM")
    }

    /// Sends a signal without waiting.
    pub(crate) fn signal(&self, name: &str) {
        self.process.as_ref().unwrap().signal(name);
    }

    /// Waits until the process exits without a signal.
    pub(crate) fn await_exit(&mut self) -> ExitStatus {
        let mut process = self.process.take().unwrap();
        let mut status = None;
        eventually("the daemon has ended", || {
            status = process.exit_status();
            status.is_some()
        });
        status.unwrap()
    }

    /// Whether there is a process.
    pub(crate) fn is_running(&mut self) -> bool {
        let process = self.process.as_mut();
        process.is_some_and(|process| process.exit_status().is_none())
    }

    /// Fails with the log if the daemon has exited.
    pub(crate) fn assert_running(&mut self) {
        let await_exit = self.process.as_mut().unwrap().exit_status();
        assert!(await_exit.is_none(), "the daemon ended ({await_exit:?}):\n{}", self.log());
    }

    /// A file of the process in `/proc`.
    pub(crate) fn process_file(&self, file: &str) -> String {
        let settings = self.folder.join("tenure.toml");
        let own = |command: &str| {
            command.starts_with(env!("CARGO_BIN_EXE_tenure"))
                && command.contains(settings.to_str().unwrap())
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let folder = entries.map(|entry| entry.path()).find(|folder| {
            let command = fs::read_to_string(folder.join("cmdline"));
            command.is_ok_and(|command| own(&command))
        });
        fs::read_to_string(folder.unwrap().join(file)).unwrap()
    }

    /// Bytes, by a name from `/proc/…/status`.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = self.process_file("status");
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kilobytes = line.split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() << 10
    }

    /// A response of the listener for probes and metrics: status line and body.
    pub(crate) fn get(&self, path: &str) -> (String, String) {
        self.request("probes and metrics", "GET", path)
    }

    /// A response of the listener for operators: status line and body.
    pub(crate) fn admin_request(&self, method: &str, path: &str) -> (String, String) {
        self.request("operators", method, path)
    }

    /// One HTTP request to one of its listeners.
    fn request(&self, listener: &str, method: &str, path: &str) -> (String, String) {
        let log = self.log();
        let prefix = format!("serving {listener} address=");
        let address = log.split(&prefix).nth(1).unwrap();
        let address = address.split_whitespace().next().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// The sum of all series of a metric, or the one series that is named. 0 while the metric does not exist or the
    /// daemon does not serve.
    pub(crate) fn metric(&mut self, name: &str) -> i64 {
        self.fraction(name) as i64
    }

    /// The same for a value that may have a fraction.
    pub(crate) fn fraction(&mut self, name: &str) -> f64 {
        if !self.is_running() || !self.log().contains("serving probes") {
            return 0.0;
        }
        let (_, metrics) = self.get("/metrics");
        let values = metrics.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let is_it = series == name || series.split('{').next() == Some(name);
            is_it.then(|| value.parse::<f64>().unwrap())
        });
        values.sum()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the last log of {}:\n{}", self.folder.display(), self.log());
        }
    }
}
