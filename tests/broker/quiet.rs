//! History is not published to subscribers, and an unexpected burst waits for an operator.

use std::fs;

use serde_json::Value as Json;
use tenure::event::EventTime;

use crate::app::App;
use crate::exactly_once::{
    Transitions, assert_current_stages, assert_published_once, expected, history, produce,
    published,
};
use crate::fleet::{RUNTIME, session};
use crate::harness::{Record, eventually};
use crate::quarantine;
use crate::reference::{self, Event};
use crate::retail::retail;

const DAY: i64 = 86_400_000;

/// A year that ends now, scaled from a history of another length.
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

/// The first published sequence of each customer.
fn firsts(published: &Transitions) -> Vec<u64> {
    let mut firsts = Vec::new();
    for (customer, changes) in published {
        let sequences: Vec<u64> = changes.iter().map(|change| change.0).collect();
        let gapless: Vec<u64> = (sequences[0]..).take(sequences.len()).collect();
        assert_eq!(sequences, gapless, "{customer}");
        firsts.push(sequences[0]);
    }
    firsts
}

#[test]
fn history_and_shadow_models_are_not_published_to_subscribers() {
    // Hundreds of transitions would trip the circuit breaker; those of history do not.
    let burst = "[burst]\nleast = 200\nwithin = \"1h\"\nfuse = true\n";
    let mut app = App::new("bootstrap", 2, &format!("{RUNTIME}{burst}"));
    let events = a_year_until_now();
    let emit_from = events[events.len() - 1].time - 3 * DAY;
    let text = fs::read_to_string(app.folder.path().join("retail.yaml")).unwrap();
    let with = |line: &str| text.replace("version: 1\n", &format!("version: 1\n{line}\n"));
    let from = EventTime(emit_from);
    app.write_model("retail.yaml", &with(&format!("emit_from: {from}")));
    let shadow = with("shadow: true").replace("model: retail\n", "model: trial\n");
    app.write_model("trial.yaml", &shadow);
    app.broker.create_topic(&app.topic("quiet"), 2, &[("retention.ms", "-1")]);
    let folder = app.folder.path().display().to_string();
    let file = app.folder.path().join("tenure.toml");
    let settings = fs::read_to_string(&file)
        .unwrap()
        .replace("retail.yaml\"]", &format!("retail.yaml\", \"{folder}/trial.yaml\"]"))
        .replace("[output]\n", "[output]\nquiet = \"bootstrap-quiet\"\n");
    fs::write(&file, settings).unwrap();

    let horizon = produce(&app, &events, 2);
    app.start();
    app.await_caught_up();
    assert_eq!(app.daemon.metric("tenure_bursts_total"), 0);
    assert_eq!(app.daemon.metric("tenure_fuse_blown"), 0);
    let quiet_transitions = app.daemon.metric("tenure_quiet_transitions_total");
    assert!(quiet_transitions > 1_000, "{quiet_transitions}");
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());

    let fold = reference::replay(&[retail()], &events, None);
    let whole = expected(fold.clone(), horizon);
    let (before, after): (Vec<_>, Vec<_>) =
        fold.into_iter().partition(|change| change.effective_at < emit_from);
    let changes = app.stage_changes();
    let news = published(&changes, horizon);
    assert_eq!(news, expected(after, horizon));
    let firsts = firsts(&news);
    assert!(firsts.len() > 10, "too few customers have published transitions");
    assert!(firsts.iter().any(|first| *first > 2), "{firsts:?}");
    assert!(changes.iter().all(|data| data["quiet"].is_null()));
    assert!(changes.iter().all(|data| data["model"] == "retail"));
    for stored in app.read("at-risk") {
        let data: Json = serde_json::from_str(stored.record.text()).unwrap();
        assert!(changes.contains(&data), "{data}");
    }

    let read = |stored: &crate::harness::StoredRecord| serde_json::from_str(stored.record.text());
    let quiet: Vec<Json> = app.read("quiet").iter().map(|stored| read(stored).unwrap()).collect();
    let history = of_model(&quiet, "retail");
    assert_eq!(published(&history, horizon), expected(before, horizon));
    assert!(history.iter().all(|data| data["quiet"] == "emit_from"));
    let trial = of_model(&quiet, "trial");
    assert_eq!(published(&trial, horizon), whole);
    assert!(trial.iter().all(|data| data["quiet"] == "shadow"));
    assert_eq!(history.len() + trial.len(), quiet.len());

    // Every customer has a current stage, whether the last transition was published or not.
    let all: Vec<Json> = history.into_iter().chain(changes).collect();
    assert_current_stages(&app, "retail", &all);
    for stored in app.read("customer-stages") {
        let stages = read(&stored).unwrap();
        assert_eq!(stages["models"].as_object().unwrap().len(), 1, "{stages}");
    }
}

/// This many transitions are a burst, and no burst ends while a test runs.
const BURST: &str = "[burst]\nleast = 200\nwithin = \"1h\"\nfuse = true\n";

/// A few normal days, and then a burst.
struct BurstTest {
    app: App,
    events: Vec<Event>,
    horizon: i64,
}

impl BurstTest {
    /// The normal days are published already.
    fn new(name: &str, edit: impl Fn(String) -> String) -> BurstTest {
        // With several workers, another one may be inside a transaction when the breaker trips.
        let settings = format!("{RUNTIME}workers = 1\n{BURST}");
        let mut app = App::new(name, 2, &settings);
        let file = app.folder.path().join("tenure.toml");
        fs::write(&file, edit(fs::read_to_string(&file).unwrap())).unwrap();
        let mut usual = history(1, 300, 6_000);
        // The order of records in two topics that are written to in parallel is not defined.
        let burst = usual.split_off(50).into_iter();
        let burst: Vec<Event> = burst.filter(|it| it.kind == "order_completed").collect();
        produce(&app, &usual, 2);
        app.start();
        app.await_caught_up();
        assert_eq!(app.daemon.metric("tenure_fuse_blown"), 0);
        let (status, body) = app.daemon.admin_request("POST", "/go-on");
        assert_eq!(status, "HTTP/1.1 409 Conflict", "{body}");
        let horizon = produce(&app, &burst, 2);
        BurstTest { app, events: usual.into_iter().chain(burst).collect(), horizon }
    }

    fn await_tripped(&mut self) {
        let app = &mut self.app;
        eventually("the circuit breaker has tripped", || {
            app.assert_running();
            app.daemon.metric("tenure_fuse_blown") == 1
        });
    }

    fn fuse(&self) -> Json {
        let (status, fuse) = self.app.daemon.admin_request("GET", "/fuse");
        assert_eq!(status, "HTTP/1.1 200 OK");
        serde_json::from_str(&fuse).unwrap()
    }

    /// The offsets that the group has committed, by input and partition.
    fn committed_offsets(&self) -> Vec<i64> {
        let inputs = ["clickstream", "purchases"].map(|input| self.app.topic(input));
        let committed_offsets = inputs.iter().flat_map(|topic| {
            let own = self.app.broker.committed_offsets(&self.app.name, topic);
            own.into_values().map(|position| position.offset)
        });
        committed_offsets.collect()
    }

    fn resume(&self) {
        let (status, body) = self.app.daemon.admin_request("POST", "/go-on");
        assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
        assert!(body.starts_with("resuming: "), "{body}");
    }

    /// Every transition is published, once and in order, and the breaker does not trip again.
    fn assert_completes(&mut self) {
        self.app.await_caught_up();
        assert_published_once(&self.app, &self.events, self.horizon);
        let daemon = &mut self.app.daemon;
        assert_eq!(daemon.metric("tenure_fuse_blown"), 0);
        assert_eq!(daemon.metric("tenure_bursts_total"), 1);
        assert!(daemon.fraction("tenure_burst_reached_ratio") > 1.0);
        assert_eq!(daemon.count_in_log("the fuse has blown"), 1);
        assert_eq!(self.fuse()["blown"], false);
        let status = self.app.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.app.log());
    }
}

#[test]
fn a_burst_waits_for_an_operator_and_is_then_published_once_and_in_order() {
    // Suspended for longer than the session timeout and the poll interval of the group.
    let short =
        |settings| session(6)(settings).replace("\"6s\"", "\"6s\"\nmax_poll_interval = \"6s\"");
    let mut test = BurstTest::new("flood", short);
    test.await_tripped();
    let published = test.app.stage_changes();
    let committed_offsets = test.committed_offsets();
    assert!(!published.is_empty() && published.len() < 200, "{}", published.len());
    let fuse = test.fuse();
    assert_eq!(fuse["blown"], true);
    assert!(fuse["transitions"].as_u64().unwrap() > 0, "{fuse}");
    assert!(fuse["customers"].as_u64().unwrap() > 10, "{fuse}");
    let since = fuse["since"].as_str().unwrap();
    let since = tenure::event::parse_instant(since).unwrap();
    let rebalances = test.app.daemon.metric("tenure_rebalances_total");
    eventually("input waits, for longer than the group does", || {
        test.app.assert_running();
        let now = tenure::runtime::clock::now().0;
        now - since.0 > 10_000 && test.app.daemon.metric("tenure_lag_records") > 100
    });
    assert_eq!(test.app.stage_changes(), published);
    assert_eq!(test.committed_offsets(), committed_offsets);
    assert_eq!(test.fuse(), fuse);
    let state = String::from_utf8(quarantine::state(&test.app, &[]).stdout).unwrap();
    let suspended = format!("{} transitions wait", fuse["transitions"]);
    assert!(state.contains("suspended since") && state.contains(&suspended), "{state}");
    let daemon = &mut test.app.daemon;
    assert!(daemon.fraction("tenure_burst_reached_ratio") >= 1.0);
    assert_eq!(daemon.metric("tenure_rebalances_total"), rebalances);
    assert_eq!(daemon.metric("tenure_partitions"), 2);
    for probe in ["/livez", "/readyz"] {
        assert_eq!(daemon.get(probe).0, "HTTP/1.1 200 OK", "{probe}");
    }
    test.resume();
    test.assert_completes();
}

#[test]
fn a_suspended_burst_is_published_once_across_kills_and_restarts() {
    let mut test = BurstTest::new("unfused", |settings| settings);
    test.await_tripped();
    let published = test.app.stage_changes();
    test.app.kill();
    test.app.start();
    test.await_tripped();
    // The published transitions stay, and each start counts from zero.
    let again = test.app.stage_changes();
    assert!(again.len() >= published.len() && again.len() < published.len() + 200);
    let committed_offsets = test.committed_offsets();
    let status = test.app.terminate();
    assert_eq!(status.code(), Some(0), "{}", test.app.log());
    assert_eq!(test.app.stage_changes(), again);
    assert_eq!(test.committed_offsets(), committed_offsets);
    test.app.start();
    test.await_tripped();
    test.resume();
    test.assert_completes();
}

#[test]
fn a_suspended_burst_stays_suspended_on_another_member() {
    let mut test = BurstTest::new("handed-over", session(6));
    test.await_tripped();
    let published = test.app.stage_changes().len();
    let mut second = test.app.instance("second", |settings| settings);
    second.start();
    eventually("each of two members has a suspended partition", || {
        test.app.assert_running();
        let both = [&mut test.app.daemon, &mut second];
        both.into_iter()
            .all(|it| it.metric("tenure_partitions") == 1 && it.metric("tenure_fuse_blown") == 1)
    });
    assert!(test.app.stage_changes().len() < published + 400);
    test.resume();
    let (status, body) = second.admin_request("POST", "/go-on");
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    test.app.await_caught_up();
    assert_published_once(&test.app, &test.events, test.horizon);
}

/// An operator reloads the model with `emit_from`: the suspended transitions are not published to
/// subscribers.
#[test]
fn a_suspended_burst_becomes_history_by_emit_from() {
    let mut test = BurstTest::new("regretted", |settings| settings);
    test.await_tripped();
    let published = test.app.stage_changes();
    let file = test.app.folder.path().join("retail.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let line = format!("version: 1\nemit_from: {}\n", EventTime(test.horizon + DAY));
    fs::write(&file, text.replace("version: 1\n", &line)).unwrap();
    test.app.daemon.signal("HUP");
    test.app.await_caught_up();
    assert_eq!(test.app.daemon.metric("tenure_fuse_blown"), 0);
    assert_eq!(test.app.stage_changes(), published);
    // A later event is published.
    let time = test.horizon + 2 * DAY;
    let json =
        format!(r#"{{"type":"order_completed","customer_id":"late","time":{time},"value":1}}"#);
    test.app.produce("purchases", &[Record::new(0, "late", json)]);
    eventually("the later event is published", || {
        let changes = test.app.stage_changes();
        changes.iter().any(|data| data["customer_id"] == "late")
    });
}
