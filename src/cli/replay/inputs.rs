//! The files that a replay reads.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cli::mapping::MappingArgs;
use crate::cli::print_stderr;
use crate::event::{Decoder, EventTime, Millis};
use crate::files::{self, HistoryRange, InputOrder, MergedInputs};
use crate::model::{Models, sanitize_for_terminal};
use crate::runtime::timeline::TimelineEnd;

/// Opens the files; which of them are sorted first is told.
pub(in crate::cli) fn open(
    inputs: &[PathBuf],
    places: &MappingArgs,
    models: &Models,
    order: InputOrder,
    scratch: &Path,
) -> Result<MergedInputs, files::Error> {
    let decoder = Decoder::new(
        places.mapping(),
        models.vocabulary.clone(),
        models.currency_rates(),
        places.limits(),
    );
    let sorting = |path: &Path| {
        print_stderr(&format!(
            "{} is not in time order; sorting it first",
            path.display()
        ));
    };
    MergedInputs::open(inputs, &decoder, order, scratch, sorting)
}

/// What cannot be meant: to read twice what can be read once.
pub(in crate::cli) fn usage_problem(inputs: &[PathBuf]) -> Option<String> {
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
pub(in crate::cli) fn warn_of_outlier(
    inputs: &[PathBuf],
    ends: Option<HistoryRange>,
    until: Option<EventTime>,
) {
    let outlier = ends.filter(|_| until.is_none());
    let Some(outlier) = outlier.and_then(|ends| ends.outlier()) else {
        return;
    };
    let days = outlier.at.duration_since(outlier.before).0 / Millis::DAY.0;
    print_stderr(&format!(
        "note: the last event, {}:{} of {}, is {days} days after all others, and time goes on up to it: whoever did \
         nothing in between is taken to have been silent. If it is a mistake, leave it out with --until {}",
        sanitize_for_terminal(
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
pub(in crate::cli) fn file_names(inputs: &[PathBuf]) -> Vec<String> {
    inputs
        .iter()
        .map(|path| path.display().to_string())
        .collect()
}

/// That no event is of a customer; who reads it learns of rows that could have been.
pub(in crate::cli) fn unknown_customer_error(
    inputs: &[PathBuf],
    customer: &str,
    ended: &TimelineEnd,
) -> String {
    let text = format!(
        "error: there is no event of {}",
        sanitize_for_terminal(customer)
    );
    let Some((rejected, reason, first)) = ended.rejected else {
        return text;
    };
    format!(
        "{text}; {rejected} rows were rejected, the first at {}:{}: {reason}{}",
        inputs[first.input as usize].display(),
        first.offset,
        reason.hint()
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
