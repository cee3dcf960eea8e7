//! Metrics of the daemon as a whole, and of its process.

use super::definition::{Definition, Label, Values, counter, gauge};

const STATE: Label = Label {
    name: "state",
    values: Values::Closed(|| vec!["starting", "waiting", "restoring", "running", "stopping"]),
};
const LEVEL: Label = Label {
    name: "level",
    values: Values::Closed(|| vec!["error", "warn", "info", "debug", "trace"]),
};
const RELOAD: Label =
    Label { name: "outcome", values: Values::Closed(|| vec!["accepted", "refused", "unchanged"]) };
const BUILD: [Label; 2] = [
    Label { name: "version", values: Values::Configured("the version") },
    Label { name: "revision", values: Values::Configured("the commit, or `unknown`") },
];
const CONFIG: [Label; 2] = [
    Label { name: "hash", values: Values::Configured("of the settings") },
    Label { name: "models_hash", values: Values::Configured("of the model files") },
];

pub(super) const DAEMON: &[Definition] = &[
    gauge("tenure_build_info", &BUILD, "The program; always 1.").once_known(),
    gauge(
        "tenure_config_info",
        &CONFIG,
        "The settings without secrets and kafka.instance, and the models; always 1. All processes of an app should have the same.",
    )
    .once_known(),
    gauge(
        "tenure_state",
        &[STATE],
        "1 for the current state of the daemon: starting, waiting (for Kafka, or for a correction; /readyz and the log have the cause), restoring, running or stopping.",
    ),
    counter("tenure_log_lines_total", &[LEVEL], "Lines of the log."),
    counter(
        "tenure_model_reloads_total",
        &[RELOAD],
        "Reloads of the model files by SIGHUP: accepted, refused or unchanged.",
    ),
    counter("tenure_model_changes_total", &[], "Model changes of partitions."),
    gauge(
        "tenure_misconfigured_topics",
        &[],
        "Topics with a cleanup.policy that deletes records they must retain; the log names them and the correction.",
    ),
    counter("tenure_clock_jumps_total", &[], "Jumps of the wall clock by more than a minute."),
];

/// Those of the client library for Prometheus, which registers them itself.
pub(super) const PROCESS: &[Definition] = &[
    counter("process_cpu_seconds_total", &[], "Total user and system CPU time spent in seconds."),
    gauge("process_open_fds", &[], "Number of open file descriptors."),
    gauge("process_max_fds", &[], "Maximum number of open file descriptors."),
    gauge("process_resident_memory_bytes", &[], "Resident memory size in bytes."),
    gauge("process_virtual_memory_bytes", &[], "Virtual memory size in bytes."),
    gauge(
        "process_start_time_seconds",
        &[],
        "Start time of the process since unix epoch in seconds.",
    ),
    gauge("process_threads", &[], "Number of OS threads in the process."),
];
