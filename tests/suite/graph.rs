//! Models as graphs: what is drawn, which arrows can be taken by time alone, and that texts are escaped.

mod escapes;

use tenure::authoring::{GraphFormat, PRESETS, render_graph};
use tenure::model::{Model, Models};

use super::documents::blocks;
use super::models;

fn compile(text: &str) -> Models {
    models::compile("model.yaml", text)
}

fn draw(models: &Models, format: GraphFormat) -> String {
    render_graph(&models.list.raw[0], &models.slots, format)
}

/// The arrows from one stage to another, in DOT.
fn arrows<'t>(dot: &'t str, from: &str, to: &str) -> Vec<&'t str> {
    let begin = format!("    \"{from}\" -> \"{to}\" [");
    let lines = dot.lines().filter(|line| line.starts_with(&begin));
    lines.collect()
}

/// A condition, and whether it can become true without an event.
const BY_TIME: &[(&str, bool)] = &[
    ("orders >= 1", false),
    ("order_completed", false),
    ("true", false),
    ("since(last_order) >= days(45)", true),
    ("since(last_order) < days(45)", false),
    ("!(since(last_order) < days(45))", true),
    ("!(since(last_order) >= days(45))", false),
    ("days(45) <= since(last_order)", true),
    ("days(45) - since(last_order) <= days(3)", true),
    ("days(45) - since(last_order) >= days(3)", false),
    ("-2.0 * since(last_order) < -1.0 * days(3)", true),
    ("since(last_order) / 2.0 > rhythm", true),
    ("since(last_order) - since(first_order) >= days(3)", true),
    ("days_in_stage >= 14", true),
    ("days_in_stage < 14", false),
    ("time_in(a) >= days(3)", true),
    ("visits(a) >= 3 && last_order > entered(a)", false),
    ("orders_30d < 2", true),
    ("orders_30d >= 2", false),
    ("orders_30d == 2", true),
    ("orders_30d < orders_before", true),
    ("spend_30d >= 500.0", false),
    ("spend_30d < 500.0", true),
    ("smallest_30d >= 500.0", true),
    ("smallest_30d < 500.0", false),
    ("largest_30d < 500.0", true),
    ("average_30d >= 500.0", true),
    ("kinds_30d < 2", true),
    ("kinds_30d >= 2", false),
    ("score_30d >= 9", false),
    ("!(score_30d >= 9)", true),
    ("!(score >= 9)", false),
    ("!has(score_30d)", true),
    ("has(score_30d)", false),
    ("!has(score)", false),
    ("has(orders_before)", true),
    ("plan_30d == 'gold'", false),
    ("!(plan_30d == 'gold')", true),
    ("order_completed && since(last_order) >= days(45)", false),
    ("(order_completed || signed_up) && days_in_stage >= 3", false),
    ("order_completed || days_in_stage >= 3", true),
    ("!(days_in_stage < 3 || orders == 0)", true),
    ("!(days_in_stage >= 3 || orders == 0)", false),
];

#[test]
fn an_arrow_is_dashed_if_inactivity_can_make_the_condition_true() {
    for (condition, by_time) in BY_TIME {
        let models = compile(&format!(
            "
model: shop
initial: a
facts:
  orders: count(order_completed)
  orders_30d: count(order_completed) over 30d
  orders_before: avg(order_completed.value) over 30d before 30d
  spend_30d: sum(order_completed.value) over 30d
  smallest_30d: min(order_completed.value) over 30d
  largest_30d: max(order_completed.value) over 30d
  average_30d: avg(order_completed.value) over 30d
  kinds_30d: count_distinct(order_completed.kind) over 30d
  first_order: first(order_completed)
  last_order: last(order_completed)
  rhythm: mean_gap(order_completed)
  score: latest(nps_answered.score)
  score_30d: latest(nps_answered.score) over 30d
  plan_30d: latest(order_completed.plan) over 30d
stages: {{ a: {{}}, b: {{}} }}
transitions: [{{ from: a, to: b, when: \"{condition}\" }}]
"
        ));
        let (dot, mermaid) = (draw(&models, GraphFormat::Dot), draw(&models, GraphFormat::Mermaid));
        let [arrow] = arrows(&dot, "a", "b").try_into().unwrap();
        assert_eq!(arrow.contains(", style=dashed]"), *by_time, "{condition}");
        assert_eq!(mermaid.contains("s0 -.->|"), *by_time, "{condition}");
        assert_eq!(mermaid.contains("s0 -->|"), !by_time, "{condition}");
    }
}

/// The tests of the presets are an oracle: a transition by a timer can be taken by time alone.
#[test]
fn transitions_by_timer_in_the_tests_of_the_presets_are_dashed() {
    let mut checked = 0;
    for preset in PRESETS {
        let models = preset.compile();
        let (model, dot) = (&models.list.raw[0], draw(&models, GraphFormat::Dot));
        for expected in model.tests.iter().flat_map(|example| &example.expect) {
            let Some(from) = expected.from.as_ref().filter(|from| !has_min_stay(model, from))
            else {
                continue;
            };
            if expected.cause.as_deref() != Some("timer") {
                continue;
            }
            let mut drawn = arrows(&dot, from, &expected.to);
            drawn.extend(arrows(&dot, "any other stage", &expected.to));
            let dashed = drawn.iter().any(|arrow| arrow.contains("style=dashed"));
            assert!(dashed, "{}: {from} -> {}", preset.name, expected.to);
            checked += 1;
        }
    }
    assert!(checked >= 20, "{checked}");
}

/// Whether a minimum stay can delay a transition by an event, so that a timer takes it.
fn has_min_stay(model: &Model, name: &str) -> bool {
    let stage = model.stages.iter().find(|stage| stage.name == name);
    stage.is_some_and(|stage| stage.min_dwell.0 > 0)
}

#[test]
fn every_transition_is_an_arrow_with_its_name_condition_and_hold() {
    let models = compile(
        "
model: shop
version: 7
description: Shoppers.
initial: new
facts: { orders: count(order_completed), last_order: last(order_completed) }
stages:
  new: { description: \"Just seen.\" }
  buyer: { min_dwell: 1d12h, reentry: after 3d }
  silent: { reentry: never }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: [new, buyer], to: silent, when: since(last_order) >= days(45), hold: 3d, cooldown: 90d, name: fell silent }
",
    );
    let dot = draw(&models, GraphFormat::Dot);
    assert!(dot.starts_with("digraph \"shop\" {\n"), "{dot}");
    assert!(dot.contains("label=\"shop, version 7\\nShoppers.\\n"), "{dot}");
    assert!(dot.contains("\"first event\" -> \"new\"\n"), "{dot}");
    let label = "fell silent\\nsince(last_order)\\n>= days(45)\\nfor 3d\\nnot again for 90d";
    for from in ["new", "buyer"] {
        assert_eq!(
            arrows(&dot, from, "silent"),
            [format!("    \"{from}\" -> \"silent\" [label=\"{label}\", style=dashed]")]
        );
    }
    assert_eq!(arrows(&dot, "new", "buyer"), ["    \"new\" -> \"buyer\" [label=\"orders >= 1\"]"]);
    assert!(dot.contains("\"new\" [label=\"new\\nJust seen.\"]"), "{dot}");
    let buyer = "\"buyer\" [label=\"buyer\\nstays at least 1d12h\\nagain 3d after leaving\"]";
    assert!(dot.contains(buyer), "{dot}");
    assert!(dot.contains("[label=\"silent\\nentered once\"]"), "{dot}");
    let mermaid = draw(&models, GraphFormat::Mermaid);
    assert!(mermaid.contains("\n    start --> s0\n"), "{mermaid}");
    assert_eq!(mermaid.matches("s1 -.->|").count(), 1, "{mermaid}");
    assert_eq!(mermaid.lines().count(), 12, "{mermaid}");
}

#[test]
fn a_transition_from_every_other_stage_is_one_arrow() {
    let preset = PRESETS.iter().find(|preset| preset.name == "rfm").unwrap();
    let models = preset.compile();
    let dot = draw(&models, GraphFormat::Dot);
    for stage in &models.list.raw[0].stages {
        assert_eq!(arrows(&dot, "any other stage", &stage.name).len(), 1);
    }
    assert_eq!(dot.matches(" -> ").count(), 13, "{dot}");
}

#[test]
fn long_texts_are_truncated_in_a_graph() {
    let models = compile(&format!(
        "
model: shop
initial: a
stages: {{ a: {{ description: {prose} }}, b: {{}} }}
transitions:
  - {{ from: a, to: b, when: \"{}\", name: {} }}
",
        vec!["order_completed"; 48].join(" || "),
        "ä".repeat(5_000),
        prose = "so ".repeat(50_000),
    ));
    let dot = draw(&models, GraphFormat::Dot);
    assert!(dot.len() < 2_000, "{}", dot.len());
    assert!(dot.contains(&format!("{}…\\norder_completed\\n", "ä".repeat(60))), "{dot}");
    let lines = dot.matches("|| order_completed").count();
    assert_eq!(lines, 11, "a line each, and one without an operator");
}

#[test]
fn the_graph_in_the_reference_is_that_of_the_retail_preset() {
    let [shown] = blocks("config/models/README.md", "mermaid").try_into().unwrap();
    let preset = PRESETS.iter().find(|preset| preset.name == "retail");
    assert_eq!(shown, draw(&preset.unwrap().compile(), GraphFormat::Mermaid));
}
