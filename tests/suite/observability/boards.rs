//! Generates Grafana's dashboards from their descriptions, `deploy/grafana/*.toml`.

use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The version of Grafana's schema: that of Grafana 10.4. Later versions migrate it when they load it.
const SCHEMA_VERSION: u32 = 39;
/// Columns of the grid.
const COLUMNS: u32 = 24;

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
    width: u32,
    height: Option<u32>,
    unit: String,
    /// What it shows.
    shows: String,
    /// What a good value looks like.
    good: String,
    #[serde(default)]
    stack: bool,
    max: Option<f64>,
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
        "annotations": { "list": [] },
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
        let mut filter = r#"namespace=~"$namespace", job=~"$job""#.to_owned();
        if self.variables.iter().any(|name| name == "instance") {
            filter += r#", instance=~"$instance""#;
        }
        filter
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

    /// Rows and panels, placed from left to right.
    fn panels(&self) -> Vec<Json> {
        let (mut panels, mut y) = (Vec::new(), 0);
        for row in &self.row {
            panels.push(json!({
                "id": panels.len() + 1, "type": "row", "title": row.title, "collapsed": false, "panels": [],
                "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
            }));
            y += 1;
            let (mut x, mut line_height) = (0, 0);
            for panel in &row.panel {
                if x + panel.width > COLUMNS {
                    (x, y, line_height) = (0, y + line_height, 0);
                }
                let height = panel.height();
                let mut json = panel.to_json(&self.target());
                json["id"] = json!(panels.len() + 1);
                json["gridPos"] = json!({ "x": x, "y": y, "w": panel.width, "h": height });
                panels.push(json);
                x += panel.width;
                line_height = line_height.max(height);
            }
            y += line_height;
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
        let is_instant = matches!(self.r#type, PanelType::BarGauge | PanelType::Table);
        let queries = ('A'..).zip(&self.query).map(|(id, query)| {
            json!({
                "refId": id.to_string(),
                "datasource": datasource(),
                "editorMode": "code",
                "expr": query.expr.replace("$target", target),
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
            "fieldConfig": { "defaults": self.field_defaults(), "overrides": [] },
            "options": self.options(),
            "targets": queries.collect::<Vec<Json>>(),
        });
        if self.r#type == PanelType::Table {
            // Without the columns that are equal in all rows.
            panel["transformations"] = json!([
                { "id": "merge", "options": {} },
                { "id": "organize", "options": {
                    "excludeByName": { "Time": true, "__name__": true, "alertstate": true }, "indexByName": {}, "renameByName": {},
                } },
            ]);
        }
        panel
    }

    fn field_defaults(&self) -> Json {
        let default = [Threshold { color: "green".to_owned(), from: None }];
        let steps = if self.thresholds.is_empty() { &default[..] } else { &self.thresholds };
        let steps = steps.iter().map(|step| json!({ "color": step.color, "value": step.from }));
        let mut defaults = json!({
            "unit": self.unit,
            "color": { "mode": "palette-classic" },
            "mappings": [],
            "thresholds": { "mode": "absolute", "steps": steps.collect::<Vec<Json>>() },
        });
        if let Some(max) = self.max {
            defaults["max"] = json!(max);
        }
        match self.r#type {
            PanelType::Timeseries => {
                let line = if self.thresholds.is_empty() { "off" } else { "dashed" };
                defaults["custom"] = json!({
                    "drawStyle": "line", "lineWidth": 1, "fillOpacity": if self.stack { 30 } else { 5 },
                    "showPoints": "never", "spanNulls": false,
                    "stacking": { "group": "A", "mode": if self.stack { "normal" } else { "none" } },
                    "thresholdsStyle": { "mode": line },
                });
            }
            PanelType::Stat => defaults["color"] = json!({ "mode": "thresholds" }),
            PanelType::BarGauge | PanelType::Table => {}
        }
        // Differences of times can be negative.
        if self.unit != "s" {
            defaults["min"] = json!(0);
        }
        defaults
    }

    fn options(&self) -> Json {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        match self.r#type {
            PanelType::Timeseries => json!({
                "legend": { "displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            PanelType::Stat => json!({
                "reduceOptions": last, "colorMode": "background", "graphMode": "none", "justifyMode": "auto",
                "orientation": "auto", "textMode": "auto",
            }),
            PanelType::BarGauge => json!({
                "reduceOptions": last, "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true,
                "valueMode": "color", "minVizWidth": 8, "minVizHeight": 16,
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
