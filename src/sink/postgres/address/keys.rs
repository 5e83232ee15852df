//! Which keys an address may have, where their values come from, and what is done with each.

use super::AddressError;
use super::text::Pairs;

/// What is done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It says how to connect.
    Obeyed,
    /// Leaving it out changes nothing that matters here.
    Ignored,
    /// Leaving it out would connect elsewhere or less safely than asked for.
    Refused,
}

/// Key, the environment variable that stands in for it, and what is done with it.
const KEYS: &[(&str, &str, Use)] = &[
    ("host", "PGHOST", Use::Obeyed),
    ("hostaddr", "PGHOSTADDR", Use::Obeyed),
    ("port", "PGPORT", Use::Obeyed),
    ("user", "PGUSER", Use::Obeyed),
    ("password", "PGPASSWORD", Use::Obeyed),
    ("dbname", "PGDATABASE", Use::Obeyed),
    ("passfile", "PGPASSFILE", Use::Obeyed),
    ("sslmode", "PGSSLMODE", Use::Obeyed),
    ("sslrootcert", "PGSSLROOTCERT", Use::Obeyed),
    ("sslcert", "PGSSLCERT", Use::Obeyed),
    ("sslkey", "PGSSLKEY", Use::Obeyed),
    ("connect_timeout", "PGCONNECT_TIMEOUT", Use::Obeyed),
    ("options", "PGOPTIONS", Use::Obeyed),
    ("application_name", "PGAPPNAME", Use::Obeyed),
    ("fallback_application_name", "", Use::Obeyed),
    ("channel_binding", "PGCHANNELBINDING", Use::Obeyed),
    ("target_session_attrs", "PGTARGETSESSIONATTRS", Use::Obeyed),
    ("client_encoding", "", Use::Ignored),
    ("keepalives", "", Use::Ignored),
    ("keepalives_idle", "", Use::Ignored),
    ("keepalives_interval", "", Use::Ignored),
    ("keepalives_count", "", Use::Ignored),
    ("tcp_user_timeout", "", Use::Ignored),
    ("sslcompression", "", Use::Ignored),
    ("sslsni", "", Use::Ignored),
    ("ssl_max_protocol_version", "", Use::Ignored),
    ("gssencmode", "", Use::Ignored),
    ("gsslib", "", Use::Ignored),
    ("gssdelegation", "", Use::Ignored),
    ("krbsrvname", "", Use::Ignored),
    ("load_balance_hosts", "", Use::Ignored),
    ("min_protocol_version", "", Use::Ignored),
    ("max_protocol_version", "", Use::Ignored),
    ("ssl_min_protocol_version", "", Use::Refused),
    ("sslnegotiation", "", Use::Refused),
    ("sslpassword", "", Use::Refused),
    ("sslcrl", "PGSSLCRL", Use::Refused),
    ("sslcrldir", "PGSSLCRLDIR", Use::Refused),
    ("requirepeer", "PGREQUIREPEER", Use::Refused),
    ("require_auth", "PGREQUIREAUTH", Use::Refused),
    ("service", "", Use::Refused),
    ("servicefile", "", Use::Refused),
    ("replication", "", Use::Refused),
];

/// Values that ask of a refused key only what is done anyway.
const HARMLESS: &[(&str, &[&str])] = &[
    ("ssl_min_protocol_version", &["", "TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("sslnegotiation", &["", "postgres"]),
    ("replication", &["", "false", "off", "no", "0"]),
];

/// How far a misspelt key may be from the one that is proposed (Damerau-Levenshtein, of 1).
const NEAR: f64 = 0.6;

/// The values given, each under a key that is known; the environment fills what is not given.
#[derive(Default)]
pub(super) struct Values {
    given: Pairs,
    pub(super) environment: Pairs,
}

impl Values {
    /// Sorts out what was given; `env` looks an environment variable up.
    pub(super) fn new(
        given: Pairs,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Values, AddressError> {
        let mut after_password = false;
        for (key, value) in &given {
            check(key, value, after_password)?;
            after_password |= key == "password" || key == "sslpassword";
        }
        let mut environment = Pairs::new();
        for (key, variable, purpose) in KEYS {
            let value = Some(*variable).filter(|name| !name.is_empty()).and_then(env);
            let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
            if *purpose == Use::Refused && !given.iter().any(|(name, _)| name == key) {
                return Err(refused(&format!("the environment variable `{variable}`")));
            }
            if value.contains('\0') {
                return Err(AddressError::new(format!("`{variable}` has a NUL byte")));
            }
            environment.push(((*key).to_owned(), value));
        }
        Ok(Values { given, environment })
    }

    /// A key's value: the last one given, else the environment's. An empty one counts as none.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let named = |(name, _): &&(String, String)| name == key;
        let given = self.given.iter().rev().find(named);
        let found = given.or_else(|| self.environment.iter().find(named));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

fn check(key: &str, value: &str, after_password: bool) -> Result<(), AddressError> {
    let known = KEYS.iter().find(|(name, ..)| *name == key);
    let harmless = |(name, values): &(&str, &[&str])| *name == key && values.contains(&value);
    match known {
        Some((_, _, Use::Refused)) if !HARMLESS.iter().any(harmless) => {
            Err(refused(&format!("`{key}`")))
        }
        Some(_) if key == "gssencmode" && value == "require" => {
            Err(refused("`gssencmode=require`"))
        }
        Some(_) => Ok(()),
        // What follows a password may be a piece of it that should have been encoded or quoted.
        None if after_password => Err(AddressError::new(
            "an unknown key follows the password: if it is a part of the password, write `&` as \
             `%26` in a URL, and quote a value with spaces elsewhere",
        )),
        None => {
            let names = KEYS.iter().filter(|(.., purpose)| *purpose != Use::Refused);
            let near = names
                .map(|(name, ..)| (strsim::normalized_damerau_levenshtein(key, name), *name))
                .filter(|(score, _)| *score >= NEAR)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let help = near.map(|(_, name)| format!("; did you mean `{name}`?"));
            let key = super::super::error::tidy(key);
            let help = help.unwrap_or_default();
            Err(AddressError::new(format!("the address has an unknown key `{key}`{help}")))
        }
    }
}

fn refused(what: &str) -> AddressError {
    AddressError::new(format!(
        "{what} is not supported, and ignoring it could connect elsewhere or less safely; leave it out"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(key: &str, value: &str) -> String {
        check(key, value, false).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        assert!(complaint("sslmod", "x").ends_with("did you mean `sslmode`?"));
        assert!(complaint("timeout", "x").contains("unknown key `timeout`"));
        assert!(!complaint("zzz", "x").contains("did you mean"));
    }

    #[test]
    fn what_would_weaken_the_connection_is_refused() {
        assert!(complaint("sslcrl", "x").contains("`sslcrl` is not supported"));
        assert!(complaint("ssl_min_protocol_version", "TLSv1.3").contains("not supported"));
        assert!(check("ssl_min_protocol_version", "TLSv1.2", false).is_ok());
        assert!(complaint("gssencmode", "require").contains("not supported"));
        assert!(check("keepalives", "1", false).is_ok());
    }
}
