//! How events are written, and where their schemas are registered.

use secrecy::SecretString;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::EventFormat;
use crate::scenario::SchemaRegistry;
use crate::scenario::check::target::is_local;
use crate::scenario::file::FormatFile;
use crate::scenario::file::KafkaFile;
use crate::scenario::file::RegistryFile;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// How events are written; mistakes go to `problems`.
pub(super) fn format(file: &KafkaFile, is_allowed: bool, problems: &mut Problems) -> EventFormat {
    let format = file.format.as_ref().map_or(FormatFile::Json, |format| format.value);
    let registry = file.registry.as_ref().map(|written| {
        registry(written, (is_allowed, "schemas may be registered there"), problems)
    });
    match (format, registry) {
        (FormatFile::Json, None) => EventFormat::Json,
        (FormatFile::Json, Some(_)) => {
            if let Some(written) = &file.registry {
                let problem = Problem::new("JSON is written without a schema").at(written.place);
                problems.add(problem.help("write `format: avro`, or leave `registry` out"));
            }
            EventFormat::Json
        }
        (FormatFile::Avro, Some(registry)) => EventFormat::Avro(registry),
        (FormatFile::Avro, None) => {
            if let Some(written) = &file.format {
                let problem = Problem::new("nobody could read Avro without its schema");
                let help =
                    "write where schemas are registered: `registry: \"http://localhost:8081\"`";
                problems.add(problem.at(written.place).help(help));
            }
            EventFormat::Json
        }
    }
}

/// A registry; mistakes go to `problems`. If it is elsewhere, it must be allowed that this `may_be`.
pub(in crate::scenario::check) fn registry(
    written: &Spanned<ScalarOr<RegistryFile>>,
    (is_allowed, may_be): (bool, &str),
    problems: &mut Problems,
) -> SchemaRegistry {
    let file = match &written.value {
        ScalarOr::Other(file) => RegistryFile::clone(file),
        ScalarOr::Scalar(Scalar(_, text)) => {
            let url = Spanned { value: text.clone(), place: written.place };
            RegistryFile { url, user: None, password: None, ca: None }
        }
    };
    let is_here = address(&file.url, (is_allowed, may_be), problems);
    if let (None, Some(password)) = (&file.user, &file.password) {
        let problem = Problem::new("a password without a user logs nobody in").at(password.place);
        problems.add(problem.help("write `user` beside it"));
    }
    let text = |word: Option<Spanned<String>>| word.map(|word| word.value);
    SchemaRegistry {
        url: file.url.value.trim().trim_end_matches('/').to_owned(),
        is_local: is_here,
        user: text(file.user),
        password: text(file.password).map(SecretString::from),
        ca: text(file.ca),
    }
}

/// Looks at an address. Returns whether it is on this machine.
fn address(
    url: &Spanned<String>,
    (is_allowed, may_be): (bool, &str),
    problems: &mut Problems,
) -> bool {
    let text = url.value.trim();
    let bare = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = bare.map(|bare| bare.split(['/', '?', '#']).next().unwrap_or(bare));
    let Some(host) = host.filter(|host| !host.is_empty() && !text.contains(char::is_whitespace))
    else {
        let problem = Problem::new("this is not the address of a schema registry").at(url.place);
        problems.add(problem.help("write it like `http://localhost:8081`"));
        return false;
    };
    if host.contains('@') {
        let problem = Problem::new("a login does not stand in the address").at(url.place);
        problems.add(problem.help("write `registry: { url: …, user: …, password: \"${…}\" }`"));
        return false;
    }
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name =
        host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let is_here = is_local(name);
    if !is_here && !is_allowed {
        let problem = Problem::new("this schema registry is not on this machine").at(url.place);
        let help = format!("if {may_be}, write `allow_remote: true` or pass `--allow-remote`");
        problems.add(problem.help(help));
    }
    is_here
}
