//! Covers passwords that stand in a file itself, so that no drawing shows them.

/// What ends a password that is not in quotes.
const ENDS: [char; 8] = [',', '}', ']', '&', '\n', '\r', '`', ';'];

/// The text with `*` for every byte of a password: in a URL (`://user:password@`) and behind the
/// word `password`. It keeps its length in bytes, so places in it stay where they are.
pub(super) fn mask(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (at, _) in text.match_indices("://") {
        cover_url(text, at + 3, &mut bytes);
    }
    let lower = text.to_ascii_lowercase();
    for (at, word) in lower.match_indices("password") {
        cover_named(text, at + word.len(), &mut bytes);
    }
    // Only whole runs of bytes were replaced, from one character's start to another's.
    String::from_utf8(bytes).unwrap_or_default()
}

/// `user:password@host`: an `@` may be part of the password, so the last one counts.
fn cover_url(text: &str, start: usize, bytes: &mut [u8]) {
    let rest = &text[start..];
    let end = rest.find(|c: char| c.is_whitespace() || "\"'`".contains(c)).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return;
    };
    if let Some(colon) = rest[..at].find(':') {
        cover(&mut bytes[start + colon + 1..start + at]);
    }
}

/// `password: secret`, `application_password: "secret"`, `password=secret`.
fn cover_named(text: &str, start: usize, bytes: &mut [u8]) {
    let rest = &text[start..];
    let unquoted = rest.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
    let Some(behind) = unquoted.strip_prefix([':', '=']) else {
        return;
    };
    let value = behind.trim_start_matches([' ', '\t']);
    let from = start + rest.len() - value.len();
    let quote = value.chars().next().filter(|first| "\"'".contains(*first));
    let inner = usize::from(quote.is_some());
    let end = match quote {
        Some(quote) => value[1..].find(quote).map_or(value.len(), |at| at + 1),
        None => value.find(ENDS).or_else(|| value.find(char::is_whitespace)).unwrap_or(value.len()),
    };
    // A variable is no secret, and its name helps.
    if !value[inner..end].starts_with("${") {
        cover(&mut bytes[from + inner..from + end]);
    }
}

fn cover(bytes: &mut [u8]) {
    bytes.fill(b'*');
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn passwords_are_covered_and_nothing_moves() {
        let cases = [
            ("url: postgres://me:secret@host/x", "url: postgres://me:******@host/x"),
            ("\"postgres://me:s@c:é@host\" # a@b", "\"postgres://me:******@host\" # a@b"),
            ("postgres://me@host:5432/x", "postgres://me@host:5432/x"),
            ("{ password: secret, role: x }", "{ password: ******, role: x }"),
            ("application_password: 'a, b'\n", "application_password: '****'\n"),
            ("password: ${PASSWORD}", "password: ${PASSWORD}"),
            ("host=a password=secret user=b", "host=a password=****** user=b"),
            ("a password is not empty", "a password is not empty"),
        ];
        for (text, expected) in cases {
            assert_eq!(mask(text).len(), text.len());
            assert_eq!(mask(text), expected);
        }
    }
}
