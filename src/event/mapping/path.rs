//! Paths into records: `properties.score`, `items[0].price`, `"Order.Total"`.

use std::fmt;

/// One step of a path, from the outside inwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of an object.
    Key(String),
    /// `[3]`: an element of a list, counted from 0.
    Index(usize),
    /// `[]`: every element of a list; numbers are added up.
    Each,
    /// `[key=plan]`: the first element whose member `key` is `plan`.
    Entry { member: String, name: String },
    /// `[key]`: the element whose member `key` is the name of a property. Only in the path of `properties`.
    Named { member: String },
}

/// Steps from the outermost object inwards. Text with dots; a key that contains a dot, a bracket or a quote is quoted.
/// An empty path means that the field is not read; for `properties` it means the record itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

/// Most steps of a path.
const STEPS_MAX: usize = 16;

impl Path {
    /// A path of keys alone, split at dots.
    pub(crate) fn of_keys(text: &str) -> Path {
        match text {
            "" => Path(Vec::new()),
            _ => Path(text.split('.').map(|key| Step::Key(key.to_owned())).collect()),
        }
    }

    /// # Errors
    /// What is wrong with the text, and where.
    pub fn parse(text: &str) -> Result<Path, String> {
        let (mut steps, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let step;
            (step, rest) = if let Some(inside) = rest.strip_prefix('[') {
                let (inside, after) = inside
                    .split_once(']')
                    .ok_or_else(|| format!("`{text}`: the bracket `[` is not closed"))?;
                (parse_bracket(inside), after)
            } else {
                let key = if steps.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.')
                        .ok_or_else(|| format!("`{text}`: a dot is missing before `{rest}`"))?
                };
                parse_key(key, text)?
            };
            steps.push(step);
        }
        if steps.len() > STEPS_MAX {
            return Err(format!("`{text}`: more than {STEPS_MAX} steps"));
        }
        if steps.first().is_some_and(|step| !matches!(step, Step::Key(_))) {
            return Err(format!("`{text}`: a record is an object, so a path begins with a key"));
        }
        Ok(Path(steps))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The path of a property of this name below this path of `properties`.
    pub(crate) fn property(&self, name: &str) -> Path {
        let is_named = self.0.iter().any(|step| matches!(step, Step::Named { .. }));
        let fill = |step: &Step| match step {
            Step::Named { member } => Step::Entry { member: member.clone(), name: name.to_owned() },
            other => other.clone(),
        };
        let mut steps: Vec<Step> = self.0.iter().map(fill).collect();
        if !is_named {
            steps.extend(name.split('.').map(|key| Step::Key(key.to_owned())));
        }
        Path(steps)
    }

    /// Whether it does not lead into lists.
    pub(crate) fn has_only_keys(&self) -> bool {
        self.0.iter().all(|step| matches!(step, Step::Key(_)))
    }

    /// Whether it has a step `[key]`, which only the path of `properties` may have.
    pub(crate) fn is_named(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::Named { .. }))
    }
}

/// A key up to the next dot or bracket, and the rest of the text.
fn parse_key<'t>(key: &'t str, text: &str) -> Result<(Step, &'t str), String> {
    let (name, rest) = if let Some(quoted) = key.strip_prefix('"') {
        quoted.split_once('"').ok_or_else(|| format!("`{text}`: the quote is not closed"))?
    } else {
        key.split_at(key.find(['.', '[']).unwrap_or(key.len()))
    };
    if name.is_empty() {
        return Err(format!("`{text}`: a key is empty"));
    }
    Ok((Step::Key(name.to_owned()), rest))
}

fn parse_bracket(inside: &str) -> Step {
    if inside.is_empty() {
        return Step::Each;
    }
    if let Ok(index) = inside.parse() {
        return Step::Index(index);
    }
    match inside.split_once('=') {
        Some((member, name)) => {
            Step::Entry { member: member.to_owned(), name: name.trim_matches('"').to_owned() }
        }
        None => Step::Named { member: inside.to_owned() },
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    let dot = if at == 0 { "" } else { "." };
                    if key.contains(['.', '[', '"']) {
                        write!(out, "{dot}\"{key}\"")?;
                    } else {
                        write!(out, "{dot}{key}")?;
                    }
                }
                Step::Index(index) => write!(out, "[{index}]")?,
                Step::Each => out.write_str("[]")?,
                Step::Entry { member, name } => write!(out, "[{member}={name}]")?,
                Step::Named { member } => write!(out, "[{member}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_printed_as_they_are_written() {
        for text in [
            "",
            "userId",
            "Paid at",
            "context.page.path",
            "items[0].price",
            "items[].amount",
            "event_params[key=ga_session_id].value.int_value",
            "event_params[key].value",
            "a.\"b.c\".d",
            "größe.$browser",
        ] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Path::parse("\"Order Total\"").unwrap(), Path::of_keys("Order Total"));
    }

    #[test]
    fn a_path_that_cannot_be_meant_is_refused_with_the_reason() {
        for (text, reason) in [
            ("a..b", "a key is empty"),
            ("a.", "a key is empty"),
            ("a[0", "not closed"),
            ("a.\"b", "the quote is not closed"),
            ("[0].a", "begins with a key"),
            ("a[0]b", "a dot is missing"),
            (&["a"; 17].join("."), "more than 16 steps"),
        ] {
            let refused = Path::parse(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn a_property_is_a_key_below_or_an_entry_of_a_list_of_pairs() {
        let of =
            |properties: &str, name| Path::parse(properties).unwrap().property(name).to_string();
        assert_eq!(of("properties", "a.b"), "properties.a.b");
        assert_eq!(of("", "plan"), "plan");
        assert_eq!(of("event_params[key].value", "plan"), "event_params[key=plan].value");
    }
}
