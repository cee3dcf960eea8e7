//! An HTML page that is self-contained: no scripts, fonts or other external resources.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{Series, legend};
use super::table::ReportTable;

const STYLE: &str = include_str!("style.css");

pub(super) fn page(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    (content)
                }
            }
        }
    };
    page.into_string()
}

/// A table; nothing without rows.
pub(super) fn table(table: &ReportTable) -> Markup {
    table_with(table, |_, _, text| cell(text))
}

/// A table whose first column is the row headers; nothing without rows. `cell` renders the other cells by row, column
/// and text.
pub(super) fn table_with(
    table: &ReportTable,
    cell: impl Fn(usize, usize, &str) -> Markup,
) -> Markup {
    let Some(first) = table.rows.first() else {
        return html! {};
    };
    html! {
        div.wide {
            table {
                caption { (table.caption) }
                thead {
                    tr {
                        @for (column, (name, text)) in table.header.iter().zip(first).enumerate() {
                            th scope="col" class=[number_class(text).filter(|_| column > 0)] { (name) }
                        }
                    }
                }
                tbody {
                    @for (row, cells) in table.rows.iter().enumerate() {
                        tr {
                            @for (column, text) in cells.iter().enumerate() {
                                @if column == 0 {
                                    th scope="row" { (text) }
                                } @else {
                                    (cell(row, column, text))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn cell(text: &str) -> Markup {
    html! { td class=[number_class(text)] { (text) } }
}

fn number_class(text: &str) -> Option<&'static str> {
    let is_number = text == "–" || text == "·" || text.starts_with(|c: char| c.is_ascii_digit());
    is_number.then_some("n")
}

/// A chart with its legend; a table next to it has the same numbers.
pub(super) fn figure(caption: &str, chart: &Markup, series: &[Series]) -> Markup {
    html! {
        figure {
            figcaption { (caption) }
            (chart)
            @if !series.is_empty() {
                (legend(series))
            }
        }
    }
}
