//! What must not be shown of what Kafka Connect says.

use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::Value;

use crate::diagnostic::names_secret;
use crate::diagnostic::secrets_within;
use crate::diagnostic::without_passwords;

/// Where words for people stand, not properties.
const TOLD: [&str; 2] = ["message", "trace"];

/// What configurations have that went there or came from there and must not be shown: Kafka Connect may quote
/// it wherever it says what is wrong. The longest first, as one may be a part of another.
#[derive(Default)]
pub(super) struct Secrets(Mutex<Vec<String>>);

impl Secrets {
    /// Notes those of a configuration, wherever it stands in a value: properties that are secret, and what is secret
    /// within others, as in the address of a database.
    pub(super) fn note(&self, value: &Value) {
        match value {
            Value::Object(entries) => entries.iter().for_each(|(key, value)| match value {
                // What was said of something: what looks like a password in it is covered there.
                Value::String(_) if TOLD.contains(&key.as_str()) => {}
                Value::String(text) => {
                    if names_secret(key) {
                        self.add(text);
                    }
                    for secret in secrets_within(text) {
                        self.add(secret);
                    }
                }
                _ => self.note(value),
            }),
            Value::Array(items) => items.iter().for_each(|item| self.note(item)),
            _ => {}
        }
    }

    /// Notes one.
    pub(super) fn add(&self, secret: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // As it is, and as it stands in a quoted configuration.
        let quoted = Value::String(secret.to_owned()).to_string();
        let quoted = quoted.trim_matches('"');
        for text in [secret, quoted] {
            if !text.is_empty() && !all.iter().any(|known| known == text) {
                all.push(text.to_owned());
            }
        }
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// A text without them, and without what looks like a password.
    pub(super) fn cover(&self, text: &str) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let covered = all.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"));
        without_passwords(&covered)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Secrets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Secrets;

    #[test]
    fn a_secret_within_a_property_is_covered_wherever_it_is_quoted() {
        let secrets = Secrets::default();
        secrets.note(&json!({ "ice": { "info": { "config": {
            "iceberg.catalog.uri": "jdbc:postgresql://lake:urlpw99@x/lake?password=jdbcpw77",
            "sasl.jaas.config": "x.ScramLoginModule required username=\"u\" password=\"jaaspw55\";",
        } } }, "message": "password=nothing" }));
        let covered = secrets.cover("log in with urlpw99, \"jaaspw55\" or jdbcpw77: nothing");
        assert_eq!(covered, "log in with ***, \"***\" or ***: nothing");
    }
}
