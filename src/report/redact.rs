//! Takes passwords out of text that is about to be written down.

/// What stands in a password's place.
const HIDDEN: &str = "***";

/// The text without passwords: those in URLs (`scheme://user:password@host`) and those after
/// `password=` or `password:`. Of a reference to the environment only the default goes.
pub fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, end)) = password(rest) {
        clean.push_str(&rest[..start]);
        clean.push_str(HIDDEN);
        rest = &rest[end..];
    }
    clean.push_str(rest);
    clean
}

/// Where the first password of a text stands.
fn password(text: &str) -> Option<(usize, usize)> {
    let url = first(text, "://", |behind| {
        let authority = behind.find(['/', '?', '#', '"', '\'', '`']).unwrap_or(behind.len());
        let authority = behind[..authority].find(char::is_whitespace).unwrap_or(authority);
        let at = behind[..authority].rfind('@')?;
        let colon = behind[..at].find(':')?;
        Some((colon + 1, at))
    });
    let assigned = ["password", "PASSWORD", "Password"].map(|word| first(text, word, assigned));
    url.into_iter().chain(assigned.into_iter().flatten()).min()
}

/// The first place found behind an occurrence of `word`, in bytes from the start of the text.
fn first(
    text: &str,
    word: &str,
    place: impl Fn(&str) -> Option<(usize, usize)>,
) -> Option<(usize, usize)> {
    text.match_indices(word).find_map(|(index, _)| {
        let behind = index + word.len();
        let (start, end) = place(&text[behind..])?;
        let (start, end) = secret(&text[behind + start..behind + end], behind + start)?;
        (start < end).then_some((start, end))
    })
}

/// The secret part of a value that stands at `start`: of a reference to the environment only its
/// default (`${NAME:-default}`).
fn secret(value: &str, start: usize) -> Option<(usize, usize)> {
    let default = if value.starts_with("${") { value.find(":-")? + 2 } else { 0 };
    let end = value.len() - usize::from(default > 0 && value.ends_with('}'));
    (&value[default..end] != HIDDEN).then_some((start + default, start + end))
}

/// `=secret`, `: secret`, `: "secret"`, `": "secret"`, and `:-secret` in `${PASSWORD:-secret}`
fn assigned(behind: &str) -> Option<(usize, usize)> {
    let sign = behind.trim_start_matches(['"', '\'', ' ']);
    let value = sign.strip_prefix(":-").or_else(|| sign.strip_prefix(['=', ':']))?;
    let value = value.trim_start_matches(' ');
    let start = behind.len() - value.len();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quote {
        return value[1..].find(quote).map(|end| (start + 1, start + 1 + end));
    }
    let end = if value.starts_with("${") {
        value.find('}').map(|end| end + 1)
    } else {
        value.find(|c: char| c.is_whitespace() || "&,}\"'`".contains(c))
    };
    Some((start, start + end.unwrap_or(value.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_and_all_else_stays() {
        let cases = [
            ("postgres://ada:s3cret@db:5432/x?a=b", "postgres://ada:***@db:5432/x?a=b"),
            ("url: \"postgres://ada:p@ss@db/x\"", "url: \"postgres://ada:***@db/x\""),
            ("host=db password=s3cret user=ada", "host=db password=*** user=ada"),
            ("cdc: { password: s3cret, role: x }", "cdc: { password: ***, role: x }"),
            ("password: 's3 cret' # why", "password: '***' # why"),
            ("{\"password\": \"s3cret\"}", "{\"password\": \"***\"}"),
            ("password: ${A_PASSWORD:-s3cret}, x", "password: ${A_PASSWORD:-***}, x"),
            ("password: \"${SECRET:-s3cret}\"", "password: \"${SECRET:-***}\""),
            ("postgres://ada:${P:-s3cret}@db/x", "postgres://ada:${P:-***}@db/x"),
            ("PGPASSWORD=s3cret a://b:c@d e://f:g@h", "PGPASSWORD=*** a://b:***@d e://f:***@h"),
        ];
        for (text, clean) in cases {
            assert_eq!(redact(text), clean);
        }
    }

    #[test]
    fn what_is_no_password_is_left_alone() {
        for text in [
            "postgres://db:5432/x and mail@example.com",
            "postgres://ada@db:5432/x",
            "password: ${LOADGEN_PASSWORD:-}, role: x",
            "postgres://ada:${PASSWORD}@db/x",
            "a password is needed",
            "ends in password=",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
