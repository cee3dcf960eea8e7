//! Bounds of the cost of a model file: of checking it, and of the state of each customer.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use tenure::customer::{self, CustomerState};
use tenure::event::{Event, EventTime, Position, Quantity, Scalar};
use tenure::model::{MODEL_BYTES_MAX, Models, STATE_BYTES_MAX, SourceFile};

/// Most memory of `tenure check`, in KiB: the kernel refuses more.
const MEMORY_KIB: usize = 200 << 10;
/// Most CPU seconds: then the kernel kills it.
const SECONDS: usize = 60;

/// Beginnings of files, before the repeated part.
const BEGINNINGS: [&str; 8] = [
    "",
    "model: m\ninitial: a\nstages:\n  a: {}\n  b: {}\nfacts:\n",
    "model: m\ninitial: a\nstages:\n",
    "model: m\ninitial: a\nstages: { a: {}, b: {} }\ntransitions:\n",
    "model: m\ninitial: a\nstages: { a: {}, b: {} }\ntransitions:\n  - { from: a, to: b, when: \"",
    "model: m\ninitial: a\nstages: { a: {}, b: {} }\ntransitions: []\ntests:\n",
    "x: &x [1, 2]\ny:\n",
    "facts:\n  f: \"",
];

/// Repeated parts; `#` is a number that counts up.
const REPEATED: [&str; 23] = [
    "[",
    "{",
    "- ",
    "- - - - ",
    "{a: ",
    "? ",
    "\n",
    "#",
    "é",
    "'",
    "  f#: count(e#.f#)\n",
    "  f#: count_distinct(e.f#, 1000) over 3660d\n",
    "  s#: {}\n",
    "  - { from: a, to: b, when: e# }\n",
    "  - { from: [a, zz#], to: b#, when: since(count#) >= 45 }\n",
    "  - { name: t#, events: [{ at: 2026-01-01, type: e }], expect: [] }\n",
    "  - &x# [*x, *x, *x, *x]\n",
    "f# == 1 || ",
    "(",
    "!",
    "count(e#) > 1 && ",
    "since(",
    "'a' == ",
];

/// Exit code and standard error.
fn check(file: &Path) -> (Option<i32>, String) {
    // Only the data segment is limited, not the program's code or mapped files.
    let limited = format!(
        "ulimit -c 0; ulimit -d {MEMORY_KIB}; ulimit -t {SECONDS}; exec \"$0\" check \"$1\""
    );
    let output = Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_tenure")])
        .arg(file)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), stderr)
}

#[test]
fn no_model_file_takes_more_than_200_mb_to_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.yaml");
    for (beginning, repeated) in BEGINNINGS
        .iter()
        .flat_map(|beginning| REPEATED.iter().map(move |repeated| (beginning, repeated)))
    {
        let mut text = (*beginning).to_owned();
        for number in 0.. {
            let next = repeated.replace('#', &number.to_string());
            if text.len() + next.len() > MODEL_BYTES_MAX {
                break;
            }
            text += &next;
        }
        fs::write(&file, &text).unwrap();
        let (code, stderr) = check(&file);
        assert!(matches!(code, Some(0 | 78)), "{beginning:?} and {repeated:?}: {code:?} {stderr}");
    }
}

#[test]
fn a_file_that_is_too_long_is_refused_and_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.yaml");
    for length in [10_u64 << 20, 10 << 40] {
        // A sparse file takes no disk space and reads as zeros.
        fs::File::create(&file).unwrap().set_len(length).unwrap();
        let (code, stderr) = check(&file);
        assert_eq!(code, Some(78), "{length} bytes");
        let expected = "error: a model file has at most 1048576 bytes; this one has more\n";
        assert!(stderr.starts_with(expected), "{stderr}");
    }
}

#[test]
fn deep_nesting_is_refused_where_it_exceeds_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.yaml");
    fs::write(&file, format!("model: {}", "[".repeat(10_000))).unwrap();
    let (code, stderr) = check(&file);
    assert_eq!(code, Some(78));
    assert!(stderr.starts_with("error: nested deeper than 32 levels\n"), "{stderr}");
    // The parser reads ahead.
    assert!(stderr.contains("m.yaml:1:263\n"), "{stderr}");
}

/// A model with one fact of every kind, with and without windows.
fn largest_model(days: u32, cap: u32) -> String {
    let mut text = "model: m\ninitial: a\ndedupe: 30d\n\
        orders: { placed: order, refunded: refund, within: 300d }\ncorrections: 30d\nfacts:\n"
        .to_owned();
    let mut terms = Vec::new();
    for (at, of) in ["order", "click"].iter().enumerate() {
        for (number, fact) in [
            format!("count({of}) over {days}d"),
            format!("sum({of}.value) over {days}d"),
            format!("min({of}.size) over {days}d"),
            format!("max({of}.value)"),
            format!("count_distinct({of}.sku, {cap}) over {days}d"),
            format!("mean_gap({of}) / days(1)"),
            format!("max_gap({of}) / days(1)"),
        ]
        .iter()
        .enumerate()
        {
            let (fact, unit) = fact.split_once(" / ").unwrap_or((fact, "1.0"));
            writeln!(text, "  f{at}{number}: \"{fact}\"").unwrap();
            terms.push(format!("f{at}{number} / {unit} > 7.0"));
        }
        for (number, fact) in [
            format!("first({of}.channel) over 30d"),
            format!("first({of}.note)"),
            format!("latest({of}.note)"),
        ]
        .iter()
        .enumerate()
        {
            writeln!(text, "  t{at}{number}: \"{fact}\"").unwrap();
            terms.push(format!("t{at}{number} == 'x'"));
        }
    }
    let when = terms.join(" || ");
    text + &format!(
        "stages: {{ a: {{ reentry: after 1d }}, b: {{ min_dwell: 1d }} }}\n\
         transitions:\n  - {{ from: a, to: b, when: \"{when}\", cooldown: 3d }}\n  \
           - {{ from: b, to: a, when: \"days_in_stage > 2 && visits(a) < 900 && ({when})\", hold: 1d }}\n"
    )
}

fn compile(texts: &[String]) -> Result<Models, String> {
    let sources = texts
        .iter()
        .enumerate()
        .map(|(at, text)| SourceFile { name: format!("m{at}.yaml"), text: text.clone() });
    Models::compile(sources.collect())
        .map(|(models, _)| models)
        .map_err(|reports| reports.iter().map(ToString::to_string).collect())
}

#[test]
fn no_state_is_larger_than_the_bound_computed_at_load() {
    let models = compile(&[largest_model(365, 1000)]).unwrap();
    let kinds = ["order", "click", "refund"].map(|kind| models.vocabulary.find_type(kind));
    let mut state = CustomerState::new(&models, EventTime(1 << 40), Position::default());
    let (mut changes, mut largest, mut bytes) = (Vec::new(), 0, Vec::new());
    for number in 0..6000_i64 {
        let fields = models.vocabulary.fields().map(|(id, field, _)| {
            let huge = 10_i128.pow(27) * i128::from(number % 9 - 4) + i128::from(number);
            let value = match format!("{field:?}").as_str() {
                "Value" | "Property(\"size\")" => Scalar::Number(Quantity::from_nanos(huge)),
                _ => Scalar::Text(format!("{number:01024}").into()),
            };
            (id, value)
        });
        let event = Event {
            customer: "c".into(),
            event_type: kinds[number as usize % 3],
            // Several a day, and some are late.
            time: EventTime((1 << 40) + number * 6_000_000 - number % 7 * 40_000_000),
            fields: fields.collect(),
        };
        let position = Position { input: u32::MAX, offset: i64::MAX };
        state.receive(&models, &event, position, usize::MAX, &mut changes);
        bytes.clear();
        customer::encode(&state, &mut bytes);
        largest = largest.max(bytes.len());
    }
    let bound = models.state_bytes_max();
    assert!(largest <= bound, "{largest} of {bound}");
    assert!(largest * 3 > bound, "{largest} of {bound}: the bound is too loose");
    assert!(!changes.is_empty());
}

#[test]
fn models_whose_states_would_not_fit_into_a_record_are_refused() {
    let long = |days| {
        format!(
            "model: m\ninitial: a\nfacts:\n  note: first(click.note) over {days}d\n  orders: count(order)\n\
             stages: {{ a: {{}}, b: {{}} }}\ntransitions:\n  - {{ from: a, to: b, when: note == 'x' && orders > 1 }}\n"
        )
    };
    let bound = compile(&[long(800)]).unwrap().state_bytes_max();
    assert!(bound <= STATE_BYTES_MAX);
    assert_eq!(
        compile(&[long(900)]).unwrap_err(),
        "error: a customer's state could take 933625 bytes; at most 921600 fit into a Kafka record
  --> m0.yaml:4:3
   |
 4 |   note: first(click.note) over 900d
   |   ^^^^
  help: `note` alone could take 932404 bytes: a shorter window or a smaller cap takes less

"
    );
    // Each of them fits alone; together they do not.
    let other = largest_model(365, 1000).replace("model: m", "model: other");
    assert!(compile(std::slice::from_ref(&other)).is_ok());
    let refused = compile(&[long(800), other]).unwrap_err();
    assert!(refused.contains("m1.yaml"), "{refused}");
}
