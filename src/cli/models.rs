//! `tenure models`: the models that ship with the program, as list, file and picture.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value as Json, json};

use super::{Exit, Format, load, say};
use crate::model::{Drawing, Models, PRESETS, Preset, did_you_mean, graph, visible};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Presets {
    #[command(subcommand)]
    command: Option<Command>,
    /// How the list is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the file of a model that ships with the program.
    Show {
        /// Its name.
        #[arg(value_name = "NAME", value_parser = Named)]
        preset: &'static Preset,
    },
    /// Draw a model: stages, and what leads from one to another.
    ///
    /// Prints the text of the picture. Mermaid is drawn by GitHub, GitLab and many editors, where it stands in
    /// a block that begins with ```mermaid; `dot -Tsvg` draws the other.
    Graph {
        /// The name of a model that ships with the program, or a model file.
        #[arg(value_name = "NAME_OR_FILE")]
        model: PathBuf,
        /// What shall draw it.
        #[arg(long, value_enum, default_value_t)]
        format: Picture,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Picture {
    /// Mermaid.
    #[default]
    Mermaid,
    /// Graphviz.
    Dot,
}

impl Presets {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        match &self.command {
            None => list(self.format),
            Some(Command::Show { preset }) => {
                io::stdout().write_all(preset.text.as_bytes())?;
                Ok(Exit::Ok)
            }
            Some(Command::Graph { model, format }) => draw(model, *format),
        }
    }
}

fn list(format: Format) -> anyhow::Result<Exit> {
    let compiled: Vec<Models> = PRESETS.iter().map(Preset::compiled).collect();
    let models = compiled.iter().flat_map(|models| &models.list);
    let mut out = io::stdout().lock();
    if format == Format::Json {
        let models = models.map(|model| {
            json!({
                "name": model.name,
                "version": model.version,
                "description": model.description,
                "stages": model.stages.iter().map(|stage| &stage.name).collect::<Vec<_>>(),
            })
        });
        writeln!(out, "{:#}", models.collect::<Json>())?;
        return Ok(Exit::Ok);
    }
    let width = PRESETS.iter().map(|preset| preset.name.len()).max();
    let width = width.unwrap_or_default();
    for model in models {
        let description = model.description.as_deref().unwrap_or_default();
        writeln!(out, "{:width$}  {description}", model.name)?;
    }
    say(
        "\n`tenure models show NAME` prints one, `tenure models graph NAME` draws it,\n\
         and `tenure new NAME` makes a copy to start from.",
    );
    Ok(Exit::Ok)
}

fn draw(model: &Path, format: Picture) -> anyhow::Result<Exit> {
    let preset = model.to_str().and_then(Preset::named);
    let compiled = match preset {
        Some(preset) => preset.compiled(),
        None if is_file(model) => match load(&[model.to_owned()])? {
            Some((models, _)) => models,
            None => return Ok(Exit::Configuration),
        },
        None => {
            let unknown = unknown(&model.to_string_lossy());
            say(&format!(
                "error: {unknown}\n  a model file is named with its ending or folder: ./{}",
                visible(&model.to_string_lossy())
            ));
            return Ok(Exit::Usage);
        }
    };
    let drawing = match format {
        Picture::Mermaid => Drawing::Mermaid,
        Picture::Dot => Drawing::Dot,
    };
    let mut out = io::stdout().lock();
    for model in &compiled.list {
        out.write_all(graph(model, &compiled.slots, drawing).as_bytes())?;
    }
    Ok(Exit::Ok)
}

/// Whether it is meant as a file, be there one or not: names have neither folder nor ending.
fn is_file(model: &Path) -> bool {
    model.exists() || model.extension().is_some() || model.components().count() > 1
}

/// That there is no such preset, and which there are.
fn unknown(name: &str) -> String {
    let names = || PRESETS.iter().map(|preset| preset.name);
    let hint = did_you_mean(name, names()).map_or_else(String::new, |hint| format!("\n  {hint}"));
    format!(
        "no model called `{}` ships with the program{hint}\n  there are {}",
        visible(name),
        names().collect::<Vec<_>>().join(", ")
    )
}

/// The name of a preset on the command line; shells complete it.
#[derive(Clone)]
pub(super) struct Named;

impl TypedValueParser for Named {
    type Value = &'static Preset;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<&'static Preset, clap::Error> {
        let name = value.to_string_lossy();
        let unknown = || clap::Error::raw(ErrorKind::InvalidValue, unknown(&name) + "\n");
        Preset::named(&name).ok_or_else(|| unknown().with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = PRESETS.iter().map(|preset| PossibleValue::new(preset.name));
        Some(Box::new(names))
    }
}
