//! The documents: their blocks, and the links between them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file, by its path from the root.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The files under a folder, without links.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// The fenced blocks of a language.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let (text, fence) = (read(page), format!("```{language}\n"));
    let begins = text.match_indices(&fence).map(|(at, _)| at + fence.len());
    begins.map(|at| text[at..].split("```").next().unwrap().to_owned()).collect()
}

/// The lines outside of fenced blocks.
pub(crate) fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        let is_fence = line.starts_with("```") && !line.starts_with("````");
        is_code ^= is_fence;
        if !is_code && !is_fence {
            prose += line;
            prose.push('\n');
        }
    }
    prose
}

/// Every page in Markdown, by its path from the root.
fn pages() -> Vec<String> {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|it| it == "md");
    let folders = ["config", "deploy", "tests", ".github"].into_iter();
    let found = folders.flat_map(|folder| files(&root().join(folder))).filter(is_page);
    let found = std::iter::once(root().join("README.md")).chain(found);
    let relative = |path: PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    found.map(relative).collect()
}

/// The links to the sections of a page, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let text = prose(text);
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let titles = titles.filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_');
    titles.map(|it| it.to_lowercase().replace(' ', "-").chars().filter(kept).collect()).collect()
}

#[test]
fn every_link_between_documents_leads_to_a_file_and_a_section_that_exist() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let code = Regex::new(r"(^|[^\[])`[^`\n]+`").unwrap();
    let (mut broken, mut count) = (Vec::new(), 0);
    for page in pages() {
        let text = prose(&read(&page));
        for found in link.captures_iter(&code.replace_all(&text, "$1")) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = root().join(&page);
            let file = if path.is_empty() { file } else { file.parent().unwrap().join(path) };
            let has_section = || {
                let text = fs::read_to_string(&file);
                anchor.is_empty() || text.is_ok_and(|text| anchors(&text).contains(anchor))
            };
            if !file.exists() || !has_section() {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(count > 100, "{count}");
    assert!(broken.is_empty(), "{broken:#?}");
}
