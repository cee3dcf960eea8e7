//! `tenure check --sample`: reads the beginning of a file of events and proposes a mapping for it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::sample_report::{SampleReport, command_line};
use super::trial::{self, Trial};
use crate::cli::event_files::FileArgs;
use crate::cli::mapping::{MappingArgs, mapping_of};
use crate::event::{CurrencyRates, Decoder, Field, FieldKind, Mapping, RecordLimits, Vocabulary};
use crate::files::{self, FileOptions, FileSample, SampleReading};
use crate::model::Models;
use crate::sample::{self, Profile, Proposal, ProposalContext, is_of_values, names_by_form};

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
            settings: &settings,
            mapping: &mapping,
            models,
            vocabulary: &vocabulary_of(models),
            money: &self.mapping.money(models),
            limits: &self.mapping.limits(),
        };
        let options = self.files.options();
        let attempt = reader.attempt(&options)?;
        let other = reader.other_form(&attempt, &options)?;
        let mut flags = [self.files.flags(), self.mapping.other_flags()].concat();
        let (proposal, profile, sample) = match other {
            Some((flag, other)) => {
                flags.push(flag);
                (other.best, other.profile, other.sample)
            }
            // What would be proposed would name values.
            None if attempt.has_values_as_names() && !attempt.is_anything_read() => {
                (None, Profile::default(), attempt.sample)
            }
            None => (attempt.best, attempt.profile, attempt.sample),
        };
        let command = proposal.as_ref().map(|best| command_line(best, model_files, &flags, file));
        Ok(Some(SampleReport {
            file: file.clone(),
            settings: settings.clone(),
            models: models.clone(),
            profile,
            is_whole: sample.is_whole,
            detected: sample.detected,
            decoder: attempt.decoder,
            reading: attempt.reading.map_err(|error| error.to_string()),
            proposal,
            command,
        }))
    }
}

/// What a sample is read with.
struct SampleReader<'r> {
    file: &'r Path,
    settings: &'r toml::Table,
    mapping: &'r Mapping,
    models: &'r Models,
    vocabulary: &'r Vocabulary,
    money: &'r CurrencyRates,
    limits: &'r RecordLimits,
}

/// A sample, read in one form of the file.
struct Attempt {
    sample: FileSample,
    decoder: Decoder,
    reading: Result<SampleReading, files::Error>,
    profile: Profile,
    best: Option<Trial>,
}

impl Attempt {
    fn is_anything_read(&self) -> bool {
        self.reading.as_ref().is_ok_and(|reading| reading.read() > 0)
    }

    /// Whether the header has values instead of names.
    fn has_values_as_names(&self) -> bool {
        self.sample.names().is_some_and(|names| is_of_values(names.iter().map(String::as_str)))
    }
}

impl SampleReader<'_> {
    fn decoder(&self, mapping: &Mapping, money: &CurrencyRates) -> Decoder {
        let (vocabulary, limits) = (self.vocabulary.clone(), self.limits.clone());
        Decoder::new(mapping.clone(), vocabulary, money.clone(), limits)
    }

    fn attempt(&self, options: &FileOptions) -> anyhow::Result<Attempt> {
        let decoder = self.decoder(self.mapping, self.money);
        let sample = FileSample::read(self.file, options, &decoder)?;
        let reading = sample.decode(&decoder);
        let profile = profile_of(&sample);
        let context = ProposalContext {
            settings: self.settings,
            mapping: self.mapping,
            vocabulary: &self.models.vocabulary,
        };
        let read_before = reading.as_ref().map(trial::score).unwrap_or_default();
        let mut proposals = sample::proposals(&profile, context);
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
        let is_pipe = !self.file.is_file();
        let (Some(names), false) = (attempt.sample.names(), is_set || is_pipe) else {
            return Ok(None);
        };
        if attempt.is_anything_read() {
            return Ok(None);
        }
        let is_good = |attempt: &Attempt| {
            let best = attempt.best.as_ref();
            best.is_some_and(|best| best.proposal.questions.is_empty())
        };
        for skip_lines in (1..=LINES_BEFORE_MAX).take_while(|_| !is_good(attempt)) {
            let later = self.attempt(&FileOptions { skip_lines, ..options.clone() })?;
            if later.has_values_as_names() {
                continue;
            }
            if let Some(later) = self.as_it_is(later).filter(is_good) {
                return Ok(Some((format!("--skip-lines {skip_lines}"), later)));
            }
        }
        if attempt.has_values_as_names() {
            let columns = Some((1..=names.len()).map(|at| format!("column {at}")).collect());
            let unnamed = self.attempt(&FileOptions { columns, ..options.clone() })?;
            let names = names_by_form(&unnamed.profile);
            let flag = format!("--columns {}", names.join(","));
            let named = self.attempt(&FileOptions { columns: Some(names), ..options.clone() })?;
            return Ok(self.as_it_is(named).filter(is_good).map(|named| (flag, named)));
        }
        Ok(None)
    }

    /// The attempt with a proposal: the given mapping, if that is good already.
    fn as_it_is(&self, mut attempt: Attempt) -> Option<Attempt> {
        let reading = attempt.reading.as_ref().ok().filter(|reading| reading.read() > 0);
        if let (None, Some(_)) = (&attempt.best, reading) {
            let proposal = Proposal { settings: self.settings.clone(), ..Proposal::default() };
            let decoder = |money: &CurrencyRates| self.decoder(self.mapping, money);
            attempt.best = Trial::of(proposal, &attempt.sample, self.money, decoder);
        }
        attempt.best.is_some().then_some(attempt)
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

fn profile_of(sample: &FileSample) -> Profile {
    let Some(names) = sample.names() else {
        let mut profile = Profile::default();
        sample.records().for_each(|record| profile.add_json(record));
        return profile;
    };
    let (mut profile, columns) = Profile::of_names(names.iter().map(String::as_str));
    sample.cells().for_each(|cells| profile.add_row(&columns, cells));
    profile
}
