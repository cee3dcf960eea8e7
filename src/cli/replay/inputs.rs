//! The files that a replay reads.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cli::places::Places;
use crate::cli::say;
use crate::event::{Decoder, Limits};
use crate::files::{self, Merged, Order};
use crate::model::{Models, visible};
use crate::runtime::story::Ended;

/// Opens the files; which of them are sorted first is told.
pub(in crate::cli) fn open(
    inputs: &[PathBuf],
    places: &Places,
    models: &Models,
    order: Order,
    scratch: &Path,
) -> Result<Merged, files::Error> {
    let decoder = Decoder::new(
        places.mapping(),
        models.vocabulary.clone(),
        models.money(),
        Limits::default(),
    );
    let sorting = |path: &Path| {
        say(&format!(
            "{} is not in time order; sorting it first",
            path.display()
        ));
    };
    Merged::open(inputs, &decoder, order, scratch, sorting)
}

/// What cannot be meant: to read twice what can be read once.
pub(in crate::cli) fn misuse(inputs: &[PathBuf]) -> Option<String> {
    let once = |path: &Path| path.as_os_str() == "-" || !path.is_file();
    for (at, path) in inputs.iter().enumerate() {
        let mut before = inputs[..at].iter();
        if once(path) && before.any(|other| once(other) && is_same_file(other, path)) {
            return Some(format!("{} can be read once only", path.display()));
        }
    }
    None
}

/// The files as they were named.
pub(in crate::cli) fn names(inputs: &[PathBuf]) -> Vec<String> {
    inputs
        .iter()
        .map(|path| path.display().to_string())
        .collect()
}

/// That no event is of a customer; who reads it learns of rows that could have been.
pub(in crate::cli) fn nobody(inputs: &[PathBuf], customer: &str, ended: &Ended) -> String {
    let text = format!("error: there is no event of {}", visible(customer));
    let Some((rejected, reason, first)) = ended.rejected else {
        return text;
    };
    format!(
        "{text}; {rejected} rows were rejected, the first at {}:{}: {reason}{}",
        inputs[first.input as usize].display(),
        first.offset,
        reason.advice()
    )
}

/// Whether both name one file that exists.
pub(in crate::cli) fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let standard_input = path.as_os_str() == "-";
        let path = if standard_input {
            Path::new("/dev/stdin")
        } else {
            path
        };
        fs::metadata(path).map(|found| (found.dev(), found.ino()))
    };
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}
