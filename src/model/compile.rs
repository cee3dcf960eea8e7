//! Compiles model files to models.

use super::condition_reads::{condition_facts, condition_slots, time_dependent_parts};
use super::problem::{ProblemList, ProblemReport, SourceFile};
use super::slots::Slots;
use super::{Models, read};
use crate::event::Vocabulary;

impl Models {
    /// Compiles all files. `Err` has a report for each file with any problem, warnings included; if no file has
    /// an error, the warnings are returned with the models.
    pub fn compile(
        sources: Vec<SourceFile>,
    ) -> Result<(Models, Vec<ProblemReport>), Vec<ProblemReport>> {
        let mut models = Models {
            list: Vec::new(),
            slots: Slots::default(),
            vocabulary: Vocabulary::default(),
            dedupe: None,
            orders: None,
            currency: None,
        };
        let mut reports = Vec::new();
        for source in sources {
            let source = source.with_normalized_line_ends();
            let mut problems = ProblemList::default();
            let model = read::read_model(&source, &mut models, &mut problems);
            if let Some(model) = model {
                models.list.push(model);
            }
            reports.extend(problems.into_report(source));
        }
        if reports.iter().any(ProblemReport::has_errors) {
            Err(reports)
        } else {
            Ok((models.link(), reports))
        }
    }

    fn link(mut self) -> Models {
        let placed = self.orders.map(|orders| orders.placed);
        self.slots
            .build_indexes(self.vocabulary.type_count(), placed);
        for model in &mut self.list {
            for transition in &mut model.transitions {
                transition.slots = condition_slots(&transition.when, &model.facts);
                transition.time_dependent_parts =
                    time_dependent_parts(&transition.when, &model.facts);
                transition.facts = condition_facts(&transition.when, &model.facts);
            }
        }
        self
    }
}
