//! Starting, stopping, bad input, and refused configurations.

use std::fs;

use crate::app::{App, header};
use crate::harness::{Isolation, Record, eventually};

fn event(customer: &str, kind: &str, day: &str, more: &str) -> String {
    format!(r#"{{"type":"{kind}","customer_id":"{customer}","time":"{day}"{more}}}"#)
}

fn order(customer: &str, day: &str) -> Record {
    Record::new(0, customer, event(customer, "order_completed", day, r#","value":10"#))
}

#[test]
fn a_transition_is_a_cloud_event_and_chosen_stages_have_a_topic_of_their_own() {
    let mut app = App::new("record", 1, "");
    app.produce(
        "purchases",
        &[order("ann", "2026-01-01"), order("bob", "2026-03-01"), order("bob", "2026-03-02")],
    );
    app.start();
    app.await_caught_up();
    let changes = app.read("stage-changes");
    let timed = changes.iter().find(|change| change.record.text().contains("at_risk")).unwrap();
    assert_eq!(timed.record.key.as_deref(), Some(b"ann".as_slice()));
    assert_eq!(header(timed, "ce_specversion").as_deref(), Some("1.0"));
    assert_eq!(header(timed, "ce_type").as_deref(), Some("tenure.stage-changed.v1"));
    assert_eq!(header(timed, "ce_time").as_deref(), Some("2026-02-18T00:00:00.000Z"));
    assert_eq!(header(timed, "content-type").as_deref(), Some("application/json"));
    let data: serde_json::Value = serde_json::from_str(timed.record.text()).unwrap();
    assert_eq!(data["cause"], "timer");
    assert_eq!(data["evidence"][0]["facts"]["last_order"], "2026-01-01T00:00:00.000Z");
    assert_eq!(data["input"]["offset"], 0);
    let routed = app.read("at-risk");
    assert_eq!(routed.len(), 1);
    assert_eq!(routed[0].record.value, timed.record.value);
}

#[test]
fn a_restart_continues_where_it_stopped_and_an_empty_disk_is_restored_from_the_changelog() {
    let mut app = App::new("restart", 2, "");
    let days = ["2026-01-01", "2026-01-05", "2026-01-09"];
    for (run, day) in days.iter().enumerate() {
        app.produce("purchases", &[order("ann", day)]);
        app.start();
        app.await_caught_up();
        assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
        let restored = app.log().contains("restored from the changelog");
        assert_eq!(restored, run == 2, "{}", app.log());
        if run == 1 {
            fs::remove_dir_all(app.folder.path().join("state")).unwrap();
        }
    }
    let transitions: Vec<(u64, String)> = app
        .stage_changes()
        .iter()
        .map(|data| (data["sequence"].as_u64().unwrap(), data["to"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(transitions, [(1, "conversion".to_owned()), (2, "retention".to_owned())]);
}

#[test]
fn incompatible_models_are_refused_with_a_remedy() {
    let mut app = App::new("changed", 1, "");
    app.produce("purchases", &[order("ann", "2026-01-01")]);
    app.run_until_caught_up();
    let model = fs::read_to_string(app.folder.path().join("retail.yaml")).unwrap();
    let more = model.replace("facts:", "facts:\n  reviews: count(review_written)");
    let more = more.replace("days(45)", "days(45) && reviews < 3");
    app.write_model("retail.yaml", &more);
    app.start();
    assert_eq!(app.await_exit().code(), Some(78), "{}", app.log());
    let log = app.log();
    assert!(log.contains("did not store `reviews` of retail"), "{log}");
    assert!(log.contains("start_at_zero"), "{log}");
    app.write_model("retail.yaml", &model);
    app.run_until_caught_up();
}

#[test]
fn topics_that_do_not_match_are_refused_with_a_remedy() {
    let mut app = App::new("unfit", 2, "");
    app.broker.delete_topic(&app.topic("purchases"));
    app.broker.create_topic(&app.topic("purchases"), 3, &[]);
    app.broker.delete_topic(&app.topic("at-risk"));
    app.start();
    let (code, said) = app.check_connection();
    assert_eq!(code, 78, "{said}");
    assert_eq!(app.await_exit().code(), Some(78), "{}", app.log());
    for shown in [app.log(), said] {
        let differs = "unfit-purchases has 3 partitions and unfit-clickstream has 2";
        assert!(shown.contains(differs), "{shown}");
        assert!(shown.contains("unfit-at-risk does not exist"), "{shown}");
    }
}

/// Customers have moved to other partitions than their states.
#[test]
fn added_input_partitions_stop_the_daemon_before_their_records_are_processed() {
    let often = "[kafka.properties]\n\"topic.metadata.refresh.interval.ms\" = \"500\"\n";
    let mut app = App::new("grown", 2, often);
    app.produce("purchases", &[order("ann", "2026-01-01")]);
    app.start();
    app.await_caught_up();
    for input in ["clickstream", "purchases"] {
        app.broker.grow_topic(&app.topic(input), 3);
    }
    let moved = Record { partition: 2, ..order("ann", "2026-01-02") };
    app.produce("purchases", &[moved]);
    app.await_error_with_code(78, "more than the 2 partitions that they had at the start");
    app.start();
    app.await_error_with_code(78, "grown-changelog has 2 partitions and grown-clickstream has 3");
    app.broker.grow_topic(&app.topic("changelog"), 3);
    app.start();
    app.await_error_with_code(78, "the inputs had 2 partitions, but they have 3 now");
    let committed_offsets = app.broker.committed_offsets("grown", &app.topic("purchases"));
    assert!(!committed_offsets.contains_key(&2), "{committed_offsets:?}");
    assert_eq!(app.stage_changes().len(), 1);
}

#[test]
fn a_first_offset_is_committed_for_every_input_including_idle_ones() {
    let mut app = App::new("silent", 2, "");
    app.start();
    eventually("a position is committed for every input", || {
        app.assert_running();
        ["clickstream", "purchases"].iter().all(|input| {
            let committed_offsets = app.broker.committed_offsets(&app.name, &app.topic(input));
            committed_offsets
                .values()
                .filter(|position| position.metadata.starts_with("1 "))
                .count()
                == 2
        })
    });
    let ends = app.broker.bounds(&app.topic("changelog"), Isolation::Committed);
    assert!(ends.values().all(|(_, end)| *end > 0));
}

#[test]
fn probes_and_metrics_show_the_daemons_state_and_name_no_customer() {
    let mut app = App::new("watched", 2, "");
    let bad = Record::new(0, "secret-customer", "nonsense");
    let unnamed = event("secret-customer", "no_model_names_it", "2026-01-01", "");
    let unnamed = Record::new(0, "secret-customer", unnamed);
    app.produce("clickstream", &[unnamed]);
    app.produce("purchases", &[order("secret-customer", "2026-01-01"), bad]);
    app.start();
    app.await_caught_up();
    assert_eq!(app.daemon.get("/livez").0, "HTTP/1.1 200 OK");
    assert_eq!(app.daemon.get("/readyz").0, "HTTP/1.1 200 OK");
    // The answer names the customer; logs and metrics do not.
    let (status, body) =
        app.daemon.admin_request("GET", "/customers/secret%2Dcustomer?format=text");
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    assert!(body.contains("secret-customer has been in "), "{body}");
    let (status, body) = app.daemon.admin_request("GET", "/customers/Secret-customer");
    assert_eq!(status, "HTTP/1.1 404 Not Found", "{body}");
    let (status, metrics) = app.daemon.get("/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(tenure::telemetry::catalogue::mismatches(&metrics), Vec::<String>::new());
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
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    let name = "secret-customer";
    assert!(!metrics.contains(name) && !app.log().contains(name), "{}", app.log());
}

#[test]
fn structured_mode_is_one_json_object() {
    let mut app = App::new("structured", 1, "");
    let settings = fs::read_to_string(app.folder.path().join("tenure.toml")).unwrap();
    let settings = settings.replace("[output]\n", "[output]\nformat = \"structured\"\n");
    fs::write(app.folder.path().join("tenure.toml"), settings).unwrap();
    app.produce("purchases", &[order("ann", "2026-01-01")]);
    app.start();
    app.await_caught_up();
    let [change] = app.read("stage-changes").try_into().unwrap();
    let content_type = header(&change, "content-type").unwrap();
    assert_eq!(content_type, "application/cloudevents+json; charset=UTF-8");
    let event: serde_json::Value = serde_json::from_str(change.record.text()).unwrap();
    assert_eq!((&event["specversion"], &event["subject"]), (&"1.0".into(), &"ann".into()));
    assert_eq!(event["data"]["to"], "conversion");
}

#[test]
fn a_second_signal_ends_a_daemon_that_cannot_stop() {
    let mut app = App::new("stuck", 1, "");
    let file = app.folder.path().join("tenure.toml");
    let settings = fs::read_to_string(&file).unwrap();
    // No process listens there: the daemon waits for a broker.
    fs::write(&file, settings.replace(app.broker.bootstrap(), "127.0.0.1:1")).unwrap();
    app.start();
    eventually("signals are handled", || app.log().contains("serving probes"));
    app.request_stop();
    eventually("the first one is logged", || {
        app.log().contains("a second signal ends the process immediately")
    });
    app.assert_running();
    app.request_stop();
    assert_eq!(app.await_exit().code(), Some(130), "{}", app.log());
}
