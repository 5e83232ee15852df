//! Connection strings in libpq's two spellings, taken apart. Pure: knows no key's meaning.
//!
//! No error repeats text that stands where a password may stand.

use super::AddressError;

/// Keys and values as written, in order; of a key given twice the later one counts.
pub(super) type Pairs = Vec<(String, String)>;

/// Longest connection string, in bytes.
const TEXT_MAX: usize = 64 * 1024;

const ENCODE: &str = "in a password or a name write `@` as `%40`, `:` as `%3A`, `/` as `%2F`, \
                      `?` as `%3F`, `&` as `%26` and `%` as `%25`";

/// Takes a URL or a key-value string apart.
pub(super) fn pairs(text: &str) -> Result<Pairs, AddressError> {
    if text.len() > TEXT_MAX {
        return Err(AddressError::new("the address is longer than 64 KiB"));
    }
    if text.contains('\0') {
        return Err(AddressError::new("the address has a NUL byte"));
    }
    let text = text.trim_start();
    let scheme = ["postgres://", "postgresql://"];
    match scheme.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        Some(rest) => url(rest.trim_end()),
        None if is_url(text) => Err(AddressError::new(
            "the address does not begin with `postgres://` or `postgresql://`",
        )),
        None => key_values(text),
    }
}

/// Whether it begins with some scheme; a value of a key may hold `://` too.
fn is_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+'))
}

/// `[user[:password]@][host[:port][,…]][/database][?key=value[&…]]`
fn url(rest: &str) -> Result<Pairs, AddressError> {
    let mut pairs = Pairs::new();
    // As libpq: credentials end at the first `@`, unless a `/` stands before it.
    let rest = match rest.find(['@', '/']).filter(|&at| rest.as_bytes()[at] == b'@') {
        Some(at) => {
            credentials(&rest[..at], &mut pairs)?;
            &rest[at + 1..]
        }
        None => rest,
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    if place.contains('@') {
        // Most likely the tail of a password that was not encoded: not to be taken for a host.
        return Err(AddressError::new(format!("the URL has an `@` too many: {ENCODE}")));
    }
    self::hosts(hosts, &mut pairs)?;
    if !database.is_empty() {
        pairs.push(("dbname".to_owned(), decode(database)?));
    }
    self::query(query, &mut pairs)?;
    Ok(pairs)
}

fn credentials(text: &str, pairs: &mut Pairs) -> Result<(), AddressError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    if !user.is_empty() {
        pairs.push(("user".to_owned(), decode(user)?));
    }
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        pairs.push(("password".to_owned(), decode(password)?));
    }
    Ok(())
}

/// `host[:port][,…]`, where a host may be `[IPv6]` or a percent-encoded socket folder.
fn hosts(text: &str, pairs: &mut Pairs) -> Result<(), AddressError> {
    if text.is_empty() {
        return Ok(());
    }
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for part in text.split(',') {
        let (name, port) = match part.strip_prefix('[') {
            Some(rest) => {
                let (name, after) = rest
                    .split_once(']')
                    .ok_or_else(|| AddressError::new("the URL lacks the `]` after a `[`"))?;
                let port = after.strip_prefix(':');
                if port.is_none() && !after.is_empty() {
                    return Err(AddressError::new(
                        "the URL has text between an IPv6 address's `]` and its `:port`",
                    ));
                }
                (name, port)
            }
            None => match part.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (part, None),
            },
        };
        names.push(decode(name)?);
        ports.push(decode(port.unwrap_or(""))?);
    }
    if names.iter().any(|name| !name.is_empty()) {
        pairs.push(("host".to_owned(), names.join(",")));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        pairs.push(("port".to_owned(), ports.join(",")));
    }
    Ok(())
}

fn query(text: &str, pairs: &mut Pairs) -> Result<(), AddressError> {
    for part in text.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            AddressError::new(format!("behind the URL's `?` a key lacks its `=value`; {ENCODE}"))
        })?;
        let (key, value) = (decode(key)?, decode(value)?);
        match (key.as_str(), value.as_str()) {
            // The spelling of JDBC, which libpq takes too.
            ("ssl", "true") => pairs.push(("sslmode".to_owned(), "require".to_owned())),
            _ => pairs.push((key, value)),
        }
    }
    Ok(())
}

fn decode(text: &str) -> Result<String, AddressError> {
    let wrong = || AddressError::new(format!("the URL has a `%` without two hex digits; {ENCODE}"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
        let byte = u8::try_from(high * 16 + low).map_err(|_| wrong())?;
        if byte == 0 {
            return Err(AddressError::new("the URL has a `%00`, which no value may contain"));
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes)
        .map_err(|_| AddressError::new("the URL's percent-encoded bytes are not UTF-8"))
}

/// `key = value key = 'va\'lue' …`
fn key_values(text: &str) -> Result<Pairs, AddressError> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let after = after.trim_start().strip_prefix('=').ok_or_else(|| {
            AddressError::new(
                "the address is neither a URL (`postgres://user@host:5432/database`) nor a list of \
                 `key=value`; a value with spaces needs quotes: `password='a b'`",
            )
        })?;
        if key.is_empty() {
            return Err(AddressError::new("the address has a `=` without a key before it"));
        }
        let (value, after) = value(after.trim_start())?;
        pairs.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// The value at the beginning, and what follows it.
fn value(text: &str) -> Result<(String, &str), AddressError> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            // Libpq drops a lone backslash at the end, and so do we.
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if !quoted && c.is_whitespace() => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted {
        return Err(AddressError::new("the address lacks the `'` that ends a quoted value"));
    }
    Ok((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owned(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn urls_come_apart() {
        for (text, expected) in [
            ("postgres://", &[][..]),
            ("postgresql:///shop", &[("dbname", "shop")]),
            ("postgres://db", &[("host", "db")]),
            (
                "postgres://me:p%40%3A%2F%20%27%22@db:6543/shop?sslmode=disable",
                &[
                    ("user", "me"),
                    ("password", "p@:/ '\""),
                    ("host", "db"),
                    ("port", "6543"),
                    ("dbname", "shop"),
                    ("sslmode", "disable"),
                ],
            ),
            (
                "postgres://a:1,[::1]:2,c/d",
                &[("host", "a,::1,c"), ("port", "1,2,"), ("dbname", "d")],
            ),
            ("postgres://%2Ftmp/d", &[("host", "/tmp"), ("dbname", "d")]),
            (
                "postgres:///d?host=/tmp&ssl=true",
                &[("dbname", "d"), ("host", "/tmp"), ("sslmode", "require")],
            ),
        ] {
            assert_eq!(pairs(text).unwrap(), owned(expected), "{text}");
        }
    }

    #[test]
    fn key_values_come_apart() {
        let text = r"host=a port = 5 user=x://y password='it\'s a \\ b'  dbname=x\ y options=''";
        let expected = [
            ("host", "a"),
            ("port", "5"),
            ("user", "x://y"),
            ("password", r"it's a \ b"),
            ("dbname", "x y"),
            ("options", ""),
        ];
        assert_eq!(pairs(text).unwrap(), owned(&expected));
    }

    #[test]
    fn a_password_written_wrongly_is_never_repeated() {
        for text in [
            "postgres://me:s3cr@et@db/shop",
            "postgres://me:s3cr/et@db/shop",
            "postgres://me:s3cr%zet@db/shop",
            "postgres://db/shop?password=s3cr&et",
            "password=s3cr et host=db",
            "password='s3cr et",
            "mysql://me:s3cret@db/shop",
            "s3cret",
        ] {
            let error = pairs(text).unwrap_err().to_string();
            assert!(!error.contains("s3cr") && !error.contains("et@"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}", tail in "[a@:/?&=%\\[\\],' \\\\]{0,30}") {
            let _ = pairs(&text);
            let _ = pairs(&tail);
            let _ = pairs(&format!("postgres://{tail}"));
        }

        #[test]
        fn any_password_survives_quoting(password in "[^\0]{0,40}") {
            let escaped = password.replace('\\', r"\\").replace('\'', r"\'");
            let found = pairs(&format!("password='{escaped}' host=a")).unwrap();
            prop_assert_eq!(&found[0].1, &password);
            let encode = |url: String, byte: u8| format!("{url}%{byte:02x}");
            let encoded = password.bytes().fold(String::new(), encode);
            let found = pairs(&format!("postgres://me:{encoded}@a")).unwrap();
            let kept = found.iter().find(|(key, _)| key == "password").map(|(_, value)| value.clone());
            prop_assert_eq!(kept.unwrap_or_default(), password);
        }
    }
}
