//! A disk that fails while the daemon is at work: it ends with what has happened and where, and once the
//! cause is gone it goes on with nothing lost and nothing told twice.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use tenure::crash::SLOW_VARIABLE;

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce};
use crate::harness::eventually;

const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\n";

/// The daemon ends by itself, and says why and what comes next.
fn ends(world: &mut World, why: &str) {
    let last = world.ends(why);
    let path = world.folder.path().join("state");
    assert!(last.contains(path.to_str().unwrap()), "{last}");
}

fn goes_on(mut world: World, name: &str, horizon: i64) {
    world.start();
    world.await_caught_up();
    assert_told_once(&world, &history(1, 300, 4_000), horizon);
    assert_eq!(
        world.terminate().code(),
        Some(0),
        "{name}: {}",
        world.said()
    );
}

/// Files may not grow beyond a limit, as on a disk that is full.
#[test]
fn a_disk_that_is_full_ends_the_daemon_and_nothing_is_lost() {
    let mut world = World::new("full", 2, SETTINGS);
    let horizon = produce(&world, &history(1, 300, 4_000), 2);
    // Beyond it a write fails, instead of ending the process.
    let limited = "trap '' XFSZ; ulimit -f 128; exec \"$@\"";
    world.first.start_by(&["bash", "-c", limited, "limited"]);
    ends(&mut world, "cannot be written; the next start goes on");
    assert!(!world.is_caught_up(), "the disk was never full");
    goes_on(world, "full", horizon);
}

/// Somebody deletes it under the daemon: what is open can be used, and nothing else be made. It ends
/// when it needs another file, or never.
#[test]
fn a_folder_that_is_gone_is_built_again() {
    let mut world = World::new("gone", 2, SETTINGS);
    let horizon = produce(&world, &history(1, 300, 4_000), 2);
    world.start();
    eventually("it is at work", || {
        world.first.metric("tenure_batches_total") > 10
    });
    fs::remove_dir_all(world.folder.path().join("state")).unwrap();
    eventually("it has ended, or has nothing to do any more", || {
        !world.first.is_running() || world.is_caught_up()
    });
    world.kill();
    goes_on(world, "gone", horizon);
}

/// As on a volume that is mounted for reading only: nobody may write there, not even root.
#[test]
fn a_folder_that_cannot_be_written_is_said_at_the_start() {
    let mut world = World::new("readonly", 1, SETTINGS);
    let state = world.folder.path().join("state");
    symlink("/sys/kernel", &state).unwrap();
    world.start();
    ends(&mut world, "cannot open the state");
    fs::remove_file(&state).unwrap();
    world.start();
    world.await_caught_up();
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

/// Whoever runs the daemon may no longer use the folder. Root always may, unless it gives up what makes
/// it root.
#[test]
fn a_permission_that_is_lost_ends_the_daemon_and_nothing_is_lost() {
    let settings = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 300\n";
    // More than fits into the smallest buffers: files have to be made.
    let events = history(1, 2_000, 20_000);
    let mut world = World::new("permission", 2, settings);
    let [state, file] = ["state", "tenure.toml"].map(|name| world.folder.path().join(name));
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
    let who: &[&str] = if is_root { &no_override } else { &["env"] };
    let horizon = produce(&world, &events, 2);
    world.first.start_by(who);
    eventually("it is at work", || {
        world.first.metric("tenure_batches_total") > 5
    });
    allow(&state, 0o000);
    ends(&mut world, "cannot be written; the next start goes on");
    world.first.start_by(who);
    ends(&mut world, "cannot open the state");
    allow(&state, 0o755);
    world.first.start_by(who);
    world.await_caught_up();
    assert_told_once(&world, &events, horizon);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}

/// Every write takes longer than the group waits between two polls. Nobody else waits for it: the group is
/// polled, probes answer, and what was written so slowly is all there.
#[test]
fn a_slow_disk_keeps_its_input_waiting_and_nobody_else() {
    let events = history(1, 300, 4_000);
    let mut world = World::new("slow", 2, "[runtime]\ncommit_interval = \"2s\"\n");
    let file = world.folder.path().join("tenure.toml");
    let text = fs::read_to_string(&file).unwrap();
    let session = "session_timeout = \"10s\"\n";
    assert!(text.contains(session));
    let both = format!("{session}max_poll_interval = \"10s\"\n");
    fs::write(&file, text.replace(session, &both)).unwrap();
    let horizon = produce(&world, &events, 2);
    world
        .first
        .start_with(&format!("{SLOW_VARIABLE}=before-write:12000"));
    eventually("all is committed", || {
        world.assert_running();
        let served = world.said().contains("address=");
        assert!(!served || world.first.get("/livez").0.contains("200"));
        world.is_caught_up()
    });
    assert_told_once(&world, &events, horizon);
    assert_eq!(world.first.metric("tenure_rebalances_total"), 1);
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
}
