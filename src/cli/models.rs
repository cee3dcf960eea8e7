//! `tenure models`: lists, prints and draws the models that ship with the program.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value as Json, json};

use super::{Exit, OutputFormat, load_models, print_stderr};
use crate::authoring::{GraphFormat, PRESETS, Preset, render_graph};
use crate::model::{Models, did_you_mean, sanitize_for_terminal};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ModelsArgs {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
    /// How the list is printed.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Print the file of a model that ships with the program.
    Show {
        /// The name of the model.
        #[arg(value_name = "NAME", value_parser = PresetNameParser)]
        preset: &'static Preset,
    },
    /// Draw a model: its stages and transitions.
    ///
    /// Prints the source of the diagram. GitHub, GitLab and many editors render Mermaid in a code block that begins
    /// with ```mermaid; `dot -Tsvg` renders Graphviz.
    Graph {
        /// The name of a model that ships with the program, or a model file.
        #[arg(value_name = "NAME_OR_FILE")]
        model: PathBuf,
        /// The diagram language.
        #[arg(long, value_enum, default_value_t)]
        format: GraphFormatArg,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum GraphFormatArg {
    /// Mermaid.
    #[default]
    Mermaid,
    /// Graphviz.
    Dot,
}

impl ModelsArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        match &self.command {
            None => print_list(self.format),
            Some(ModelsCommand::Show { preset }) => {
                io::stdout().write_all(preset.text.as_bytes())?;
                Ok(Exit::Ok)
            }
            Some(ModelsCommand::Graph { model, format }) => draw(model, *format),
        }
    }
}

fn print_list(format: OutputFormat) -> anyhow::Result<Exit> {
    let compiled: Vec<Models> = PRESETS.iter().map(Preset::compile).collect();
    let models = compiled.iter().flat_map(|models| &models.list);
    let mut out = io::stdout().lock();
    if format == OutputFormat::Json {
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
    print_stderr(
        "\n`tenure models show NAME` prints a model, `tenure models graph NAME` draws it,\n\
         and `tenure new NAME` makes a copy as a starting point.",
    );
    Ok(Exit::Ok)
}

fn draw(model: &Path, format: GraphFormatArg) -> anyhow::Result<Exit> {
    let preset = model.to_str().and_then(Preset::find);
    let compiled = match preset {
        Some(preset) => preset.compile(),
        None if is_file_path(model) => match load_models(&[model.to_owned()])? {
            Some((models, _)) => models,
            None => return Ok(Exit::Configuration),
        },
        None => {
            let message = unknown_preset_message(&model.to_string_lossy());
            print_stderr(&format!(
                "error: {message}\n  name a model file with its extension or folder: ./{}",
                sanitize_for_terminal(&model.to_string_lossy())
            ));
            return Ok(Exit::Usage);
        }
    };
    let format = match format {
        GraphFormatArg::Mermaid => GraphFormat::Mermaid,
        GraphFormatArg::Dot => GraphFormat::Dot,
    };
    let mut out = io::stdout().lock();
    for model in &compiled.list {
        out.write_all(render_graph(model, &compiled.slots, format).as_bytes())?;
    }
    Ok(Exit::Ok)
}

/// Whether the argument is a file path rather than the name of a preset, which has neither a folder nor an extension.
fn is_file_path(model: &Path) -> bool {
    model.exists() || model.extension().is_some() || model.components().count() > 1
}

fn unknown_preset_message(name: &str) -> String {
    let names = || PRESETS.iter().map(|preset| preset.name);
    let hint = did_you_mean(name, names()).map_or_else(String::new, |hint| format!("\n  {hint}"));
    format!(
        "no model called `{}` ships with the program{hint}\n  the models are {}",
        sanitize_for_terminal(name),
        names().collect::<Vec<_>>().join(", ")
    )
}

/// Parses the name of a preset; its possible values are the completions of shells.
#[derive(Clone)]
pub(super) struct PresetNameParser;

impl TypedValueParser for PresetNameParser {
    type Value = &'static Preset;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<&'static Preset, clap::Error> {
        let name = value.to_string_lossy();
        let message = || unknown_preset_message(&name) + "\n";
        let error = || clap::Error::raw(ErrorKind::InvalidValue, message()).with_cmd(command);
        Preset::find(&name).ok_or_else(error)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = PRESETS.iter().map(|preset| PossibleValue::new(preset.name));
        Some(Box::new(names))
    }
}
