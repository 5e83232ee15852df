//! Secrets behind their names in a longer text: `?token=…` in an address, `password="…"` in a list of options.

use std::ops::Range;

use crate::diagnostic::names_secret;
use crate::diagnostic::passwords;

/// What else names a secret in the query of an address.
const IN_QUERIES: [&str; 4] = ["auth", "key", "sig", "signature"];

/// What is secret within the value of a property of which nothing is known: the password of each address in it,
/// and what stands behind the name of a secret.
pub fn secrets_within(value: &str) -> Vec<&str> {
    let found = passwords(value, false).into_iter().chain(all(value).map(|(_, range)| range));
    let found = found.filter_map(|range| value.get(range));
    // A switch, as `tokenauth="true"`, is no secret; what else a reference stands for is known elsewhere.
    let is_secret =
        |it: &&str| !it.is_empty() && !["true", "false"].contains(it) && !it.starts_with("${");
    found.filter(is_secret).collect()
}

/// The same in the queries of addresses alone.
pub(super) fn in_queries(text: &str) -> impl Iterator<Item = Range<usize>> {
    all(text).filter(|(is_query, _)| *is_query).map(|(_, range)| range)
}

/// Each value behind the name of a secret, and whether it stands in a query. No stretch of the text is looked at
/// twice.
fn all(text: &str) -> impl Iterator<Item = (bool, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        loop {
            let at = done + text[done..].find('=')?;
            let before = text[done..at].trim_end();
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            let name = before.trim_end_matches(is_part).len();
            let is_query = before[..name].ends_with(['?', '&']);
            let name = &before[name..];
            done = at + 1;
            let is_short = IN_QUERIES.iter().any(|short| name.eq_ignore_ascii_case(short));
            if names_secret(name) || (is_query && is_short) {
                let range = value(text, at + 1);
                done = range.end;
                return Some((is_query, range));
            }
        }
    })
}

/// The value that begins there: what is quoted, a reference, or what is not broken by anything.
fn value(text: &str, start: usize) -> Range<usize> {
    let rest = text[start..].trim_start();
    let from = text.len() - rest.len();
    let quote = rest.chars().next().filter(|first| "\"'".contains(*first));
    if let Some(quote) = quote {
        let mut is_escaped = false;
        let end = rest[1..].find(|letter: char| {
            let is_end = letter == quote && !is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
            is_end
        });
        return from + 1..end.map_or(text.len(), |end| from + 1 + end);
    }
    let end = if rest.starts_with("${") {
        rest.find('}').map(|end| end + 1)
    } else {
        rest.find(|letter: char| letter.is_whitespace() || "&;,`\"'}#".contains(letter))
    };
    from..end.map_or(text.len(), |end| from + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_within_other_values() {
        for (value, secrets) in [
            ("x.ScramLoginModule required username=\"u\" password=\"jaas pw\";", &["jaas pw"][..]),
            ("x required clientId=\"u\" clientSecret='s\\'1' tokenauth=\"true\";", &["s\\'1"]),
            (
                "jdbc:postgresql://lake:urlpw99@x/lake?password=jdbcpw77&ssl=true",
                &["urlpw99", "jdbcpw77"],
            ),
            ("https://x/?a=b&sig=abc%20d&token=${env:TOKEN}", &["abc%20d"]),
            ("key=value, sort.key = id", &[]),
            ("password=", &[]),
        ] {
            let found = secrets_within(value);
            assert!(secrets.iter().all(|secret| found.contains(secret)), "{value}: {found:?}");
            assert!(!secrets.is_empty() || found.is_empty(), "{value}: {found:?}");
            assert!(!found.contains(&"true"), "{value}: {found:?}");
        }
    }
}
