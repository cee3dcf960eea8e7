//! The input files of `tenure replay` and `tenure backtest`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cli::event_files::{FileArgs, print_detected, shell_word};
use crate::cli::mapping::MappingArgs;
use crate::cli::print_stderr;
use crate::event::{Decoder, EventTime, Millis};
use crate::files::{self, HistoryRange, InputNotice, InputOrder, MergedInputs};
use crate::model::{Models, sanitize_for_terminal};
use crate::offline::timeline::TimelineEnd;

/// Opens the files, and returns the decoder of each too; prints which of them are written in an unusual way, and which have to be sorted first.
pub(in crate::cli) fn open(
    inputs: &[PathBuf],
    (mapping, files): (&MappingArgs, &FileArgs),
    models: &Models,
    order: InputOrder,
    scratch: &Path,
) -> anyhow::Result<(MergedInputs, Vec<Decoder>)> {
    let decoders = mapping.decoders(inputs, models)?;
    let notify = |path: &Path, notice: InputNotice<'_>| match notice {
        InputNotice::Detected(detected) => print_detected(path, detected),
        InputNotice::Unsorted => {
            print_stderr(&format!("{} is not in time order; sorting it first", path.display()));
        }
    };
    let merged = MergedInputs::open(inputs, &files.options(), &decoders, order, scratch, notify)
        .map_err(with_remedy)?;
    Ok((merged, decoders))
}

/// The error, with the command that finds out how the columns of a file are to be mapped.
fn with_remedy(error: files::Error) -> anyhow::Error {
    match &error {
        files::Error::Header { path, .. } => {
            let file = shell_word(&path.display().to_string());
            anyhow::anyhow!("{error}; `tenure check --sample {file}` proposes a mapping")
        }
        _ => error.into(),
    }
}

/// The problem that an input that can be read only once, such as a pipe, is named twice.
pub(in crate::cli) fn usage_problem(inputs: &[PathBuf]) -> Option<String> {
    let is_read_once = |path: &Path| path.as_os_str() == "-" || !path.is_file();
    for (at, path) in inputs.iter().enumerate() {
        let mut before = inputs[..at].iter();
        if is_read_once(path)
            && before.any(|other| is_read_once(other) && is_same_file(other, path))
        {
            return Some(format!("{} can be read once only", path.display()));
        }
    }
    None
}

/// Warns if a single event, long after all others, sets the end of the history; not with `--until`.
pub(in crate::cli) fn warn_of_outlier(
    inputs: &[PathBuf],
    range: Option<HistoryRange>,
    until: Option<EventTime>,
) {
    let range = range.filter(|_| until.is_none());
    let Some(outlier) = range.and_then(|range| range.outlier()) else {
        return;
    };
    let days = outlier.at.duration_since(outlier.before).0 / Millis::DAY.0;
    print_stderr(&format!(
        "note: the last event, {}:{} of {}, is {days} days after all others. Time advances up to it, so all customers \
         are inactive in between. If this event is a mistake, exclude it with --until {}",
        sanitize_for_terminal(&inputs[outlier.position.input as usize].display().to_string()),
        outlier.position.line_text(),
        outlier.at,
        outlier.before,
    ));
}

pub(in crate::cli) fn file_names(inputs: &[PathBuf]) -> Vec<String> {
    inputs.iter().map(|path| path.display().to_string()).collect()
}

/// The error that a customer has no events; mentions rejected rows, which may have been theirs.
pub(in crate::cli) fn unknown_customer_error(
    inputs: &[PathBuf],
    customer: &str,
    end: &TimelineEnd,
) -> String {
    let text = format!("error: there are no events of {}", sanitize_for_terminal(customer));
    let Some((rejected, reason, first)) = end.rejected else {
        return text;
    };
    format!(
        "{text}; {rejected} rows were rejected, the first at {}:{}: {reason}{}",
        inputs[first.input as usize].display(),
        first.line_text(),
        reason.hint()
    )
}

/// Whether both paths lead to the same existing file.
pub(in crate::cli) fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let path = if path.as_os_str() == "-" { Path::new("/dev/stdin") } else { path };
        fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
    };
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}
