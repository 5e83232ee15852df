//! One node on its way into a typed value.

use std::cell::RefCell;

use serde::de::Error;
use serde::de::Visitor;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::yaml::Kind;
use crate::yaml::Node;
use crate::yaml::Value;
use crate::yaml::decode::parts::Items;
use crate::yaml::decode::parts::Pairs;
use crate::yaml::mistake::Mistake;

/// What was found on the way.
#[derive(Default)]
pub(super) struct Found {
    pub(super) mistakes: Vec<Problem>,
    /// Settings with a key that means nothing: what they seem to lack may be just that.
    pub(super) incomplete: Vec<Place>,
}

/// Reads one node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'de, 'p> {
    pub(super) node: &'de Node,
    /// Where its key is written.
    pub(super) name: Option<Place>,
    pub(super) found: &'p RefCell<Found>,
    pub(super) role: Role,
    /// It stands for the nothing behind a bare word; the node is the word.
    pub(super) is_blank: bool,
}

/// What a node is read as.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// What it is.
    Plain,
    /// A key: there `null` is a name like any other.
    Key,
    /// A part whose mistake is noted here rather than further up.
    Kept,
    /// A list, or one value that does for a list of one.
    OneOrMany,
}

/// What stands behind a bare word.
static NOTHING: Value = Value::Scalar { kind: Kind::Null, text: String::new() };

impl<'de> Reader<'de, '_> {
    pub(super) fn child(&self, node: &'de Node, name: Option<Place>) -> Self {
        Reader { node, name, found: self.found, role: Role::Plain, is_blank: false }
    }

    pub(super) fn key(&self, node: &'de Node) -> Self {
        Reader { role: Role::Key, ..self.child(node, None) }
    }

    /// Gives a mistake its place, and notes it if this is where it is kept.
    pub(super) fn settle<T>(&self, result: Result<T, Mistake>) -> Result<T, Mistake> {
        result.map_err(|mistake| {
            let mut mistake = mistake.placed(self.node.place, self.name);
            if self.role == Role::Kept && !mistake.is_recorded {
                self.found.borrow_mut().mistakes.push(mistake.problem.clone());
                mistake.is_recorded = true;
            }
            mistake
        })
    }

    pub(super) fn expected<T>(&self, what: &str) -> Result<T, Mistake> {
        let found = if self.is_blank { "nothing".to_owned() } else { self.node.describe() };
        let message = format!("expected {what}, found {found}");
        self.settle(Err(Mistake::new(Problem::new(message))))
    }

    pub(super) fn value(&self) -> &'de Value {
        if self.is_blank { &NOTHING } else { &self.node.value }
    }

    pub(super) fn scalar(&self) -> Option<(Kind, &'de str)> {
        match self.value() {
            Value::Scalar { kind, text } => Some((*kind, text)),
            _ => None,
        }
    }

    /// A scalar that is a number of some type.
    pub(super) fn number<N: std::str::FromStr>(&self, what: &str) -> Result<N, Mistake> {
        match self.scalar() {
            Some((Kind::Number, text)) => match text.replace('_', "").parse() {
                Ok(number) => Ok(number),
                Err(_) => self.expected(what),
            },
            _ => self.expected(what),
        }
    }

    /// Notes keys that mean nothing here, so that the others can be read all the same.
    pub(super) fn note_unknown(
        &self,
        entries: &[(Node, Node)],
        fields: &'static [&'static str],
    ) -> bool {
        let unknown = entries.iter().filter(|(key, _)| !is_field(key, fields));
        let mistakes = unknown.map(|(key, _)| match &key.value {
            Value::Scalar { text, .. } => {
                Mistake::unknown_field(text, fields).problem.at(key.place)
            }
            _ => Problem::new("a key is one word").at(key.place),
        });
        let mut found = self.found.borrow_mut();
        let before = found.mistakes.len();
        found.mistakes.extend(mistakes);
        let has_unknown = found.mistakes.len() > before;
        if has_unknown {
            found.incomplete.push(self.node.place);
        }
        has_unknown
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.scalar(), Some((Kind::Null, _)))
    }

    pub(super) fn any<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Mistake> {
        match self.value() {
            Value::List(items) => visitor.visit_seq(Items::new(*self, items)),
            Value::Map(entries) => visitor.visit_map(Pairs::new(*self, entries)),
            Value::Scalar { kind, text } => match kind {
                Kind::Null => visitor.visit_unit(),
                Kind::Bool => visitor.visit_bool(text == "true"),
                Kind::Number => match (text.parse::<i64>(), text.parse::<f64>()) {
                    (Ok(whole), _) => visitor.visit_i64(whole),
                    (_, Ok(number)) => visitor.visit_f64(number),
                    _ => visitor.visit_str(text),
                },
                Kind::Word | Kind::Quoted => visitor.visit_str(text),
            },
        }
    }

    pub(super) fn map<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Mistake> {
        match self.value() {
            Value::Map(entries) => visitor.visit_map(Pairs::new(*self, entries)),
            // `cdc:` with nothing behind it means all defaults.
            _ if self.is_nothing() => visitor.visit_map(Pairs::new(*self, &[])),
            _ => self.expected("settings (`key: value`)"),
        }
    }

    pub(super) fn list<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Mistake> {
        match self.value() {
            Value::List(items) => visitor.visit_seq(Items::new(*self, items)),
            _ if self.is_nothing() && self.role != Role::OneOrMany => {
                visitor.visit_seq(Items::new(*self, &[]))
            }
            _ if self.role == Role::OneOrMany && !self.is_nothing() => {
                visitor.visit_seq(Items::new(*self, std::slice::from_ref(self.node)))
            }
            _ => self.expected("a list (`[a, b]`)"),
        }
    }
}

pub(super) fn is_field(key: &Node, fields: &[&str]) -> bool {
    matches!(&key.value, Value::Scalar { text, .. } if fields.contains(&text.as_str()))
}
