//! The password file of libpq: `host:port:database:user:password`, one login a line.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use secrecy::SecretString;

/// More than any real file; the rest is not read.
const BYTES_MAX: u64 = 1024 * 1024;

/// Passwords by login. A file that is not there has none.
#[derive(Debug, Clone, Default)]
pub(super) struct Passfile {
    logins: Vec<Login>,
    warning: Option<String>,
}

/// One line.
#[derive(Debug, Clone)]
struct Login {
    host: Field,
    port: Field,
    database: Field,
    user: Field,
    password: SecretString,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Any,
    Is(String),
}

impl Field {
    fn matches(&self, text: &str) -> bool {
        match self {
            Field::Any => true,
            Field::Is(expected) => expected == text,
        }
    }
}

/// Where a password is to be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The names under which the host may stand in the file.
    pub(super) hosts: &'a [&'a str],
    /// The port.
    pub(super) port: u16,
    /// The database.
    pub(super) database: &'a str,
    /// The user.
    pub(super) user: &'a str,
}

impl Passfile {
    /// Reads a file. As libpq, one that others may read is ignored: see [`Passfile::warning`].
    pub(super) fn read(path: &Path) -> Passfile {
        let ignored = |why: &str| Passfile {
            logins: Vec::new(),
            warning: Some(format!("the password file `{}` is ignored: {why}", path.display())),
        };
        // Looked at before it is opened: to open a pipe would wait for its writer.
        match std::fs::metadata(path) {
            Err(_) => return Passfile::default(),
            Ok(found) if !found.is_file() => return ignored("it is not a plain file"),
            Ok(found) if found.mode() & 0o077 != 0 => {
                return ignored("others than its owner may use it; run `chmod 0600` on it");
            }
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes)) {
            Ok(_) => Passfile::parse(&String::from_utf8_lossy(&bytes)),
            Err(error) => ignored(&error.kind().to_string()),
        }
    }

    /// Takes the text of such a file. Lines that are not logins are passed over, as by libpq.
    pub(super) fn parse(text: &str) -> Passfile {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Passfile { logins: lines.filter_map(login).collect(), warning: None }
    }

    /// Why the file was not used, if it is there.
    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The password of the first line that fits.
    pub(super) fn find(&self, place: &Place<'_>) -> Option<&SecretString> {
        let port = place.port.to_string();
        let fits = |login: &&Login| {
            place.hosts.iter().any(|host| login.host.matches(host))
                && login.port.matches(&port)
                && login.database.matches(place.database)
                && login.user.matches(place.user)
        };
        self.logins.iter().find(fits).map(|login| &login.password)
    }
}

fn login(line: &str) -> Option<Login> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = field(rest)?;
        rest = after;
        Some(field)
    };
    let (host, port, database, user) = (field()?, field()?, field()?, field()?);
    let password = SecretString::from(unescaped(rest));
    Some(Login { host, port, database, user, password })
}

/// The text up to the next `:` that no backslash precedes, and what follows it.
fn field(text: &str) -> Option<(Field, &str)> {
    let mut escaped = false;
    let end = text.char_indices().find_map(|(at, c)| {
        let ends = c == ':' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })?;
    let (field, rest) = (&text[..end], &text[end + 1..]);
    Some((if field == "*" { Field::Any } else { Field::Is(unescaped(field)) }, rest))
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    fn found(file: &str, host: &str, user: &str) -> Option<String> {
        let place = Place { hosts: &[host], port: 5432, database: "shop", user };
        Passfile::parse(file).find(&place).map(|password| password.expose_secret().to_owned())
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let file = "# comment\nnonsense\n\ndb:5433:*:me:no\ndb:5432:shop:me:yes\n*:*:*:*:any\r\n";
        assert_eq!(found(file, "db", "me").as_deref(), Some("yes"));
        assert_eq!(found(file, "other", "me").as_deref(), Some("any"));
        assert_eq!(found("db:5432:other:me:no", "db", "me"), None);
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        let file = r"fe80\:\:1:5432:shop:a\\b:p\:w\\x:y";
        assert_eq!(found(file, "fe80::1", r"a\b").as_deref(), Some(r"p:w\x:y"));
        assert_eq!(found(r"\*:*:*:*:no", "db", "me"), None, "an escaped star is a star");
    }

    #[test]
    fn debug_shows_no_password() {
        assert!(!format!("{:?}", Passfile::parse("*:*:*:*:s3cret")).contains("s3cret"));
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "[a:*\\\\#\n]{0,60}") {
            let _ = found(&text, "a", "a");
        }
    }
}
