//! A disk that fails during processing: the daemon ends with the error and the path, and once the cause is removed it
//! continues, with nothing lost and nothing published twice.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use tenure::crash::SLOW_VARIABLE;

use crate::app::App;
use crate::exactly_once::{assert_published_once, history, produce};
use crate::harness::eventually;

const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";

/// The daemon ends with this reason and the path of the state.
fn ends(app: &mut App, why: &str) {
    let last = app.await_error(why);
    let path = app.folder.path().join("state");
    assert!(last.contains(path.to_str().unwrap()), "{last}");
}

fn finish(mut app: App, name: &str, horizon: i64) {
    app.start();
    app.await_caught_up();
    assert_published_once(&app, &history(1, 300, 4_000), horizon);
    assert_eq!(app.terminate().code(), Some(0), "{name}: {}", app.log());
}

/// Files may not grow beyond a limit, as on a disk that is full.
#[test]
fn a_full_disk_stops_the_daemon_and_nothing_is_lost() {
    let mut app = App::new("full", 2, SETTINGS);
    let horizon = produce(&app, &history(1, 300, 4_000), 2);
    // Beyond it a write fails, instead of ending the process.
    let limited = "trap '' XFSZ; ulimit -f 128; exec \"$@\"";
    app.daemon.start_through(&["bash", "-c", limited, "limited"]);
    ends(&mut app, "cannot be written; the next start resumes");
    assert!(!app.is_caught_up(), "the disk was never full");
    finish(app, "full", horizon);
}

/// The state folder is deleted while the daemon runs: open files stay usable, and no file can be created. The daemon
/// ends when it needs another file, or never.
#[test]
fn a_deleted_state_folder_is_rebuilt() {
    let mut app = App::new("gone", 2, SETTINGS);
    let horizon = produce(&app, &history(1, 300, 4_000), 2);
    app.start();
    eventually("it processes batches", || app.daemon.metric("tenure_batches_total") > 10);
    fs::remove_dir_all(app.folder.path().join("state")).unwrap();
    eventually("it has exited, or has processed everything", || {
        !app.daemon.is_running() || app.is_caught_up()
    });
    app.kill();
    finish(app, "gone", horizon);
}

/// As on a read-only volume, where not even root can write.
#[test]
fn a_read_only_state_folder_is_reported_at_the_start() {
    let mut app = App::new("readonly", 1, SETTINGS);
    let state = app.folder.path().join("state");
    symlink("/sys/kernel", &state).unwrap();
    app.start();
    ends(&mut app, "cannot open the state");
    fs::remove_file(&state).unwrap();
    app.start();
    app.await_caught_up();
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

/// The daemon's user loses access to the folder. Root always has access, unless it gives up the capabilities for it.
#[test]
fn a_lost_permission_stops_the_daemon_and_nothing_is_lost() {
    let settings = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 300\n";
    // More than fits into the smallest buffers: files have to be created.
    let events = history(1, 2_000, 20_000);
    let mut app = App::new("permission", 2, settings);
    let [state, file] = ["state", "tenure.toml"].map(|name| app.folder.path().join(name));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("64MiB", "16MiB")).unwrap();
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    let no_override = [
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-dac_override,-dac_read_search",
    ];
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let wrapper: &[&str] = if is_root { &no_override } else { &["env"] };
    let horizon = produce(&app, &events, 2);
    app.daemon.start_through(wrapper);
    eventually("it processes batches", || app.daemon.metric("tenure_batches_total") > 5);
    allow(&state, 0o000);
    ends(&mut app, "cannot be written; the next start resumes");
    app.daemon.start_through(wrapper);
    ends(&mut app, "cannot open the state");
    allow(&state, 0o755);
    app.daemon.start_through(wrapper);
    app.await_caught_up();
    assert_published_once(&app, &events, horizon);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}

/// Every write takes longer than the group allows between two polls. Meanwhile the group is polled and probes are
/// answered, and everything that was written so slowly is there.
#[test]
fn a_slow_disk_delays_only_its_own_input() {
    let events = history(1, 300, 4_000);
    let mut app = App::new("slow", 2, "[runtime]\ncommit_interval = \"2s\"\n");
    let file = app.folder.path().join("tenure.toml");
    let text = fs::read_to_string(&file).unwrap();
    let session = "session_timeout = \"10s\"\n";
    assert!(text.contains(session));
    let both = format!("{session}max_poll_interval = \"10s\"\n");
    fs::write(&file, text.replace(session, &both)).unwrap();
    let horizon = produce(&app, &events, 2);
    app.daemon.start_with_env(&format!("{SLOW_VARIABLE}=before-write:12000"));
    eventually("all is committed", || {
        app.assert_running();
        let served = app.log().contains("address=");
        assert!(!served || app.daemon.get("/livez").0.contains("200"));
        app.is_caught_up()
    });
    assert_published_once(&app, &events, horizon);
    assert_eq!(app.daemon.metric("tenure_rebalances_total"), 1);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}
