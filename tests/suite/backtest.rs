//! `tenure backtest`: its measures, computed by hand, and that its transitions are those of a replay.

mod command;
mod measures;
mod prediction;
mod replayed;

use tenure::backtest::{
    Backtest, BacktestOptions, History, StageHistory, StageTransition, Version,
};
use tenure::event::{EventTime, Millis};
use tenure::model::{Models, SourceFile, StageId};

const DAY: i64 = Millis::DAY.0;

fn at(day: i64) -> EventTime {
    EventTime(day * DAY)
}

/// A model with these stages; its transitions do not matter. `b=a`: the stage `b` was `a` before.
fn version(stages: &str, flagged: u64) -> Version {
    let (mut names, mut declared) = (Vec::new(), String::new());
    for stage in stages.split(' ') {
        let (name, was) = stage.split_once('=').unwrap_or((stage, "[]"));
        names.push(name);
        declared += &match was {
            "[]" => format!("  {name}: {{}}\n"),
            was => format!("  {name}: {{ was: {was} }}\n"),
        };
    }
    let text = format!(
        "model: shop\ninitial: {}\nfacts: {{ n: count(any) }}\nstages:\n{declared}transitions:\n  \
         - {{ from: {}, to: {}, when: n > 5 }}\n",
        names[0], names[0], names[1]
    );
    let source = SourceFile { name: "shop.yaml".to_owned(), text };
    let (models, _) = Models::compile(vec![source]).unwrap_or_else(|reports| {
        let reports: Vec<String> = reports.iter().map(ToString::to_string).collect();
        panic!("{}", reports.concat())
    });
    Version { models, flagged }
}

/// From stage 0 into these stages on these days.
fn line(moves: &[(i64, usize)]) -> StageHistory {
    let mut from = StageId::from_index(0);
    let moves = moves.iter().map(|(day, to)| StageTransition {
        at: at(*day),
        from: std::mem::replace(&mut from, (*to).into()),
        to: (*to).into(),
    });
    StageHistory { initial: StageId::from_index(0), transitions: moves.collect() }
}

/// A customer from a day on, with outcomes on these days, and the transitions under each version.
fn history(begin: i64, outcomes: &[i64], lines: &[&[(i64, usize)]]) -> History {
    History {
        begin: at(begin),
        outcomes: outcomes.iter().map(|day| at(*day).into()).collect(),
        stage_histories: lines.iter().map(|moves| line(moves)).collect(),
    }
}

/// From day 0 to day 100, flaps within a week.
fn questions() -> BacktestOptions {
    BacktestOptions {
        begin: at(0),
        end: at(100),
        flap: Millis(7 * DAY),
        examples: 20,
        prediction: None,
    }
}

fn measured(versions: &[Version], questions: BacktestOptions, histories: &[History]) -> Backtest {
    let mut backtest = Backtest::new(versions, questions).unwrap();
    for (number, history) in histories.iter().enumerate() {
        let customer = format!("c{number}");
        backtest.add(versions, &customer.as_str().into(), history);
    }
    backtest
}
