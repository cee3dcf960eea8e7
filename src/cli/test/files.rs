//! Reads model files, and replaces them atomically.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use crate::model::{Model, normalize_line_ends};

/// The text of a model's file as it is on disk, with its line ends. Fails if it is not the one that was loaded.
pub(super) fn read(file: &Path, model: &Model) -> anyhow::Result<String> {
    if !fs::metadata(file).is_ok_and(|it| it.is_file()) {
        bail!("{} is not a file that can be updated", file.display());
    }
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    if normalize_line_ends(&text) != model.source.text {
        bail!("{} changed while the tests ran: run the command again", file.display());
    }
    Ok(text)
}

/// Replaces a model's file by renaming a temporary file in the same folder.
pub(super) fn replace(file: &Path, model: &Model, new: &str) -> anyhow::Result<()> {
    // Replaces the target of a symbolic link, not the link.
    let file = fs::canonicalize(file)?;
    let permissions = fs::metadata(&file)?.permissions();
    if permissions.readonly() {
        bail!("it is read-only");
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(new.as_bytes())?;
    temporary.as_file().set_permissions(permissions)?;
    temporary.as_file().sync_all()?;
    // An editor may have saved the file since it was read.
    read(&file, model)?;
    temporary.persist(&file)?;
    Ok(())
}
