//! The files that a replay reads.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cli::places::Places;
use crate::cli::say;
use crate::event::{Decoder, EventTime, Millis};
use crate::files::{self, Ends, Merged, Order};
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
        places.limits(),
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

/// That a single event sets the end of time, which may be a mistake; nothing where somebody has said when it ends.
pub(in crate::cli) fn tell_outlier(
    inputs: &[PathBuf],
    ends: Option<Ends>,
    until: Option<EventTime>,
) {
    let outlier = ends.filter(|_| until.is_none());
    let Some(outlier) = outlier.and_then(|ends| ends.outlier()) else {
        return;
    };
    let days = outlier.at.since(outlier.before).0 / Millis::DAY.0;
    say(&format!(
        "note: the last event, {}:{} of {}, is {days} days after all others, and time goes on up to it: whoever did \
         nothing in between is taken to have been silent. If it is a mistake, leave it out with --until {}",
        visible(
            &inputs[outlier.position.input as usize]
                .display()
                .to_string()
        ),
        outlier.position.offset,
        outlier.at,
        outlier.before,
    ));
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
