//! The report for programs: all numbers. `config/models/README.md` documents the keys.

use serde_json::{Value as Json, json};
use typed_index_collections::TiVec;

use super::counting;
use super::findings::Findings;
use super::rates::Rates;
use crate::backtest::{
    DifferenceExample, Differences, DurationHistogram, FirstEntries, Prediction, Score,
    StageTransition, StayStats,
};
use crate::cloudevent::file_position_json;
use crate::event::EventTime;
use crate::model::StageId;
use crate::report::format::years;

pub(crate) fn to_json(findings: &Findings<'_>) -> Json {
    let backtest = findings.backtest;
    let versions = 0..findings.versions.len();
    json!({
        "history": history(findings),
        "versions": versions.map(|at| version(findings, at)).collect::<Json>(),
        "population": population(findings),
        "matrices": matrices(findings),
        "differences": backtest.differences.as_ref().map(|it| differences(findings, it)),
        "prediction": backtest.prediction.as_ref().map(|it| prediction(findings, it)),
    })
}

fn history(findings: &Findings<'_>) -> Json {
    let (excluded, backtest) = (findings.excluded, findings.backtest);
    let rejected = excluded.rejected.iter().map(|(reason, (count, first))| {
        json!({
            "reason": reason.code(),
            "count": count,
            "first": file_position_json(
                &excluded.inputs[first.input as usize].display().to_string(),
                *first,
            ),
        })
    });
    json!({
        "begin": backtest.options.begin.to_string(),
        "end": backtest.options.end.to_string(),
        "events": findings.events,
        "later": excluded.later,
        "rejected": rejected.collect::<Json>(),
        "customers": backtest.customers,
        "customer_years": years(backtest.customer_time),
    })
}

fn version(findings: &Findings<'_>, at: usize) -> Json {
    let backtest = findings.backtest;
    let (model, flaps) = (findings.versions[at].model(), &backtest.flaps[at]);
    let stage = |(stage, stays): (StageId, &StayStats)| {
        json!({
            "stage": findings.stage_name(at, stage),
            "at_end": stays.ongoing.count,
            "entries": stays.entries,
            "exits": stays.exits(),
            "passed": stays.passed,
            "completed": lengths(&stays.completed),
            "ongoing": lengths(&stays.ongoing),
        })
    };
    let moves = flaps.reversals.iter().map(|((from, to), counts)| {
        json!({
            "from": findings.stage_name(at, *from),
            "to": findings.stage_name(at, *to),
            "made": counts.made,
            "undone": counts.undone,
        })
    });
    json!({
        "file": findings.files[at].display().to_string(),
        "model": model.name,
        "version": model.version,
        "transitions": flaps.transitions,
        "stages": backtest.stays[at].stages.iter_enumerated().map(stage).collect::<Json>(),
        "flaps": {
            "within_ms": backtest.options.flap.0,
            "count": flaps.flaps,
            "customers": flaps.customers,
            "most": flaps.most,
            "per_customer_year": ratio(flaps.flaps as f64 / years(backtest.customer_time)),
            "chains": flaps.chains,
            "longest_chain": flaps.longest_chain,
            "moves": moves.collect::<Json>(),
        },
    })
}

fn lengths(lengths: &DurationHistogram) -> Json {
    json!({
        "count": lengths.count,
        "mean_ms": lengths.mean().map(|it| it.0),
        "median_ms": lengths.percentile(50).map(|it| it.0),
        "p90_ms": lengths.percentile(90).map(|it| it.0),
    })
}

fn population(findings: &Findings<'_>) -> Json {
    let census = &findings.backtest.census;
    let dates = census.dates.iter().zip(&census.population);
    let named = |(at, counts): (usize, &TiVec<StageId, u64>)| {
        let named = counts
            .iter_enumerated()
            .map(|(stage, count)| (findings.stage_name(at, stage).to_owned(), json!(count)));
        Json::Object(named.collect())
    };
    let date = |(date, versions): (&EventTime, &Vec<TiVec<StageId, u64>>)| {
        json!({
            "date": date.to_string(),
            "versions": versions.iter().enumerate().map(named).collect::<Json>(),
        })
    };
    dates.map(date).collect()
}

fn matrices(findings: &Findings<'_>) -> Json {
    if findings.versions.len() < 2 {
        return Json::Null;
    }
    let names = |at: usize| -> Json {
        let stages = &findings.versions[at].model().stages;
        stages.iter().map(|stage| stage.name.clone()).collect()
    };
    let census = &findings.backtest.census;
    let dates = census
        .shown()
        .into_iter()
        .map(|at| json!({"date": census.dates[at].to_string(), "counts": census.matrix[at]}));
    json!({"rows": names(0), "columns": names(1), "dates": dates.collect::<Json>()})
}

fn differences(findings: &Findings<'_>, differences: &Differences) -> Json {
    let flows = differences.flows.iter().map(|((from, to), flow)| {
        json!({
            "from": differences.stages[*from],
            "to": differences.stages[*to],
            "both": flow.both,
            "only_old": flow.only[0],
            "only_new": flow.only[1],
        })
    });
    let first_entries = |(stage, entries): (&String, &FirstEntries)| {
        json!({
            "stage": stage,
            "same": entries.same,
            "earlier": lengths(&entries.earlier),
            "later": lengths(&entries.later),
            "only_old": entries.only[0],
            "only_new": entries.only[1],
        })
    };
    let examples = differences.examples();
    json!({
        "comparable": differences.is_comparable,
        "customers_at_end": differences.at_end,
        "customers_ever": differences.histories,
        "share_of_time": ratio(differences.time_apart as f64 / findings.backtest.customer_time as f64),
        "moves": flows.collect::<Json>(),
        "first_entries": differences.stages.iter().zip(&differences.first_entries).map(first_entries).collect::<Json>(),
        "examples": examples.into_iter().map(|it| example(findings, it)).collect::<Json>(),
    })
}

fn example(findings: &Findings<'_>, example: &DifferenceExample) -> Json {
    let history = |at: usize| -> Json {
        let moves = example.transitions[at].iter().map(|StageTransition { at: time, from, to }| {
            json!({
                "at": time.to_string(),
                "from": findings.stage_name(at, *from),
                "to": findings.stage_name(at, *to),
            })
        });
        json!({
            "initial": findings.stage_name(at, example.initial[at]),
            "moves": moves.collect::<Json>(),
            "more": example.omitted[at],
        })
    };
    json!({
        "customer_id": example.customer.as_str(),
        "begin": example.begin.to_string(),
        "old": history(0),
        "new": history(1),
    })
}

fn prediction(findings: &Findings<'_>, prediction: &Prediction) -> Json {
    let versions = 0..findings.versions.len();
    let dates = prediction.dates.iter().map(|tally| {
        let scored = |at| with_recency(&tally.score(at), &tally.recency(at));
        json!({
            "date": tally.date.to_string(),
            "versions": versions.clone().map(scored).collect::<Json>(),
        })
    });
    let pooled = versions.clone().map(|at| {
        let mut pooled = with_recency(&prediction.score(at), &prediction.recency(at));
        let leads = &prediction.lead_times[at];
        pooled["stages"] = findings.flagging_stages(at).split(" or ").collect();
        pooled["lead"] = json!({
            "flags": leads.spells,
            "right": leads.ahead.count,
            "late": leads.late,
            "median_ms": leads.ahead.percentile(50).map(|it| it.0),
            "p90_ms": leads.ahead.percentile(90).map(|it| it.0),
        });
        pooled
    });
    let (outcome, _) = findings.prediction_question();
    let target = findings.backtest.options.prediction.as_ref();
    json!({
        "outcome": outcome,
        "within_ms": target.map(|target| target.within.0),
        "counted": counting::json(findings),
        "dates": dates.collect::<Json>(),
        "pooled": pooled.collect::<Json>(),
    })
}

fn with_recency(score: &Score, recency: &Score) -> Json {
    let mut json = score_json(score);
    json["recency"] = score_json(recency);
    json
}

fn score_json(score: &Score) -> Json {
    let rates = Rates::from_score(score);
    json!({
        "population": score.population,
        "stopped": score.stopped,
        "flagged": score.flagged,
        "hits": score.hits as f64 / Score::HIT_SCALE as f64,
        "precision": ratio(rates.precision),
        "precision_95": [ratio(rates.interval.0), ratio(rates.interval.1)],
        "recall": ratio(rates.recall),
        "f1": ratio(rates.f1),
        "flagged_share": ratio(rates.flagged_share),
        "base_rate": ratio(rates.base_rate),
    })
}

/// A ratio, or null if its divisor was zero.
fn ratio(ratio: f64) -> Json {
    serde_json::Number::from_f64(ratio).map_or(Json::Null, Json::Number)
}
