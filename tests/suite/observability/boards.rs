//! Generates Grafana's dashboards from their descriptions, `deploy/grafana/*.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The version of Grafana's schema: that of Grafana 10.4. Later versions migrate it when they load it.
const SCHEMA_VERSION: u32 = 39;
/// Columns of the grid.
const COLUMNS: usize = 24;
/// What `$deployment` in an expression stands for: all processes, whichever are selected.
const DEPLOYMENT: &str = r#"namespace=~"$namespace", job=~"$job""#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Board {
    uid: String,
    title: String,
    description: String,
    /// The begin of the selected time, such as `now-3h`.
    from: String,
    /// Those in addition to datasource, namespace and job.
    variables: Vec<String>,
    row: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    title: String,
    panel: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Panel {
    title: String,
    r#type: PanelType,
    width: usize,
    height: Option<u32>,
    unit: String,
    /// What it shows.
    shows: String,
    /// What a good value looks like.
    good: String,
    #[serde(default)]
    stack: bool,
    #[serde(default)]
    bars: bool,
    /// Values can be negative.
    #[serde(default)]
    negative: bool,
    /// Without gaps where a value is unknown.
    #[serde(default)]
    connected: bool,
    max: Option<f64>,
    decimals: Option<u32>,
    /// By the name of a series. The others have a color that depends on their name.
    #[serde(default)]
    colors: BTreeMap<String, String>,
    /// Of a table, in this order; the others follow.
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    thresholds: Vec<Threshold>,
    query: Vec<Query>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PanelType {
    Timeseries,
    Stat,
    BarGauge,
    Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Threshold {
    color: String,
    /// Absent: from the lowest value on.
    from: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    expr: String,
    legend: String,
}

/// The dashboard, as Grafana imports it.
pub(super) fn generate(description: &str) -> String {
    let board: Board = toml::from_str(description).unwrap();
    let dashboard = json!({
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": ["tenure"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": false,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "",
        "time": { "from": board.from, "to": "now" },
        "annotations": { "list": board.annotations() },
        "links": [{
            "title": "Tenure", "type": "dashboards", "tags": ["tenure"], "asDropdown": false, "includeVars": true,
            "keepTime": true, "targetBlank": false, "icon": "external link", "tooltip": "", "url": "",
        }],
        "templating": { "list": board.variables() },
        "panels": board.panels(),
    });
    format!("{dashboard:#}\n")
}

impl Board {
    /// What `$target` in an expression stands for.
    fn target(&self) -> String {
        let mut filter = DEPLOYMENT.to_owned();
        if self.variables.iter().any(|name| name == "instance") {
            filter += r#", instance=~"$instance""#;
        }
        filter
    }

    /// Vertical lines, with which curves can be explained.
    fn annotations(&self) -> Vec<Json> {
        let target = self.target();
        vec![
            json!({
                "name": "Starts", "datasource": datasource(), "enable": true, "iconColor": "blue",
                "expr": format!("max by (instance) (process_start_time_seconds{{{target}}}) * 1000"),
                "useValueForTime": true, "titleFormat": "{{instance}} starts", "step": "1m",
            }),
            json!({
                "name": "Changes of models", "datasource": datasource(), "enable": true, "iconColor": "purple",
                "expr": format!("sum by (job) (increase(tenure_model_changes_total{{{target}}}[2m])) > 0"),
                "useValueForTime": false, "titleFormat": "{{job}}: partitions go over to other models", "step": "1m",
            }),
        ]
    }

    fn variables(&self) -> Vec<Json> {
        let mut list = vec![
            json!({
                "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "regex": "",
                "refresh": 1, "hide": 0, "skipUrlSync": false, "multi": false, "includeAll": false, "current": {}, "options": [],
            }),
            variable("namespace", "tenure_build_info", true),
            variable("job", r#"tenure_build_info{namespace=~"$namespace"}"#, false),
        ];
        let target = self.target();
        for name in &self.variables {
            let selector = match name.as_str() {
                "instance" => {
                    r#"tenure_build_info{namespace=~"$namespace", job=~"$job"}"#.to_owned()
                }
                "model" => format!("tenure_customers{{{target}}}"),
                "stage" => format!(r#"tenure_customers{{{target}, model=~"$model"}}"#),
                other => panic!("unknown variable {other}"),
            };
            let mut variable = variable(name, &selector, true);
            if name == "stage" {
                // The stages at risk of the presets; others are selected on the board.
                variable["current"] = json!({ "selected": true, "text": ["at_risk", "churned"], "value": ["at_risk", "churned"] });
                variable["label"] = json!("stages at risk");
            }
            list.push(variable);
        }
        list
    }

    /// Rows and panels. Each panel is placed as high as there is room, and there as far to the left.
    fn panels(&self) -> Vec<Json> {
        let (mut panels, mut heights) = (Vec::new(), [0; COLUMNS]);
        let mut place = |mut json: Json, width: usize, height: u32| {
            let below = |x: usize| heights[x..x + width].iter().copied().max().unwrap();
            let x = (0..=COLUMNS - width).min_by_key(|x| below(*x)).unwrap();
            let y = below(x);
            heights[x..x + width].fill(y + height);
            json["id"] = json!(panels.len() + 1);
            json["gridPos"] = json!({ "x": x, "y": y, "w": width, "h": height });
            panels.push(json);
        };
        for row in &self.row {
            let json =
                json!({ "type": "row", "title": row.title, "collapsed": false, "panels": [] });
            place(json, COLUMNS, 1);
            for panel in &row.panel {
                place(panel.to_json(&self.target()), panel.width, panel.height());
            }
        }
        panels
    }
}

/// A variable with the values of the label of its name.
fn variable(name: &str, selector: &str, has_all: bool) -> Json {
    let query = format!("label_values({selector}, {name})");
    let current = if has_all {
        json!({ "selected": true, "text": ["All"], "value": ["$__all"] })
    } else {
        json!({})
    };
    json!({
        "type": "query", "name": name, "label": name, "datasource": datasource(),
        "query": { "qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        "regex": "", "refresh": 2, "sort": 1, "hide": 0, "skipUrlSync": false, "options": [], "current": current,
        // Also matches targets without the label.
        "multi": has_all, "includeAll": has_all, "allValue": has_all.then_some(".*"),
    })
}

fn datasource() -> Json {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Panel {
    fn height(&self) -> u32 {
        let default = if self.r#type == PanelType::Stat { 4 } else { 8 };
        self.height.unwrap_or(default)
    }

    fn to_json(&self, target: &str) -> Json {
        // A value of an earlier time would look like the present one.
        let is_instant = self.r#type != PanelType::Timeseries;
        let queries = ('A'..).zip(&self.query).map(|(id, query)| {
            json!({
                "refId": id.to_string(),
                "datasource": datasource(),
                "editorMode": "code",
                "expr": query.expr.replace("$target", target).replace("$deployment", DEPLOYMENT),
                "legendFormat": query.legend,
                "instant": is_instant,
                "range": !is_instant,
                "format": if self.r#type == PanelType::Table { "table" } else { "time_series" },
            })
        });
        let mut panel = json!({
            "id": 0,
            "type": self.r#type.name(),
            "title": self.title,
            "description": format!("{}\n\n**Good:** {}", self.shows, self.good),
            "datasource": datasource(),
            "gridPos": {},
            "fieldConfig": { "defaults": self.field_defaults(), "overrides": self.overrides() },
            "options": self.options(),
            "targets": queries.collect::<Vec<Json>>(),
        });
        if self.r#type == PanelType::Table {
            let order: BTreeMap<&String, usize> = self.columns.iter().zip(0..).collect();
            panel["transformations"] = json!([
                { "id": "merge", "options": {} },
                { "id": "organize", "options": {
                    "excludeByName": self.excluded_columns(), "indexByName": order, "renameByName": {},
                } },
            ]);
        }
        panel
    }

    /// The columns that are equal in all rows, and the values of series that have none but their labels.
    fn excluded_columns(&self) -> Json {
        let has_values = self.columns.iter().any(|column| column == "Value");
        let mut excluded = json!({ "Time": true, "__name__": true, "alertstate": true });
        if !has_values {
            for column in ["Value", "Value #A", "Value #B"] {
                excluded[column] = json!(true);
            }
        }
        excluded
    }

    fn overrides(&self) -> Vec<Json> {
        let by_name = |name: &str, property: Json| json!({ "matcher": { "id": "byName", "options": name }, "properties": [property] });
        let color = |(name, color): (&String, &String)| {
            by_name(
                name,
                json!({ "id": "color", "value": { "mode": "fixed", "fixedColor": color } }),
            )
        };
        let mut overrides: Vec<Json> = self.colors.iter().map(color).collect();
        if let Some(name) = self.columns.iter().find(|column| *column == "alertname") {
            overrides.push(by_name(name, json!({ "id": "custom.width", "value": 260 })));
        }
        overrides
    }

    fn field_defaults(&self) -> Json {
        let default = [Threshold { color: "green".to_owned(), from: None }];
        let steps = if self.thresholds.is_empty() { &default[..] } else { &self.thresholds };
        let steps = steps.iter().map(|step| json!({ "color": step.color, "value": step.from }));
        let mut defaults = json!({
            "unit": self.unit,
            "color": { "mode": "palette-classic-by-name" },
            "mappings": [],
            "thresholds": { "mode": "absolute", "steps": steps.collect::<Vec<Json>>() },
        });
        // Extrapolation makes a count a fraction.
        let is_count = self.unit == "locale";
        if let Some(decimals) = self.decimals.or(is_count.then_some(0)) {
            defaults["decimals"] = json!(decimals);
        }
        if let Some(max) = self.max {
            defaults["max"] = json!(max);
        }
        match self.r#type {
            PanelType::Timeseries => defaults["custom"] = self.lines(),
            PanelType::Stat => {
                defaults["color"] = json!({ "mode": "thresholds" });
                defaults["noValue"] = json!("unknown");
            }
            PanelType::BarGauge | PanelType::Table => {}
        }
        if !self.negative {
            defaults["min"] = json!(0);
        }
        defaults
    }

    fn lines(&self) -> Json {
        let threshold = if self.thresholds.is_empty() { "off" } else { "dashed" };
        let soft_max = self.soft_max();
        let mut custom = json!({
            "drawStyle": if self.bars { "bars" } else { "line" },
            "lineWidth": 1, "fillOpacity": if self.bars || self.stack { 30 } else { 5 },
            "showPoints": "never", "spanNulls": self.connected,
            "stacking": { "group": "A", "mode": if self.stack { "normal" } else { "none" } },
            "thresholdsStyle": { "mode": threshold },
            "axisSoftMax": soft_max,
        });
        if self.negative {
            custom["axisSoftMin"] = json!(-soft_max);
        }
        custom
    }

    /// A line at 0 has an axis that shows the unit, and a threshold is not at the edge.
    fn soft_max(&self) -> f64 {
        let least = match self.unit.as_str() {
            "locale" => 4.0,
            "percentunit" => 0.1,
            "bytes" | "Bps" => f64::from(1 << 20),
            _ => 1.0,
        };
        match self.thresholds.iter().find_map(|threshold| threshold.from) {
            Some(from) if self.unit == "percentunit" => (2.0 * from).min(1.0),
            Some(from) if from <= least => least.max(2.0 * from),
            _ => least,
        }
    }

    fn options(&self) -> Json {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        match self.r#type {
            PanelType::Timeseries => json!({
                // Below, there is room for three series.
                "legend": { "displayMode": "table", "placement": if self.width < 12 { "bottom" } else { "right" }, "showLegend": true, "calcs": ["lastNotNull", "max"] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            PanelType::Stat => json!({
                "reduceOptions": last, "colorMode": "background", "graphMode": "none", "justifyMode": "auto",
                "orientation": "auto", "textMode": "auto",
            }),
            PanelType::BarGauge => json!({
                "reduceOptions": last, "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true,
                "valueMode": "color", "minVizWidth": 8, "minVizHeight": 16, "text": { "titleSize": 14, "valueSize": 16 },
            }),
            PanelType::Table => json!({ "showHeader": true, "cellHeight": "sm" }),
        }
    }
}

impl PanelType {
    fn name(self) -> &'static str {
        match self {
            PanelType::Timeseries => "timeseries",
            PanelType::Stat => "stat",
            PanelType::BarGauge => "bargauge",
            PanelType::Table => "table",
        }
    }
}
