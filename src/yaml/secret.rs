//! Passwords in a tree: found by their keys and in addresses, however they are spelled.

use std::collections::HashSet;

use crate::diagnostic::Place;
use crate::diagnostic::Problems;
use crate::diagnostic::nearest;
use crate::diagnostic::passwords;
use crate::yaml::Node;
use crate::yaml::Value;

/// Covers the passwords of a tree as it was read (`is_named`: its key is a password's), so that
/// nothing that is shown or kept of its file has them.
pub fn hide_secrets(node: &Node, is_named: bool, problems: &mut Problems) {
    let mut values = HashSet::new();
    visit(node, is_named, &mut |place, text, is_named| {
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
    visit(node, false, &mut |place, text, _| {
        if values.contains(text) {
            let exact = problems.within(place, text, 0..text.len());
            problems.cover(exact, text);
        }
    });
}

/// Notes the passwords that a tree has once variables stand for their values.
pub fn note_secrets(node: &Node, problems: &mut Problems) {
    visit(node, false, &mut |_, text, is_named| {
        for range in passwords(text, is_named) {
            problems.note_secret(text.get(range).unwrap_or(""));
        }
    });
}

/// Shows every scalar that is a value, and whether its key, or that of the list it is in, is a
/// password's. As deep as the reader goes.
fn visit(node: &Node, is_named: bool, show: &mut dyn FnMut(Place, &str, bool)) {
    match &node.value {
        Value::Scalar { text, .. } if !text.is_empty() => show(node.place, text, is_named),
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter().for_each(|item| visit(item, is_named, show)),
        Value::Map(entries) => {
            for (key, value) in entries {
                let is_named =
                    matches!(&key.value, Value::Scalar { text, .. } if names_password(text));
                visit(value, is_named, show);
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
