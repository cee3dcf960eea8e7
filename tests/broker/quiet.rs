//! Nobody is flooded: history is not told, and a burst that nobody expected waits for an operator.

use std::fs;

use serde_json::Value as Json;
use tenure::event::EventTime;

use crate::daemon::World;
use crate::exactly_once::{
    Told, assert_current_stages, assert_told_once, expected, history, produce, told,
};
use crate::fleet::{RUNTIME, session};
use crate::harness::{Record, eventually};
use crate::reference::{self, Event};
use crate::retail::retail;

const DAY: i64 = 86_400_000;

/// A year until now, made of a history of another length.
fn a_year_until_now() -> Vec<Event> {
    let mut events = history(3, 400, 8_000);
    let [first, last] = [&events[0], &events[events.len() - 1]].map(|event| event.time);
    let now = tenure::runtime::clock::now().0;
    for event in &mut events {
        let part = i128::from(event.time - first) * i128::from(365 * DAY);
        event.time = now - 365 * DAY + i64::try_from(part / i128::from(last - first)).unwrap();
    }
    events
}

fn of_model(changes: &[Json], model: &str) -> Vec<Json> {
    let own = changes.iter().filter(|data| data["model"] == model);
    own.cloned().collect()
}

/// For each customer that is told of, the first sequence.
fn firsts(told: &Told) -> Vec<u64> {
    let mut firsts = Vec::new();
    for (customer, changes) in told {
        let sequences: Vec<u64> = changes.iter().map(|change| change.0).collect();
        let gapless: Vec<u64> = (sequences[0]..).take(sequences.len()).collect();
        assert_eq!(sequences, gapless, "{customer}");
        firsts.push(sequences[0]);
    }
    firsts
}

#[test]
fn a_year_of_history_floods_nobody_and_a_shadow_is_nowhere_to_be_heard() {
    // Hundreds of transitions would blow the fuse; those of history do not.
    let burst = "[burst]\nleast = 200\nwithin = \"1h\"\nfuse = true\n";
    let mut world = World::new("bootstrap", 2, &format!("{RUNTIME}{burst}"));
    let events = a_year_until_now();
    let emit_from = events[events.len() - 1].time - 3 * DAY;
    let text = fs::read_to_string(world.folder.path().join("retail.yaml")).unwrap();
    let with = |line: &str| text.replace("version: 1\n", &format!("version: 1\n{line}\n"));
    let from = EventTime(emit_from);
    world.model("retail.yaml", &with(&format!("emit_from: {from}")));
    let shadow = with("shadow: true").replace("model: retail\n", "model: trial\n");
    world.model("trial.yaml", &shadow);
    world
        .broker
        .create_topic(&world.topic("quiet"), 2, &[("retention.ms", "-1")]);
    let folder = world.folder.path().display().to_string();
    let file = world.folder.path().join("tenure.toml");
    let settings = fs::read_to_string(&file)
        .unwrap()
        .replace(
            "retail.yaml\"]",
            &format!("retail.yaml\", \"{folder}/trial.yaml\"]"),
        )
        .replace("[output]\n", "[output]\nquiet = \"bootstrap-quiet\"\n");
    fs::write(&file, settings).unwrap();

    let horizon = produce(&world, &events, 2);
    world.start();
    world.await_caught_up();
    assert_eq!(world.first.metric("tenure_bursts_total"), 0);
    assert_eq!(world.first.metric("tenure_fuse_blown"), 0);
    let untold = world.first.metric("tenure_quiet_transitions_total");
    assert!(untold > 1_000, "{untold}");
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());

    let fold = reference::replay(&[retail()], &events, None);
    let whole = expected(fold.clone(), horizon);
    let (before, after): (Vec<_>, Vec<_>) = fold
        .into_iter()
        .partition(|change| change.effective_at < emit_from);
    let changes = world.stage_changes();
    let news = told(&changes, horizon);
    assert_eq!(news, expected(after, horizon));
    let firsts = firsts(&news);
    assert!(firsts.len() > 10, "next to nobody is told of");
    assert!(firsts.iter().any(|first| *first > 2), "{firsts:?}");
    assert!(changes.iter().all(|data| data["quiet"].is_null()));
    assert!(changes.iter().all(|data| data["model"] == "retail"));
    for stored in world.read("at-risk") {
        let data: Json = serde_json::from_str(stored.record.text()).unwrap();
        assert!(changes.contains(&data), "{data}");
    }

    let read = |stored: &crate::harness::Stored| serde_json::from_str(stored.record.text());
    let quiet: Vec<Json> = world
        .read("quiet")
        .iter()
        .map(|stored| read(stored).unwrap())
        .collect();
    let history = of_model(&quiet, "retail");
    assert_eq!(told(&history, horizon), expected(before, horizon));
    assert!(history.iter().all(|data| data["quiet"] == "emit_from"));
    let trial = of_model(&quiet, "trial");
    assert_eq!(told(&trial, horizon), whole);
    assert!(trial.iter().all(|data| data["quiet"] == "shadow"));
    assert_eq!(history.len() + trial.len(), quiet.len());

    // Everybody is there, wherever the last transition was told or not.
    let all: Vec<Json> = history.into_iter().chain(changes).collect();
    assert_current_stages(&world, "retail", &all);
    for stored in world.read("customer-stages") {
        let stages = read(&stored).unwrap();
        assert_eq!(stages["models"].as_object().unwrap().len(), 1, "{stages}");
    }
}

/// So many transitions are a burst, and no burst is over while a test runs.
const BURST: &str = "[burst]\nleast = 200\nwithin = \"1h\"\nfuse = true\n";

/// A few days as usual, and then everything at once.
struct Flood {
    world: World,
    events: Vec<Event>,
    horizon: i64,
}

impl Flood {
    /// The usual days are told already.
    fn new(name: &str, edit: impl Fn(String) -> String) -> Flood {
        // Of several workers another may be amid a transaction when the fuse blows.
        let settings = format!("{RUNTIME}workers = 1\n{BURST}");
        let mut world = World::new(name, 2, &settings);
        let file = world.folder.path().join("tenure.toml");
        fs::write(&file, edit(fs::read_to_string(&file).unwrap())).unwrap();
        let mut usual = history(1, 300, 6_000);
        // Of two topics that are written to side by side, nobody knows which event was there first.
        let flood = usual.split_off(50).into_iter();
        let flood: Vec<Event> = flood.filter(|it| it.kind == "order_completed").collect();
        produce(&world, &usual, 2);
        world.start();
        world.await_caught_up();
        assert_eq!(world.first.metric("tenure_fuse_blown"), 0);
        let (status, said) = world.first.operate("POST", "/go-on");
        assert_eq!(status, "HTTP/1.1 409 Conflict", "{said}");
        let horizon = produce(&world, &flood, 2);
        Flood {
            world,
            events: usual.into_iter().chain(flood).collect(),
            horizon,
        }
    }

    fn await_blown(&mut self) {
        let world = &mut self.world;
        eventually("the fuse has blown", || {
            world.assert_running();
            world.first.metric("tenure_fuse_blown") == 1
        });
    }

    fn fuse(&self) -> Json {
        let (status, fuse) = self.world.first.operate("GET", "/fuse");
        assert_eq!(status, "HTTP/1.1 200 OK");
        serde_json::from_str(&fuse).unwrap()
    }

    /// Where the group stands, by input and partition.
    fn positions(&self) -> Vec<i64> {
        let inputs = ["clickstream", "purchases"].map(|input| self.world.topic(input));
        let positions = inputs.iter().flat_map(|topic| {
            let own = self.world.broker.positions(&self.world.name, topic);
            own.into_values().map(|position| position.offset)
        });
        positions.collect()
    }

    fn go_on(&self) {
        let (status, said) = self.world.first.operate("POST", "/go-on");
        assert_eq!(status, "HTTP/1.1 200 OK", "{said}");
        assert!(said.starts_with("resuming: "), "{said}");
    }

    /// All of it is told, each once and in order, and the fuse does not blow again.
    fn ends_well(&mut self) {
        self.world.await_caught_up();
        assert_told_once(&self.world, &self.events, self.horizon);
        let first = &mut self.world.first;
        assert_eq!(first.metric("tenure_fuse_blown"), 0);
        assert_eq!(first.metric("tenure_bursts_total"), 1);
        assert!(first.metric("tenure_burst_reached_percent") > 100);
        assert_eq!(first.times_said("the fuse has blown"), 1);
        assert_eq!(self.fuse()["blown"], false);
        let status = self.world.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.world.said());
    }
}

#[test]
fn a_flood_waits_for_an_operator_and_is_then_told_once_and_in_order() {
    // Held for longer than the group waits for a silent member, or for one that does not poll.
    let short =
        |settings| session(6)(settings).replace("\"6s\"", "\"6s\"\nmax_poll_interval = \"6s\"");
    let mut flood = Flood::new("flood", short);
    flood.await_blown();
    let told = flood.world.stage_changes();
    let positions = flood.positions();
    assert!(!told.is_empty() && told.len() < 200, "{}", told.len());
    let fuse = flood.fuse();
    assert_eq!(fuse["blown"], true);
    assert!(fuse["transitions"].as_u64().unwrap() > 0, "{fuse}");
    assert!(fuse["customers"].as_u64().unwrap() > 10, "{fuse}");
    let since = fuse["since"].as_str().unwrap();
    let since = tenure::event::parse_instant(since).unwrap();
    let rebalances = flood.world.first.metric("tenure_rebalances_total");
    eventually("input waits, for longer than the group does", || {
        flood.world.assert_running();
        let now = tenure::runtime::clock::now().0;
        now - since.0 > 10_000 && flood.world.first.metric("tenure_lag_records") > 100
    });
    assert_eq!(flood.world.stage_changes(), told);
    assert_eq!(flood.positions(), positions);
    assert_eq!(flood.fuse(), fuse);
    let first = &mut flood.world.first;
    assert_eq!(first.metric("tenure_rebalances_total"), rebalances);
    assert_eq!(first.metric("tenure_partitions"), 2);
    for probe in ["/livez", "/readyz"] {
        assert_eq!(first.get(probe).0, "HTTP/1.1 200 OK", "{probe}");
    }
    flood.go_on();
    flood.ends_well();
}

#[test]
fn a_flood_that_waits_is_told_once_whoever_is_killed_or_stopped_meanwhile() {
    let mut flood = Flood::new("unfused", |settings| settings);
    flood.await_blown();
    let told = flood.world.stage_changes();
    flood.world.kill();
    flood.world.start();
    flood.await_blown();
    // What the one before has told is told, and a start counts anew.
    let again = flood.world.stage_changes();
    assert!(again.len() >= told.len() && again.len() < told.len() + 200);
    let positions = flood.positions();
    let status = flood.world.terminate();
    assert_eq!(status.code(), Some(0), "{}", flood.world.said());
    assert_eq!(flood.world.stage_changes(), again);
    assert_eq!(flood.positions(), positions);
    flood.world.start();
    flood.await_blown();
    flood.go_on();
    flood.ends_well();
}

#[test]
fn a_flood_that_waits_goes_to_another_member_and_waits_there() {
    let mut flood = Flood::new("handed-over", session(6));
    flood.await_blown();
    let told = flood.world.stage_changes().len();
    let mut second = flood.world.instance("second", |settings| settings);
    second.start();
    eventually("each of two members holds a partition's", || {
        flood.world.assert_running();
        let both = [&mut flood.world.first, &mut second];
        both.into_iter()
            .all(|it| it.metric("tenure_partitions") == 1 && it.metric("tenure_fuse_blown") == 1)
    });
    assert!(flood.world.stage_changes().len() < told + 400);
    flood.go_on();
    let (status, said) = second.operate("POST", "/go-on");
    assert_eq!(status, "HTTP/1.1 200 OK", "{said}");
    flood.world.await_caught_up();
    assert_told_once(&flood.world, &flood.events, flood.horizon);
}

/// An operator who has the model loaded again, with `emit_from`, tells nobody what waited.
#[test]
fn a_flood_that_waits_becomes_history_by_emit_from() {
    let mut flood = Flood::new("regretted", |settings| settings);
    flood.await_blown();
    let told = flood.world.stage_changes();
    let file = flood.world.folder.path().join("retail.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let line = format!(
        "version: 1\nemit_from: {}\n",
        EventTime(flood.horizon + DAY)
    );
    fs::write(&file, text.replace("version: 1\n", &line)).unwrap();
    flood.world.first.signal("HUP");
    flood.world.await_caught_up();
    assert_eq!(flood.world.first.metric("tenure_fuse_blown"), 0);
    assert_eq!(flood.world.stage_changes(), told);
    // One more event after that instant is news.
    let time = flood.horizon + 2 * DAY;
    let json =
        format!(r#"{{"type":"order_completed","customer_id":"late","time":{time},"value":1}}"#);
    flood
        .world
        .produce("purchases", &[Record::new(0, "late", json)]);
    eventually("news are told", || {
        let changes = flood.world.stage_changes();
        changes.iter().any(|data| data["customer_id"] == "late")
    });
}
