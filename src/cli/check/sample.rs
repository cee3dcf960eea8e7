//! `tenure check --sample`: reads the beginning of a file of events and proposes a mapping for it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::sample_report::{SampleReport, command_line};
use super::trial::{self, Attempt, Trial};
use crate::cli::event_files::FileArgs;
use crate::cli::mapping::{MappingArgs, mapping_of};
use crate::event::{CurrencyRates, Decoder, Field, FieldKind, Mapping, RecordLimits, Vocabulary};
use crate::files::{self, FileOptions, FileSample};
use crate::model::Models;
use crate::sample::{self, Profile, Proposal, ProposalContext, names_by_form};

#[derive(Debug, Args)]
pub(super) struct SampleArgs {
    /// A file of events, as for replay: reads its first 10,000 records (at most 16 MiB), says what is not understood,
    /// and proposes a mapping, to standard output, with the command that uses it. With model files the proposal is for
    /// what these read.
    #[arg(long = "sample", value_name = "EVENTS")]
    file: Option<PathBuf>,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    files: FileArgs,
}

impl SampleArgs {
    pub(super) fn is_given(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn usage_problem(&self) -> Option<String> {
        let is_without = self.file.is_none() && (self.mapping.is_given() || self.files.is_given());
        is_without.then(|| "how files are read needs a file: --sample EVENTS".to_owned())
    }

    /// Reads the sample and tries the mappings that its columns suggest.
    pub(super) fn read(
        &self,
        models: &Models,
        model_files: &[PathBuf],
    ) -> anyhow::Result<Option<SampleReport>> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        self.mapping.check(std::slice::from_ref(file))?;
        let settings = self.mapping.settings(file, 0)?;
        let mapping =
            mapping_of(&settings).map_err(|problem| anyhow::anyhow!("--map: {problem}"))?;
        let reader = SampleReader {
            file,
            context: ProposalContext {
                settings: &settings,
                mapping: &mapping,
                vocabulary: &models.vocabulary,
            },
            vocabulary: &vocabulary_of(models),
            money: &self.mapping.money(models),
            limits: &self.mapping.limits(),
        };
        let options = self.files.options();
        let mut attempt = reader.attempt(&options)?;
        let mut flags = [self.files.flags(), self.mapping.other_flags()].concat();
        if let Some((flag, other)) = reader.other_form(&attempt, &options)? {
            flags.push(flag);
            // What was read is reported of the file as it was to be read.
            let Attempt { decoder, reading, .. } = attempt;
            attempt = Attempt { decoder, reading, ..other };
        } else if attempt.has_values_as_names() && !attempt.is_anything_read() {
            // What would be proposed would name values.
            (attempt.best, attempt.profile) = (None, Profile::default());
        }
        let command = attempt.best.as_ref().map(|it| command_line(it, model_files, &flags, file));
        let (file, models) = (file.clone(), models.clone());
        Ok(Some(SampleReport { file, settings, models, attempt, command }))
    }
}

/// What a sample is read with.
struct SampleReader<'r> {
    file: &'r Path,
    context: ProposalContext<'r>,
    vocabulary: &'r Vocabulary,
    money: &'r CurrencyRates,
    limits: &'r RecordLimits,
}

impl SampleReader<'_> {
    fn decoder(&self, mapping: &Mapping, money: &CurrencyRates) -> Decoder {
        let (vocabulary, limits) = (self.vocabulary.clone(), self.limits.clone());
        Decoder::new(mapping.clone(), vocabulary, money.clone(), limits)
    }

    fn attempt(&self, options: &FileOptions) -> anyhow::Result<Attempt> {
        let decoder = self.decoder(self.context.mapping, self.money);
        let sample = FileSample::read(self.file, options, &decoder)?;
        let reading = sample.decode(&decoder);
        let profile = sample.profile();
        let read_before = reading.as_ref().map(trial::score).unwrap_or_default();
        let mut proposals = sample::proposals(&profile, self.context);
        if matches!(reading, Err(files::Error::RepeatedColumn { .. })) {
            proposals.clear();
        }
        let trials = proposals.into_iter().filter_map(|proposal| {
            let mapping = mapping_of(&proposal.settings).ok()?;
            Trial::of(proposal, &sample, self.money, |money| self.decoder(&mapping, money))
        });
        let best = trial::best(trials, read_before);
        Ok(Attempt { sample, decoder, reading, profile, best })
    }

    /// A form of a CSV file in which it can be read, with its flag, if it cannot be read as it is: without a header, or
    /// with lines before it.
    fn other_form(
        &self,
        attempt: &Attempt,
        options: &FileOptions,
    ) -> anyhow::Result<Option<(String, Attempt)>> {
        let is_set = options.columns.is_some() || options.skip_lines > 0;
        let is_fixed = is_set || !self.file.is_file() || attempt.is_anything_read();
        let Some(names) = attempt.sample.names().filter(|_| !is_fixed) else {
            return Ok(None);
        };
        let lines = (1..=LINES_BEFORE_MAX).take_while(|_| !attempt.is_good());
        for skip_lines in lines {
            let later = self.attempt(&FileOptions { skip_lines, ..options.clone() })?;
            if !later.has_values_as_names()
                && let Some(later) = self.with_given_mapping(later)
            {
                return Ok(Some((format!("--skip-lines {skip_lines}"), later)));
            }
        }
        if !attempt.has_values_as_names() {
            return Ok(None);
        }
        let columns = Some((1..=names.len()).map(|at| format!("column {at}")).collect());
        let unnamed = self.attempt(&FileOptions { columns, ..options.clone() })?;
        let names = names_by_form(&unnamed.profile);
        let flag = format!("--columns {}", names.join(","));
        let named = self.attempt(&FileOptions { columns: Some(names), ..options.clone() })?;
        Ok(self.with_given_mapping(named).map(|named| (flag, named)))
    }

    /// The attempt if it has a good proposal, which may be the given mapping.
    fn with_given_mapping(&self, mut attempt: Attempt) -> Option<Attempt> {
        if attempt.best.is_none() && attempt.is_anything_read() {
            let proposal =
                Proposal { settings: self.context.settings.clone(), ..Proposal::default() };
            let decoder = |money: &CurrencyRates| self.decoder(self.context.mapping, money);
            attempt.best = Trial::of(proposal, &attempt.sample, self.money, decoder);
        }
        Some(attempt).filter(Attempt::is_good)
    }
}

/// Lines before a header that are looked for.
const LINES_BEFORE_MAX: u64 = 10;

/// Without models, amounts are read all the same, since most models do.
fn vocabulary_of(models: &Models) -> Vocabulary {
    let mut vocabulary = models.vocabulary.clone();
    if models.list.is_empty() {
        vocabulary.intern_field(Field::Value, FieldKind::Number);
    }
    vocabulary
}
