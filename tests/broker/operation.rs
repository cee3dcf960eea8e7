//! Starting, stopping, bad input, and what is refused.

use std::fs;

use crate::daemon::{World, header};
use crate::harness::{Isolation, Record, eventually};

fn event(customer: &str, kind: &str, day: &str, more: &str) -> String {
    format!(r#"{{"type":"{kind}","customer_id":"{customer}","time":"{day}"{more}}}"#)
}

fn order(customer: &str, day: &str) -> Record {
    Record::new(
        0,
        customer,
        event(customer, "order_completed", day, r#","value":10"#),
    )
}

#[test]
fn a_transition_is_a_cloud_event_and_chosen_stages_have_a_topic_of_their_own() {
    let mut world = World::new("record", 1, "");
    world.produce(
        "purchases",
        &[
            order("ann", "2026-01-01"),
            order("bob", "2026-03-01"),
            order("bob", "2026-03-02"),
        ],
    );
    world.start();
    world.await_caught_up();
    let changes = world.read("stage-changes");
    let silent = changes
        .iter()
        .find(|change| change.record.text().contains("at_risk"))
        .unwrap();
    assert_eq!(silent.record.key.as_deref(), Some(b"ann".as_slice()));
    assert_eq!(header(silent, "ce_specversion").as_deref(), Some("1.0"));
    assert_eq!(
        header(silent, "ce_type").as_deref(),
        Some("tenure.stage-changed.v1")
    );
    assert_eq!(
        header(silent, "ce_time").as_deref(),
        Some("2026-02-18T00:00:00.000Z")
    );
    assert_eq!(
        header(silent, "content-type").as_deref(),
        Some("application/json")
    );
    let data: serde_json::Value = serde_json::from_str(silent.record.text()).unwrap();
    assert_eq!(data["cause"], "timer");
    assert_eq!(
        data["evidence"][0]["facts"]["last_order"],
        "2026-01-01T00:00:00.000Z"
    );
    assert_eq!(data["input"]["offset"], 0);
    let routed = world.read("at-risk");
    assert_eq!(routed.len(), 1);
    assert_eq!(routed[0].record.value, silent.record.value);
}

#[test]
fn a_restart_goes_on_where_it_stopped_and_an_empty_disk_is_filled_from_the_changelog() {
    let mut world = World::new("restart", 2, "");
    let days = ["2026-01-01", "2026-01-05", "2026-01-09"];
    for (run, day) in days.iter().enumerate() {
        world.produce("purchases", &[order("ann", day)]);
        world.start();
        world.await_caught_up();
        assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
        let restored = world.said().contains("restored from the changelog");
        assert_eq!(restored, run == 2, "{}", world.said());
        if run == 1 {
            fs::remove_dir_all(world.folder.path().join("state")).unwrap();
        }
    }
    let told: Vec<(u64, String)> = world
        .stage_changes()
        .iter()
        .map(|data| {
            (
                data["sequence"].as_u64().unwrap(),
                data["to"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [(1, "conversion".to_owned()), (2, "retention".to_owned())]
    );
}

#[test]
fn models_that_cannot_take_over_are_refused_with_the_way_out() {
    let mut world = World::new("changed", 1, "");
    world.produce("purchases", &[order("ann", "2026-01-01")]);
    world.work_through();
    let model = fs::read_to_string(world.folder.path().join("retail.yaml")).unwrap();
    let more = model.replace("facts:", "facts:\n  reviews: count(review_written)");
    let more = more.replace("days(45)", "days(45) && reviews < 3");
    world.model("retail.yaml", &more);
    world.start();
    assert_eq!(world.ended().code(), Some(78), "{}", world.said());
    let said = world.said();
    assert!(said.contains("did not store `reviews` of retail"), "{said}");
    assert!(said.contains("start_at_zero"), "{said}");
    world.model("retail.yaml", &model);
    world.work_through();
}

#[test]
fn topics_that_do_not_fit_are_refused_with_what_to_do() {
    let mut world = World::new("unfit", 2, "");
    world.broker.delete_topic(&world.topic("purchases"));
    world.broker.create_topic(&world.topic("purchases"), 3, &[]);
    world.broker.delete_topic(&world.topic("at-risk"));
    world.start();
    assert_eq!(world.ended().code(), Some(78), "{}", world.said());
    let said = world.said();
    assert!(
        said.contains("unfit-purchases has 3 partitions and unfit-clickstream has 2"),
        "{said}"
    );
    assert!(said.contains("unfit-at-risk does not exist"), "{said}");
}

/// Customers have moved to other partitions, away from what is known of them.
#[test]
fn inputs_that_get_more_partitions_stop_the_daemon_before_anything_of_them_is_processed() {
    let often = "[kafka.properties]\n\"topic.metadata.refresh.interval.ms\" = \"500\"\n";
    let mut world = World::new("grown", 2, often);
    world.produce("purchases", &[order("ann", "2026-01-01")]);
    world.start();
    world.await_caught_up();
    for input in ["clickstream", "purchases"] {
        world.broker.grow_topic(&world.topic(input), 3);
    }
    let moved = Record {
        partition: 2,
        ..order("ann", "2026-01-02")
    };
    world.produce("purchases", &[moved]);
    world.ends_with(78, "more than the 2 partitions of the start");
    world.start();
    world.ends_with(
        78,
        "grown-changelog has 2 partitions and grown-clickstream has 3",
    );
    world.broker.grow_topic(&world.topic("changelog"), 3);
    world.start();
    world.ends_with(78, "the inputs had 2 partitions, but they have 3 now");
    let positions = world.broker.positions("grown", &world.topic("purchases"));
    assert!(!positions.contains_key(&2), "{positions:?}");
    assert_eq!(world.stage_changes().len(), 1);
}

#[test]
fn a_first_position_is_committed_for_every_input_silent_ones_too() {
    let mut world = World::new("silent", 2, "");
    world.start();
    eventually("a position is committed for every input", || {
        world.assert_running();
        ["clickstream", "purchases"].iter().all(|input| {
            let positions = world.broker.positions(&world.name, &world.topic(input));
            positions
                .values()
                .filter(|position| position.metadata.starts_with("1 "))
                .count()
                == 2
        })
    });
    let ends = world
        .broker
        .bounds(&world.topic("changelog"), Isolation::Committed);
    assert!(ends.values().all(|(_, end)| *end > 0));
}

#[test]
fn probes_and_metrics_say_what_the_daemon_does_and_no_customer_is_named() {
    let mut world = World::new("watched", 2, "");
    let bad = Record::new(0, "secret-customer", "nonsense");
    let unnamed = event("secret-customer", "no_model_names_it", "2026-01-01", "");
    let unnamed = Record::new(0, "secret-customer", unnamed);
    world.produce("clickstream", &[unnamed]);
    world.produce("purchases", &[order("secret-customer", "2026-01-01"), bad]);
    world.start();
    world.await_caught_up();
    assert_eq!(world.first.get("/livez").0, "HTTP/1.1 200 OK");
    assert_eq!(world.first.get("/readyz").0, "HTTP/1.1 200 OK");
    // Who is asked about is told of, and nowhere else.
    let (status, said) = world
        .first
        .operate("GET", "/customers/secret%2Dcustomer?format=text");
    assert_eq!(status, "HTTP/1.1 200 OK", "{said}");
    assert!(said.contains("secret-customer has been in "), "{said}");
    let (status, said) = world.first.operate("GET", "/customers/Secret-customer");
    assert_eq!(status, "HTTP/1.1 404 Not Found", "{said}");
    let (status, metrics) = world.first.get("/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    for line in [
        r#"tenure_records_total{topic="watched-purchases"} 2"#,
        r#"tenure_unnamed_records_total{topic="watched-clickstream"} 1"#,
        r#"tenure_dead_letters_total{reason="not_json"} 1"#,
        r#"tenure_dead_letters_total{reason="too_deep"} 0"#,
        r#"tenure_transitions_total{cause="event",from="reach",model="retail",to="conversion"} 1"#,
        r#"tenure_customers{model="retail",stage="conversion"} 1"#,
        r#"tenure_timers 1"#,
        r#"tenure_partitions{state="running"} 2"#,
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} is not in\n{metrics}"
        );
    }
    assert_eq!(world.terminate().code(), Some(0), "{}", world.said());
    assert!(
        !metrics.contains("secret") && !world.said().contains("secret"),
        "{}",
        world.said()
    );
}

#[test]
fn structured_mode_is_one_json_object() {
    let mut world = World::new("structured", 1, "");
    let settings = fs::read_to_string(world.folder.path().join("tenure.toml")).unwrap();
    let settings = settings.replace("[output]\n", "[output]\nformat = \"structured\"\n");
    fs::write(world.folder.path().join("tenure.toml"), settings).unwrap();
    world.produce("purchases", &[order("ann", "2026-01-01")]);
    world.start();
    world.await_caught_up();
    let [change] = world.read("stage-changes").try_into().unwrap();
    let content_type = header(&change, "content-type").unwrap();
    assert_eq!(content_type, "application/cloudevents+json; charset=UTF-8");
    let event: serde_json::Value = serde_json::from_str(change.record.text()).unwrap();
    assert_eq!(
        (&event["specversion"], &event["subject"]),
        (&"1.0".into(), &"ann".into())
    );
    assert_eq!(event["data"]["to"], "conversion");
}

#[test]
fn a_second_signal_ends_a_daemon_that_cannot_end_by_itself() {
    let mut world = World::new("stuck", 1, "");
    let file = world.folder.path().join("tenure.toml");
    let settings = fs::read_to_string(&file).unwrap();
    // Nobody listens there: the daemon waits for a broker.
    fs::write(
        &file,
        settings.replace(world.broker.bootstrap(), "127.0.0.1:1"),
    )
    .unwrap();
    world.start();
    eventually("signals are heard", || {
        world.said().contains("serving probes")
    });
    world.ask_to_stop();
    eventually("the first is answered", || {
        world
            .said()
            .contains("a second signal ends the process immediately")
    });
    world.assert_running();
    world.ask_to_stop();
    assert_eq!(world.ended().code(), Some(130), "{}", world.said());
}
