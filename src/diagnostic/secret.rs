//! Passwords that stand in a file: where they are, and what is shown in their place.

use std::ops::Range;

use crate::diagnostic::pairs::in_queries;

/// What stands in a password's place where nothing is measured by its length.
const HIDDEN: &str = "***";

/// Shorter values are parts of too many innocent words to be looked for everywhere.
const VALUE_MIN: usize = 6;

/// What ends a password of which nothing is known but that it is not in quotes.
const ENDS: [char; 8] = [',', '}', ']', '&', '\n', '\r', '`', ';'];

/// All that is secret in the files and arguments of a run, so that it can be taken out of any text.
/// It is not shown by `Debug`.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Secrets {
    pub(super) values: Vec<String>,
    /// Arguments as they were given, and as they may be shown.
    pub(super) arguments: Vec<(String, String)>,
}

impl Secrets {
    /// Notes a password. Where it stands is covered whatever it is; it is looked for elsewhere only
    /// if it is no plain word: of `postgres://postgres:postgres@…` little would be left.
    pub(super) fn add(&mut self, value: &str) {
        let is_word = value.chars().all(|c| c.is_ascii_lowercase());
        let is_known = self.values.iter().any(|known| known == value);
        if value.len() >= VALUE_MIN && !is_word && !is_known {
            self.values.push(value.to_owned());
            // A password may be a part of another: the longer goes first.
            self.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        }
    }

    /// The text without the passwords that are known.
    pub fn redact(&self, text: &str) -> String {
        let replaced = |text: String, value: &String| text.replace(value.as_str(), HIDDEN);
        self.values.iter().fold(text.to_owned(), replaced)
    }

    /// An argument of the command line without passwords.
    pub fn redact_argument(&self, argument: &str) -> String {
        let bare = argument.strip_prefix("--set=").unwrap_or(argument);
        let known = self.arguments.iter().find(|(given, _)| given == bare);
        let clean = match known {
            Some((_, shown)) => argument.replace(bare, shown),
            None => replace(argument, &guess(argument)),
        };
        self.redact(&clean)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// What a property of a connector, a converter or a client is called that must not be shown, without what
/// stands between its words.
const PROPERTIES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "jaas",
    "credential",
    "userinfo",
    "apikey",
    "accesskey",
    "privatekey",
    "keystorekey",
];

/// Whether the value of such a property is one that must not be shown: `ssl.keystore.key`,
/// `value.converter.basic.auth.user.info`.
pub fn names_secret(property: &str) -> bool {
    let letters = property.chars().filter(char::is_ascii_alphanumeric);
    let bare: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    PROPERTIES.iter().any(|word| bare.contains(word)) || property.contains(".pem")
}

/// A text that comes from elsewhere, without what looks like a password in it.
pub fn without_passwords(text: &str) -> String {
    replace(text, &guess(text))
}

/// An address as it may be shown: without the login that stands before its last `@`.
pub fn without_login(address: &str) -> String {
    let start = address.find("://").map_or(0, |at| at + 3);
    match address[start..].rfind('@') {
        Some(at) => format!("{}{HIDDEN}{}", &address[..start], &address[start + at..]),
        None => address.to_owned(),
    }
}

/// The passwords of a scalar: all of it if its key says so, else those of a URL or of key-value
/// pairs. Of a reference to the environment only the default is one: its name helps.
pub fn passwords(scalar: &str, is_named: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if is_named {
        found.push(0..scalar.len());
    } else {
        found.extend(in_urls(scalar));
        found.extend(in_logins(scalar));
        found.extend(in_queries(scalar));
        let is_url = scalar.contains("://");
        let ends_parameter: fn(char) -> bool = |c| c.is_whitespace() || c == '&';
        let is_end = if is_url { ends_parameter } else { char::is_whitespace };
        let mut end = Next::of(scalar, is_end);
        let lower = scalar.to_ascii_lowercase();
        for (at, word) in lower.match_indices("password") {
            found.extend(in_pairs(scalar, at + word.len(), &mut end));
        }
    }
    let found = found.into_iter().filter_map(|range| without_reference(scalar, range));
    merged(found.filter(|range| !range.is_empty()).collect())
}

/// The same for a text of which nothing is known, because it is not YAML.
pub(super) fn guess(text: &str) -> Vec<Range<usize>> {
    let mut found = in_urls(text);
    found.extend(in_logins(text));
    found.extend(in_queries(text));
    let lower = text.to_ascii_lowercase();
    let mut ends = Ends {
        mark: Next::of(text, |c| ENDS.contains(&c)),
        space: Next::of(text, char::is_whitespace),
        brace: Next::of(text, |c| c == '}'),
        quote: Next::of(text, |c| c == '"'),
        apostrophe: Next::of(text, |c| c == '\''),
    };
    for (at, word) in lower.match_indices("password") {
        found.extend(behind_name(text, at + word.len(), &mut ends));
    }
    let found = found.into_iter().filter_map(|range| without_reference(text, range));
    merged(found.filter(|range| !range.is_empty()).collect())
}

/// The text with `*` for every byte of these places, but for line ends: it keeps its length and
/// its lines, so places in it stay where they are.
pub(super) fn cover(text: &str, places: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for place in places {
        let place = bytes.get_mut(place.clone()).into_iter().flatten();
        place.filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
    }
    // Whole characters were replaced, so it is still text.
    String::from_utf8(bytes).unwrap_or_default()
}

/// The text with `***` for each of these places, which are in order and apart.
pub(super) fn replace(text: &str, places: &[Range<usize>]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    for place in places {
        clean.push_str(text.get(done..place.start).unwrap_or(""));
        clean.push_str(HIDDEN);
        done = place.end;
    }
    clean.push_str(text.get(done..).unwrap_or(""));
    clean
}

/// The text of a YAML file with something in each of these places, which are in order and apart, so that it can be
/// read again: bare, what begins with an asterisk is the name of something else.
pub(super) fn replace_yaml(text: &str, places: &[Range<usize>]) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']');
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    for place in places {
        clean.push_str(text.get(done..place.start).unwrap_or(""));
        let is_whole = clean.ends_with(char::is_whitespace)
            && text.get(place.end..).is_none_or(|rest| rest.is_empty() || rest.starts_with(is_end));
        clean.push_str(if is_whole { "\"***\"" } else { HIDDEN });
        done = place.end;
    }
    clean.push_str(text.get(done..).unwrap_or(""));
    clean
}

/// Places in order, those that touch each other made one.
pub(super) fn merged(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| (place.start, place.end));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for place in places {
        match apart.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => apart.push(place),
        }
    }
    apart
}

/// Each `user:password@host`: an `@` may be part of the password, so the last one counts. What looks
/// like a URL inside of another is part of that.
fn in_urls(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut done = 0;
    while let Some(start) = text[done..].find("://").map(|at| done + at + 3) {
        let rest = &text[start..];
        let end =
            rest.find(|c: char| c.is_whitespace() || "\"'`".contains(c)).unwrap_or(rest.len());
        let at = rest[..end].rfind('@');
        let colon = at.and_then(|at| rest[..at].find(':'));
        found.extend(at.zip(colon).map(|(at, colon)| start + colon + 1..start + at));
        done = start + end;
    }
    found
}

/// Each `user:password@host` without a scheme before it, as people write it where an address is asked for.
fn in_logins(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split_inclusive(|c: char| c.is_whitespace() || "\"'`,".contains(c)) {
        // Of a URL the other rule finds it.
        if !word.contains("://")
            && let Some(at) = word.rfind('@')
            && let Some(colon) = word[..at].find(':')
        {
            found.push(start + colon + 1..start + at);
        }
        start += word.len();
    }
    found
}

/// `password = 'it\'s'`, as in the key-value pairs of libpq, or `password=secret&…` in a URL.
fn in_pairs(text: &str, start: usize, end: &mut Next<'_>) -> Option<Range<usize>> {
    let value = text[start..].trim_start().strip_prefix('=')?.trim_start();
    let from = text.len() - value.len();
    let Some(quoted) = value.strip_prefix('\'') else {
        return Some(from..end.behind(from).unwrap_or(text.len()));
    };
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '\'' => return Some(from + 1..from + 1 + at),
            _ => {}
        }
    }
    Some(from + 1..text.len())
}

/// `password: secret`, `application_password: "secret"`, `password=secret`.
fn behind_name(text: &str, start: usize, ends: &mut Ends<'_>) -> Option<Range<usize>> {
    let unquoted = text[start..].trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
    // `${PASSWORD:-secret}` is named by its variable.
    let behind = unquoted.strip_prefix(":-").or_else(|| unquoted.strip_prefix([':', '=']))?;
    let value = behind.trim_start_matches([' ', '\t']);
    let from = text.len() - value.len();
    let (inner, end) = match value.chars().next() {
        Some('"') => (1, ends.quote.behind(from + 1)),
        Some('\'') => (1, ends.apostrophe.behind(from + 1)),
        _ if value.starts_with("${") => (0, ends.brace.behind(from).map(|at| at + 1)),
        _ => (0, ends.mark.behind(from).or_else(|| ends.space.behind(from))),
    };
    Some(from + inner..end.unwrap_or(text.len()))
}

/// What may end a password behind its name.
struct Ends<'a> {
    mark: Next<'a>,
    space: Next<'a>,
    brace: Next<'a>,
    quote: Next<'a>,
    apostrophe: Next<'a>,
}

/// Where the next character of a kind stands. It looks at no stretch of the text twice, so a text
/// that says `password` thousands of times costs no more than another of its length.
struct Next<'a> {
    text: &'a str,
    is_it: fn(char) -> bool,
    /// From where it was looked for last, and where it was.
    from: usize,
    found: Option<usize>,
}

impl<'a> Next<'a> {
    fn of(text: &'a str, is_it: fn(char) -> bool) -> Self {
        Self { text, is_it, from: 0, found: text.find(is_it) }
    }

    /// At this byte or behind it, if there is one.
    fn behind(&mut self, at: usize) -> Option<usize> {
        if at < self.from || self.found.is_some_and(|found| found < at) {
            self.found = self.text[at..].find(self.is_it).map(|found| at + found);
            self.from = at;
        }
        self.found
    }
}

/// Of `${NAME:-default}` the default, of `${NAME}` nothing, of anything else all.
fn without_reference(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let value = text.get(range.clone())?;
    let Some(inner) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return Some(range);
    };
    if inner.contains('}') {
        return Some(range);
    }
    let (name, _) = inner.split_once(":-")?;
    Some(range.start + 2 + name.len() + 2..range.end - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_covers_passwords_and_moves_nothing() {
        let cases = [
            ("url: postgres://me:secret@host/x", "url: postgres://me:******@host/x"),
            ("\"postgres://me:s@c:é@host\" # a@b", "\"postgres://me:******@host\" # a@b"),
            ("postgres://me@host:5432/x", "postgres://me@host:5432/x"),
            ("{ password: secret, role: x }", "{ password: ******, role: x }"),
            ("application_password: 'a, b'\n", "application_password: '****'\n"),
            ("password: ${PASSWORD}", "password: ${PASSWORD}"),
            ("password: ${PASSWORD:-secret}, x", "password: ${PASSWORD:-******}, x"),
            ("host=a password=secret user=b", "host=a password=****** user=b"),
            ("brokers: me:secret@host:9092 }", "brokers: me:******@host:9092 }"),
            ("a password is not empty", "a password is not empty"),
        ];
        for (text, expected) in cases {
            assert_eq!(cover(text, &guess(text)).len(), text.len());
            assert_eq!(cover(text, &guess(text)), expected);
        }
    }

    #[test]
    fn properties_that_hold_secrets_are_known_by_their_names() {
        for name in [
            "value.converter.basic.auth.user.info",
            "schema.registry.basic.auth.user.info",
            "confluent.api.key",
            "s3.access.key",
            "aws.access.key.id",
            "database.ssl.keystore.key",
            "producer.override.sasl.jaas.config",
            "ssl.key.passphrase",
            "ssl.key.pem",
            "bearer.auth.token",
            "iceberg.catalog.credential",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in
            ["key.converter", "message.key.columns", "skipped.operations", "ssl.keystore.type"]
        {
            assert!(!names_secret(name), "{name}");
        }
        assert_eq!(without_login("http://me:p@s/s@host:1/x"), "http://***@host:1/x");
        assert_eq!(without_login("me:secret@host:1"), "***@host:1");
        assert_eq!(without_login("http://host:1/x"), "http://host:1/x");
    }

    #[test]
    fn passwords_of_addresses_go_and_all_else_stays() {
        let cases = [
            ("postgres://ada:s3cret@db:5432/x?a=b", "postgres://ada:***@db:5432/x?a=b"),
            ("postgres://ada:p@s/s@db/x", "postgres://ada:***@db/x"),
            ("postgres://ada:${P:-s3cret}@db/x", "postgres://ada:${P:-***}@db/x"),
            ("${U:-postgres://ada:s3cret@db/x}", "${U:-postgres://ada:***@db/x}"),
            ("postgres://db/x?password=s3cret&user=ada", "postgres://db/x?password=***&user=ada"),
            ("host=db password=s3&cret user=ada", "host=db password=*** user=ada"),
            (r"password = 's \' t' user=ada", "password = '***' user=ada"),
            ("postgres://ada:${PASSWORD}@db/x", "postgres://ada:${PASSWORD}@db/x"),
            ("http://db/?token=s3cret", "http://db/?token=***"),
            ("http://db/?a=b&key=${K:-s3cret}#x", "http://db/?a=b&key=${K:-***}#x"),
            ("postgres://db:5432/x and mail@a.b", "postgres://db:5432/x and mail@a.b"),
            ("shop:s3cret@a:9092,b:9092", "shop:***@a:9092,b:9092"),
            ("a password is needed", "a password is needed"),
            ("ends in password=", "ends in password="),
        ];
        for (text, clean) in cases {
            assert_eq!(replace(text, &passwords(text, false)), clean);
        }
    }
}
