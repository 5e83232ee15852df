//! The types that a schema declares: enums and domains.

use std::collections::BTreeSet;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::nearest;
use crate::schema::ColumnType;
use crate::schema::DomainType;
use crate::schema::EnumType;
use crate::schema::check::outline::identifier;
use crate::schema::file::SchemaFile;
use crate::schema::file::TypeFile;
use crate::schema::kind::named::enum_type;
use crate::yaml::Spanned;

/// Most labels of an enum.
const LABELS_MAX: usize = 1_000;

/// Longest label of PostgreSQL, in bytes.
const LABEL_MAX: usize = 63;

/// What a schema declares.
#[derive(Debug, Clone, Default)]
pub(super) struct Types {
    pub(super) enums: Vec<&'static EnumType>,
    pub(super) domains: Vec<DomainType>,
    /// Names of types that could not be read: whoever uses one has made no mistake.
    broken: Vec<String>,
}

impl Types {
    /// All of a file, or their mistakes.
    pub(super) fn new(file: &SchemaFile, problems: &mut Problems) -> Self {
        let mut types = Self::default();
        let Some(entries) = &file.types.0 else { return types };
        let mut seen = BTreeSet::new();
        for (name, declared) in &entries.0 {
            identifier(name, "a type's name", problems);
            let is_taken = ColumnType::parse(&name.value, &[]).is_ok();
            if is_taken || !seen.insert(name.value.as_str()) {
                let message = format!("there is a type `{}` already", name.value);
                problems.add(Problem::new(message).at(name.place).help("choose another name"));
                continue;
            }
            let is_read = declared.as_ref().is_some_and(|file| types.add(name, file, problems));
            if !is_read {
                types.broken.push(name.value.clone());
            }
        }
        types
    }

    /// Whether a type has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.enums.iter().any(|one| one.name == name)
            || self.domains.iter().any(|one| one.name == name)
    }

    /// The type that a column is written with, and the domain if it is one. None if there is a
    /// mistake; it is in the list then.
    pub(super) fn read(
        &self,
        written: &Spanned<String>,
        problems: &mut Problems,
    ) -> Option<(ColumnType, Option<usize>)> {
        let name = written.value.trim();
        if let Some(domain) = self.domains.iter().position(|domain| domain.name == name) {
            return Some((self.domains[domain].base, Some(domain)));
        }
        let of = name.strip_suffix("[]").unwrap_or(name);
        if self.broken.iter().any(|broken| broken == of) {
            return None;
        }
        match ColumnType::parse(&written.value, &self.enums) {
            Ok(kind) => Some((kind, None)),
            Err((message, help)) => {
                let mut declared = self.domains.iter().map(|domain| domain.name.as_str());
                let help = if declared.clone().any(|domain| domain == of) {
                    Some("an array is of a type that every server has".to_owned())
                } else if let Some(near) = nearest(of, &mut declared) {
                    Some(format!("did you mean `{near}`?"))
                } else {
                    help
                };
                problems.add(Problem::new(message).at(written.place).maybe_help(help));
                None
            }
        }
    }

    fn add(
        &mut self,
        name: &Spanned<String>,
        file: &Spanned<TypeFile>,
        problems: &mut Problems,
    ) -> bool {
        let TypeFile { labels, domain, check } = &file.value;
        match (labels, domain) {
            (Some(labels), None) => {
                if let Some(check) = check {
                    let problem = Problem::new("`check` has no meaning beside `enum`");
                    problems.add(problem.at(check.place).help("it belongs beside `domain`"));
                }
                let labels = self::labels(labels, problems);
                let name = name.value.clone();
                labels.map(|labels| self.enums.push(enum_type(EnumType { name, labels }))).is_some()
            }
            (None, Some(base)) => {
                let check = check.as_ref().map(|check| check.value.clone());
                if check
                    .as_ref()
                    .is_some_and(|check| check.trim().is_empty() || check.contains('\0'))
                {
                    let problem = Problem::new("this checks nothing").at(file.place);
                    problems.add(problem.help("write a condition on VALUE: `VALUE > 0`"));
                }
                let Some((kind, of)) = self.read(base, problems) else { return false };
                if of.is_some() || matches!(kind, ColumnType::Array(_) | ColumnType::Enum(_)) {
                    let message =
                        format!("a domain is made of a plain type, and `{}` is none", base.value);
                    problems.add(Problem::new(message).at(base.place));
                    return false;
                }
                self.domains.push(DomainType { name: name.value.clone(), base: kind, check });
                true
            }
            _ => {
                let problem = Problem::new("a type is an enum or a domain").at(name.place);
                let help =
                    "write `{ enum: [a, b] }`, or `{ domain: text, check: \"VALUE <> ''\" }`";
                problems.add(problem.help(help));
                false
            }
        }
    }
}

fn labels(written: &Spanned<Vec<Spanned<String>>>, problems: &mut Problems) -> Option<Vec<String>> {
    let count = written.value.len();
    if count == 0 || count > LABELS_MAX {
        let message = format!("an enum has 1 to {LABELS_MAX} labels, not {count}");
        problems.add(Problem::new(message).at(written.place));
        return None;
    }
    let mut labels: Vec<String> = Vec::new();
    for label in &written.value {
        let text = &label.value;
        let message = if labels.contains(text) {
            format!("`{text}` is given twice")
        } else if text.is_empty() || text.contains('\0') {
            "a label is empty or contains a NUL character".to_owned()
        } else if text.len() > LABEL_MAX {
            format!("the label is {} bytes long, and PostgreSQL keeps {LABEL_MAX}", text.len())
        } else {
            labels.push(text.clone());
            continue;
        };
        problems.add(Problem::new(message).at(label.place));
    }
    (labels.len() == count).then_some(labels)
}
