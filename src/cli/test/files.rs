//! Reads model files, and replaces them atomically.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::model::{Models, SourceFile};

/// The texts of the models' files as they are on disk, with their line ends. Fails if a file has changed since
/// `models` were loaded from it.
pub(super) fn read_texts(files: &[PathBuf], models: &Models) -> anyhow::Result<Vec<String>> {
    let pairs = files.iter().zip(&models.list);
    pairs
        .map(|(file, model)| {
            if !fs::metadata(file).is_ok_and(|it| it.is_file()) {
                bail!("{} is not a file that can be updated", file.display());
            }
            let text = read(file)?;
            let source = SourceFile { name: String::new(), text };
            if source.with_normalized_line_ends().text != model.source.text {
                bail!("{} changed while the tests ran: run the command again", file.display());
            }
            Ok(source.text)
        })
        .collect()
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Replaces the files that have a new text, each atomically, by renaming a temporary file in the same folder.
pub(super) fn write(
    files: &[PathBuf],
    old: &[String],
    new: &[Option<String>],
) -> anyhow::Result<()> {
    for ((file, old), new) in files.iter().zip(old).zip(new) {
        if let Some(new) = new {
            replace(file, old, new).with_context(|| format!("cannot update {}", file.display()))?;
        }
    }
    Ok(())
}

fn replace(file: &Path, old: &str, new: &str) -> anyhow::Result<()> {
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
    if read(&file)? != old {
        bail!("it changed while the tests ran: run the command again");
    }
    temporary.persist(&file)?;
    Ok(())
}
