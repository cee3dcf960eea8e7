//! Logins and encryption: each way works, each wrong one is reported with its cause and what corrects it, and a password
//! may be changed while the daemon runs.

use std::fs;

use crate::app::App;
use crate::harness::{Broker, Listener, Record, eventually};
use crate::proxy::Proxy;

const SETTINGS: &str = "[runtime]\nworkers = 1\n";

/// Settings of `kafka.security`, with `TLS/` for the folder of the certificates.
fn configure(app: &App, brokers: &str, security: &str) {
    let folder = format!("\"{}/tls/", app.broker.folder().display());
    let security = security.replace("\"TLS/", &folder);
    app.write_config("retail.yaml", &format!("{SETTINGS}[kafka.security]\n{security}"));
    let plain = format!("brokers = \"{}\"", app.broker.bootstrap());
    app.edit_config(&plain, &format!("brokers = \"{brokers}\""));
}

fn order(customer: &str) -> Record {
    let json = format!(
        r#"{{"type":"order_completed","customer_id":"{customer}","time":"2026-01-01","value":10}}"#
    );
    Record::new(0, customer, json)
}

const TLS: &str = "protocol = \"ssl\"\nca_file = \"TLS/ca.pem\"\n";
const SCRAM: &str = "protocol = \"sasl_plaintext\"\nusername = \"scram\"\npassword = \"right\"\n";
const SCRAM_TLS: &str = "protocol = \"sasl_ssl\"\nusername = \"scram\"\npassword = \"right\"\n\
     ca_file = \"TLS/ca.pem\"\n";

#[test]
fn a_daemon_processes_orders_with_every_login_and_encryption() {
    let mut app = App::new("secured", 1, SETTINGS);
    let client = format!("{TLS}certificate_file = \"TLS/client.crt\"\n");
    let ways = [
        (Listener::Login, format!("{SCRAM}mechanism = \"SCRAM-SHA-256\"\n")),
        (Listener::Login, format!("{SCRAM}mechanism = \"SCRAM-SHA-512\"\n")),
        (Listener::Tls, TLS.to_owned()),
        (Listener::MutualTls, format!("{client}key_file = \"TLS/client.key\"\n")),
        (
            Listener::MutualTls,
            format!("{client}key_file = \"TLS/client-encrypted.key\"\nkey_password = \"secret\"\n"),
        ),
        (Listener::LoginTls, format!("{SCRAM_TLS}mechanism = \"SCRAM-SHA-512\"\n")),
    ];
    for (number, (listener, security)) in ways.into_iter().enumerate() {
        configure(&app, &format!("127.0.0.1:{}", app.broker.port(listener)), &security);
        app.produce("purchases", &[order(&format!("customer-{number}"))]);
        app.start();
        let (code, said) = app.check_connection();
        assert_eq!(code, 0, "{security}{said}");
        app.await_caught_up();
        assert_eq!(app.stage_changes().len(), number + 1, "{security}");
        assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
        assert!(!app.log().contains("refuse"), "{}", app.log());
    }
}

/// Settings by which a start ends with 78 and these texts.
type Wrong = (Listener, String, &'static [&'static str]);

fn wrong_certificates() -> Vec<Wrong> {
    const UNVERIFIED: &[&str] =
        &["cannot be verified", "kafka.security.ca_file", "expired", "kafka.brokers"];
    const REFUSED: &[&str] =
        &["refuse the certificate", "(kafka.security.certificate_file)", "expired"];
    let client = |certificate: &str, key: &str| {
        format!("{TLS}certificate_file = \"TLS/{certificate}\"\nkey_file = \"TLS/{key}\"\n")
    };
    let encrypted = client("client.crt", "client-encrypted.key");
    vec![
        (Listener::Tls, TLS.replace("/ca.pem", "/other-ca.pem"), UNVERIFIED),
        (Listener::Tls, "protocol = \"ssl\"\n".to_owned(), UNVERIFIED),
        (Listener::ExpiredTls, TLS.to_owned(), UNVERIFIED),
        (
            Listener::MutualTls,
            TLS.to_owned(),
            &["require a certificate", "kafka.security.certificate_file"],
        ),
        (Listener::MutualTls, client("other-client.crt", "other-client.key"), REFUSED),
        (Listener::MutualTls, client("expired-client.crt", "expired-client.key"), REFUSED),
        (
            Listener::MutualTls,
            client("client.crt", "broker.key"),
            &["kafka.security.key_file", "mismatch"],
        ),
        (
            Listener::MutualTls,
            format!("{encrypted}key_password = \"wrong\"\n"),
            &["kafka.security.key_file", "key_password"],
        ),
    ]
}

fn wrong_logins() -> Vec<Wrong> {
    vec![
        (
            Listener::LoginTls,
            format!("{SCRAM_TLS}mechanism = \"PLAIN\"\n"),
            &["refuse the login of User:scram", "supported mechanisms: SCRAM-SHA-512", "mechanism"],
        ),
        (
            Listener::LoginTls,
            format!("{SCRAM_TLS}mechanism = \"SCRAM-SHA-512\"\n").replace("right", "wrong"),
            &["refuse the login of User:scram", "password"],
        ),
    ]
}

#[test]
fn every_refused_certificate_and_login_is_named_with_the_setting_that_corrects_it() {
    let mut app = App::new("insecure", 1, SETTINGS);
    // The broker's certificate has only its address.
    let other_host = wrong_certificates().remove(0);
    let other_host = ("localhost", (Listener::Tls, TLS.to_owned(), other_host.2));
    let by_address = wrong_certificates().into_iter().chain(wrong_logins());
    let by_address = by_address.map(|wrong| ("127.0.0.1", wrong));
    for (host, (listener, security, expected)) in by_address.chain([other_host]) {
        configure(&app, &format!("{host}:{}", app.broker.port(listener)), &security);
        app.start();
        let (code, said) = app.check_connection();
        assert_eq!(code, 78, "{security}{said}");
        let ended = app.await_error_with_code(78, "");
        for text in expected {
            assert!(said.contains(text), "{text}: {security}{said}");
            assert!(ended.contains(text), "{text}: {security}{ended}");
        }
        assert!(!app.log().contains("\"wrong\""), "{}", app.log());
    }
    // An outage of a load balancer looks like this: it is waited for.
    for listener in [Listener::Tls, Listener::Login] {
        let brokers = format!("127.0.0.1:{}", app.broker.port(listener));
        configure(&app, &brokers, "protocol = \"plaintext\"\n");
        let (code, said) = app.check_connection();
        assert_eq!(code, 69, "{said}");
        let hint = "another kafka.security.protocol than plaintext";
        assert!(said.contains("no broker responds at") && said.contains(hint), "{said}");
    }
}

/// Open connections outlast the change; the daemon continues in the same process whether the file or the broker has the
/// new password first.
#[test]
fn a_password_that_is_changed_while_the_daemon_runs_is_read_from_its_file() {
    let mut app = App::new("rotated", 1, SETTINGS);
    let proxy = Proxy::for_address(format!("127.0.0.1:{}", app.broker.port(Listener::Login)));
    let file = app.folder.path().join("password");
    let set_in_broker = |app: &App, password: &str| {
        let scram = format!("SCRAM-SHA-512=[password={password}]");
        let user = ["--entity-type", "users", "--entity-name", "rotating"];
        let change = ["--alter", "--add-config", &scram];
        app.broker.run_tool("kafka.admin.ConfigCommand", &[&change[..], &user].concat());
    };
    configure(
        &app,
        &proxy.bootstrap(),
        &format!(
            "protocol = \"sasl_plaintext\"\nmechanism = \"SCRAM-SHA-512\"\nusername = \"rotating\"\n\
             password_file = \"{}\"\n",
            file.display()
        ),
    );
    app.edit_config("session_timeout = \"10s\"", "session_timeout = \"3s\"");
    app.edit_config("[runtime]\n", "[runtime]\nmisconfiguration_timeout = \"10m\"\n");
    let refused = "refuse the login of User:rotating";
    let await_waiting = |app: &mut App, readiness: &str| {
        app.await_state("waiting");
        let log = app.log();
        assert!(log.contains(refused) && log.contains(file.to_str().unwrap()), "{log}");
        assert!(app.daemon.get("/livez").0.contains("200"));
        let (status, reason) = app.daemon.get("/readyz");
        assert!(status.contains(readiness), "{status} {reason}");
        assert!(status.contains("200") || reason.contains(refused), "{reason}");
        let (code, said) = app.check_connection();
        assert_eq!(code, 78, "{said}");
        assert!(said.contains(refused), "{said}");
    };
    set_in_broker(&app, "first");
    fs::write(&file, "before").unwrap();
    app.produce("purchases", &[order("ann")]);
    app.daemon.start_patiently();
    await_waiting(&mut app, "503");
    fs::write(&file, "first\n").unwrap();
    app.await_caught_up();
    // The broker has it first: until the file follows, the daemon waits, as at its start.
    set_in_broker(&app, "second");
    app.produce("purchases", &[order("bob")]);
    app.await_caught_up();
    proxy.disconnect_all();
    app.produce("purchases", &[order("cid")]);
    await_waiting(&mut app, "200");
    fs::write(&file, "second\n").unwrap();
    app.await_caught_up();
    // The file has it first.
    fs::write(&file, "third\n").unwrap();
    set_in_broker(&app, "third");
    proxy.disconnect_all();
    app.produce("purchases", &[order("dan")]);
    app.await_caught_up();
    eventually("it runs", || app.daemon.metric("tenure_state{state=\"running\"}") == 1);
    assert_eq!(app.stage_changes().len(), 4);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
    assert!(!app.log().contains("third"), "{}", app.log());
}

/// Clients read their certificates only when they are created.
#[test]
#[ignore = "a session has to end: tests/run.sh --long"]
fn a_certificate_that_is_renewed_while_the_daemon_runs_is_read_from_its_files() {
    let broker: &'static Broker = Box::leak(Box::new(Broker::start()));
    let mut app = App::on_broker(broker, "renewed", 1, SETTINGS);
    let tls = broker.folder().join("tls");
    let own = app.folder.path().to_owned();
    let renew = |name: &str| {
        for kind in ["crt", "key"] {
            let file = format!("{name}.{kind}");
            fs::copy(tls.join(file), own.join(format!("own.{kind}"))).unwrap();
        }
    };
    renew("client");
    fs::copy(tls.join("ca.pem"), own.join("ca.pem")).unwrap();
    let security = "protocol = \"ssl\"\nca_file = \"ca.pem\"\ncertificate_file = \"own.crt\"\nkey_file = \"own.key\"\n";
    let security = security.replace("_file = \"", &format!("_file = \"{}/", own.display()));
    let brokers = format!("127.0.0.1:{}", broker.port(Listener::MutualTls));
    configure(&app, &brokers, &security);
    app.edit_config("session_timeout = \"10s\"", "session_timeout = \"3s\"");
    app.edit_config("[runtime]\n", "[runtime]\nmisconfiguration_timeout = \"10m\"\n");
    app.produce("purchases", &[order("ann")]);
    app.daemon.start_patiently();
    app.await_caught_up();
    broker.trust_other_clients();
    broker.restart();
    app.await_state("waiting");
    let refused = "refuse the certificate";
    eventually("the cause is logged", || app.log().contains(refused));
    let (code, said) = app.check_connection();
    assert!(code == 78 && said.contains(refused), "{code}: {said}");
    renew("other-client");
    app.produce("purchases", &[order("bob")]);
    app.await_caught_up();
    assert_eq!(app.stage_changes().len(), 2);
    assert_eq!(app.terminate().code(), Some(0), "{}", app.log());
}
