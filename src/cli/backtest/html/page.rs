//! Builds the HTML page from headings, paragraphs, tables and figures; all text is escaped here.

use super::chart::Series;
use crate::cli::backtest::tables::ReportTable;

const STYLE: &str = include_str!("style.css");

/// Escapes text for elements and attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

/// A page under construction.
pub(super) struct HtmlPage {
    html: String,
    in_section: bool,
}

/// A table cell.
pub(super) struct Cell {
    markup: String,
    class: Option<&'static str>,
    shade: Option<f64>,
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell {
            markup: escape(&text),
            class: is_number(&text).then_some("n"),
            shade: None,
        }
    }
}

impl Cell {
    /// A count with a shade from 0 to 1 (darkest); `is_same` selects the tone.
    pub(super) fn shaded(text: &str, shade: f64, is_same: bool) -> Cell {
        Cell {
            markup: escape(text),
            class: Some(if is_same { "n same" } else { "n other" }),
            shade: Some(shade),
        }
    }

    /// A cell with markup, which must be escaped already.
    pub(super) fn markup(markup: String) -> Cell {
        Cell {
            markup,
            class: None,
            shade: None,
        }
    }
}

fn is_number(text: &str) -> bool {
    text == "–" || text == "·" || text.starts_with(|c: char| c.is_ascii_digit())
}

impl HtmlPage {
    pub(super) fn new(title: &str) -> HtmlPage {
        let title = escape(title);
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        );
        HtmlPage {
            html,
            in_section: false,
        }
    }

    pub(super) fn section(&mut self, title: &str) {
        self.close_section();
        self.in_section = true;
        self.html += &format!("<section>\n<h2>{}</h2>\n", escape(title));
    }

    fn close_section(&mut self) {
        if std::mem::take(&mut self.in_section) {
            self.html += "</section>\n";
        }
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.html += &format!("<p>{}</p>\n", escape(text));
    }

    pub(super) fn list(&mut self, items: &[String]) {
        self.html += "<ul>\n";
        for item in items {
            self.html += &format!("<li>{}</li>\n", escape(item));
        }
        self.html += "</ul>\n";
    }

    /// A table of text; nothing without rows.
    pub(super) fn table(&mut self, table: &ReportTable) {
        let cells = |row: &Vec<String>| row.iter().cloned().map(Cell::from).collect();
        let rows = table.rows.iter().map(cells).collect();
        self.cells(&table.caption, &table.header, rows);
    }

    /// A table whose first column is the row headers; nothing without rows.
    pub(super) fn cells(&mut self, caption: &str, header: &[String], rows: Vec<Vec<Cell>>) {
        let Some(first) = rows.first() else {
            return;
        };
        let numbers: Vec<bool> = first.iter().map(|cell| cell.class.is_some()).collect();
        self.html += &format!(
            "<div class=\"wide\"><table>\n<caption>{}</caption>\n<thead><tr>",
            escape(caption)
        );
        for (at, (name, number)) in header.iter().zip(numbers).enumerate() {
            let class = if number && at > 0 { " class=\"n\"" } else { "" };
            self.html += &format!("<th scope=\"col\"{class}>{}</th>", escape(name));
        }
        self.html += "</tr></thead>\n<tbody>\n";
        for row in rows {
            self.html += "<tr>";
            for (at, cell) in row.iter().enumerate() {
                let class = cell
                    .class
                    .filter(|_| at > 0)
                    .map(|class| format!(" class=\"{class}\""));
                let shade = cell
                    .shade
                    .map(|shade| format!(" style=\"--shade:{shade:.3}\""));
                let attributes = class.unwrap_or_default() + &shade.unwrap_or_default();
                self.html += &if at == 0 {
                    format!("<th scope=\"row\">{}</th>", cell.markup)
                } else {
                    format!("<td{attributes}>{}</td>", cell.markup)
                };
            }
            self.html += "</tr>\n";
        }
        self.html += "</tbody>\n</table></div>\n";
    }

    /// Figures up to [`HtmlPage::end_figures`] are side by side if there is room.
    pub(super) fn begin_figures(&mut self) {
        self.html += "<div class=\"figures\">\n";
    }

    pub(super) fn end_figures(&mut self) {
        self.html += "</div>\n";
    }

    /// A figure with a legend; a table next to it has the same numbers.
    pub(super) fn figure(&mut self, caption: &str, picture: &str, series: &[Series]) {
        self.html += &format!(
            "<figure>\n<figcaption>{}</figcaption>\n{picture}",
            escape(caption)
        );
        self.legend(series);
        self.html += "</figure>\n";
    }

    pub(super) fn legend(&mut self, series: &[Series]) {
        if series.is_empty() {
            return;
        }
        self.html += "<ul class=\"legend\">\n";
        for item in series {
            self.html += &format!("<li>{} {}</li>\n", item.swatch(), escape(&item.name));
        }
        self.html += "</ul>\n";
    }

    pub(super) fn finish(mut self) -> String {
        self.close_section();
        self.html + "</main>\n</body>\n</html>\n"
    }
}
