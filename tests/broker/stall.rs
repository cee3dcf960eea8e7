//! A broker that stalls for longer than a session and than a transaction's timeout. `TENURE_STALLS=3` makes it stall three
//! times.

use std::time::Duration;

use crate::app::App;
use crate::exactly_once::{assert_published_once, history, produce};
use crate::fleet::kip_848;
use crate::harness::{Broker, eventually, let_pass};

const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 20\n";
/// Sessions time out after 10 seconds (7 under the consumer protocol), transactions after 15.
const STALL: Duration = Duration::from_secs(20);
const EVENTS: u64 = 5_000;

fn stall(name: &str, edit: impl Fn(String) -> String) {
    let broker: &'static Broker = Box::leak(Box::new(Broker::start()));
    let mut app = App::on_broker(broker, name, 4, SETTINGS);
    let file = app.folder.path().join("tenure.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, edit(settings)).unwrap();
    let mut other = app.instance("1", |settings| settings);
    let stalls = std::env::var("TENURE_STALLS").map_or(1, |text| text.parse().unwrap());
    let events = history(2, 300, EVENTS * stalls);
    let horizon = produce(&app, &events, 4);
    app.start();
    other.start();
    for _ in 0..stalls {
        let mut batches =
            || [&mut app.daemon, &mut other].map(|it| it.metric("tenure_batches_total"));
        let before = batches();
        eventually("both process batches", || {
            let now = batches();
            now.iter().zip(before).all(|(now, before)| *now > before + 5)
        });
        assert!(!app.is_caught_up(), "there is nothing left to do");
        app.broker.freeze();
        let_pass(STALL);
        app.broker.thaw();
    }
    eventually("everything is committed", || {
        app.assert_running();
        other.assert_running();
        app.is_caught_up()
    });
    assert_published_once(&app, &events, horizon);
    for instance in [&mut app.daemon, &mut other] {
        let status = instance.terminate();
        assert_eq!(status.code(), Some(0), "{}", instance.log());
    }
}

#[test]
#[ignore = "the broker stalls for 20 seconds: tests/run.sh --long"]
fn no_process_ends_when_a_broker_stalls_for_longer_than_a_session() {
    stall("stalled", |settings| settings);
}

#[test]
#[ignore = "the broker stalls for 20 seconds: tests/run.sh --long"]
fn no_process_ends_when_a_broker_stalls_under_the_consumer_protocol() {
    stall("stalled-848", kip_848);
}
