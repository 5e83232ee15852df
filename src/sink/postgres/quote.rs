//! Identifiers and literals as PostgreSQL reads them, whatever they hold. No other file writes quotes.

/// The longest name that PostgreSQL keeps, in bytes; it cuts longer ones without an error.
pub const NAME_BYTES_MAX: usize = 63;

/// A name in double quotes: capitals, dots, quotes and any other character stand for themselves.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name inside a schema: both parts quoted, a dot between.
pub fn qualified(namespace: &str, name: &str) -> String {
    format!("{}.{}", identifier(namespace), identifier(name))
}

/// A text in single quotes. One with a backslash becomes an `E''` string, which reads the same
/// whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// The text of an array of texts, as the server reads it from a literal.
pub(super) fn array<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", texts.into_iter().map(quoted).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_names_and_texts_are_doubled() {
        assert_eq!(identifier("a\"b.C"), "\"a\"\"b.C\"");
        assert_eq!(qualified("my.schema", "Größe"), "\"my.schema\".\"Größe\"");
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn an_array_keeps_its_texts_apart() {
        assert_eq!(array(["a,b", "c\"d\\"]), "{\"a,b\",\"c\\\"d\\\\\"}");
    }

    #[test]
    fn a_backslash_does_not_depend_on_the_servers_settings() {
        assert_eq!(literal("a\\'b"), " E'a\\\\''b'");
    }
}
