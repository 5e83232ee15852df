//! Passwords in a tree: found by their keys and in addresses, however they are spelled.

use std::collections::HashSet;

use crate::diagnostic::Place;
use crate::diagnostic::Problems;
use crate::diagnostic::names_secret;
use crate::diagnostic::nearest;
use crate::diagnostic::passwords;
use crate::yaml::Node;
use crate::yaml::Value;

/// What stands before a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before<'a> {
    /// Nothing: it is a whole file.
    Nothing,
    /// A key.
    Key(&'a str),
    /// The name of a property, behind `properties`.
    Property(&'a str),
}

impl<'a> Before<'a> {
    /// A path of keys with dots between them.
    pub fn of_path(path: &'a str) -> Self {
        match path.rsplit_once("properties.") {
            Some((_, property)) => Self::Property(property),
            None => Self::Key(path.rsplit('.').next().unwrap_or(path)),
        }
    }

    /// Whether it says that what follows is a secret.
    fn is_secret(self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Key(key) => names_password(key),
            Self::Property(name) => names_password(name) || names_secret(name),
        }
    }

    /// What stands before the value of an entry in a map that follows.
    fn entry(self, key: &str) -> Before<'_> {
        match self {
            Self::Key("properties") => Before::Property(key),
            _ => Before::Key(key),
        }
    }
}

/// Covers the passwords of a tree as it was read, so that nothing that is shown or kept of its file has them.
pub fn hide_secrets(node: &Node, before: Before<'_>, problems: &mut Problems) {
    let mut values = HashSet::new();
    visit(node, before, &mut |place, text, is_named| {
        for range in passwords(text, is_named) {
            let secret = text.get(range.clone()).unwrap_or("");
            if is_named {
                values.insert(secret.to_owned());
            }
            let exact = problems.within(place, text, range);
            problems.cover(exact, secret);
        }
    });
    // What an alias stands for is written elsewhere.
    visit(node, Before::Nothing, &mut |place, text, _| {
        if values.contains(text) {
            let exact = problems.within(place, text, 0..text.len());
            problems.cover(exact, text);
        }
    });
}

/// Notes the passwords that a tree has once variables stand for their values.
pub fn note_secrets(node: &Node, problems: &mut Problems) {
    visit(node, Before::Nothing, &mut |_, text, is_named| {
        for range in passwords(text, is_named) {
            problems.note_secret(text.get(range).unwrap_or(""));
        }
    });
}

/// Shows every scalar that is a value, and whether its key, or that of the list it is in, is a
/// password's. As deep as the reader goes.
fn visit(node: &Node, before: Before<'_>, show: &mut dyn FnMut(Place, &str, bool)) {
    match &node.value {
        Value::Scalar { text, .. } if !text.is_empty() => {
            show(node.place, text, before.is_secret());
        }
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter().for_each(|item| visit(item, before, show)),
        Value::Map(entries) => {
            for (key, value) in entries {
                let Value::Scalar { text, .. } = &key.value else {
                    visit(value, Before::Nothing, show);
                    continue;
                };
                visit(value, before.entry(text), show);
            }
        }
    }
}

/// Whether a key is a password's, also if it is mistyped: the message about it must not show the value.
fn names_password(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let words = ["password", "passwd", "passphrase", "pwd"];
    // Of librdkafka's properties; columns and actions may well be called so.
    let is_property = ["sasl.", "ssl."].iter().any(|start| key.starts_with(start))
        && ["secret", "token", ".pem"].iter().any(|word| key.contains(word));
    is_property
        || words.iter().any(|word| key.contains(word))
        || nearest(&key, ["password"]).is_some()
}
