//! Model files that are written anew: as a whole or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::model::{Models, SourceFile};

/// The texts of the models' files as they stand there, line ends included.
pub(super) fn read_texts(files: &[PathBuf], models: &Models) -> anyhow::Result<Vec<String>> {
    let each = files.iter().zip(&models.list);
    each.map(|(file, model)| {
        if !fs::metadata(file).is_ok_and(|it| it.is_file()) {
            bail!("{} is no file that could be updated", file.display());
        }
        let text = read(file)?;
        let source = SourceFile {
            name: String::new(),
            text,
        };
        if source.with_normalized_line_ends().text != model.source.text {
            bail!("{} has changed meanwhile: try again", file.display());
        }
        Ok(source.text)
    })
    .collect()
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Puts the new texts in place of the old ones. Each file is replaced in one step, by one beside it.
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
    // A link stays a link.
    let file = fs::canonicalize(file)?;
    let permissions = fs::metadata(&file)?.permissions();
    if permissions.readonly() {
        bail!("it is read-only");
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(new.as_bytes())?;
    beside.as_file().set_permissions(permissions)?;
    beside.as_file().sync_all()?;
    if read(&file)? != old {
        bail!("it has changed meanwhile: try again");
    }
    beside.persist(&file)?;
    Ok(())
}
