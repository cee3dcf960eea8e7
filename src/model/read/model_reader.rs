//! What is known while a file is read, and the problems found.

use crate::model::builder::ModelsBuilder;
use crate::model::fact::Fault;
use crate::model::problem::{Location, Problem, ProblemList, Severity, SourceFile};
use crate::model::yaml::YamlNode;

pub(super) struct ModelReader<'r> {
    pub(super) source: &'r SourceFile,
    pub(super) lines: Vec<&'r str>,
    pub(super) models: &'r mut ModelsBuilder,
    pub(super) problems: &'r mut ProblemList,
    /// Whether some facts could not be read. Then an unknown name is not reported, since it may be one of them.
    pub(super) has_invalid_facts: bool,
}

impl ModelReader<'_> {
    pub(super) fn add_fault(&mut self, node: &YamlNode, fault: Fault) {
        let location = self.location_within(node, fault.span);
        self.add_error(location, fault.message, fault.help.as_deref());
    }

    pub(super) fn add_error(&mut self, location: Location, message: String, help: Option<&str>) {
        self.add_problem(location, Severity::Error, message, help);
    }

    pub(super) fn add_warning(&mut self, location: Location, message: String, help: Option<&str>) {
        self.add_problem(location, Severity::Warning, message, help);
    }

    fn add_problem(
        &mut self,
        location: Location,
        severity: Severity,
        message: String,
        help: Option<&str>,
    ) {
        self.problems.push(Problem { location, severity, message, help: help.map(str::to_owned) });
    }
}
