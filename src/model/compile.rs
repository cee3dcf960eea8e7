//! Compiles model files to models.

use super::builder::ModelsBuilder;
use super::definition::Models;
use super::problem::{ProblemList, ProblemReport, SourceFile};
use super::read;

impl Models {
    /// Compiles all files. `Err` has a report for each file with any problem, warnings included; if no file has
    /// an error, the warnings are returned with the models.
    pub fn compile(
        sources: Vec<SourceFile>,
    ) -> Result<(Models, Vec<ProblemReport>), Vec<ProblemReport>> {
        let mut models = ModelsBuilder::default();
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
            Ok((models.finish(), reports))
        }
    }
}
