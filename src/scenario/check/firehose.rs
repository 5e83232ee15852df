//! A Firehose target: what is wrong with it, and what it means.

mod stand_in;

use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::FirehoseCreate;
use crate::scenario::FirehoseEndpoint;
use crate::scenario::FirehoseLimits;
use crate::scenario::FirehoseTarget;
use crate::scenario::check::between;
use crate::scenario::check::duration;
use crate::scenario::check::firehose::stand_in::stand_in;
use crate::scenario::check::positive;
use crate::scenario::check::target::is_local;
use crate::scenario::file::CreateFile;
use crate::scenario::file::FirehoseFile;
use crate::scenario::file::LimitsFile;
use crate::units::parse_count;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// What is meant where the file says nothing.
const IN_FLIGHT: u32 = 8;
const LINGER: Duration = Duration::from_millis(100);
const RETRY: Duration = Duration::from_mins(1);
const TIMEOUT: Duration = Duration::from_secs(30);
const QUEUE: u32 = 100_000;
const SIZE: u32 = 5;
const INTERVAL: Duration = Duration::from_mins(1);
/// What a stream of the service takes in most regions.
const LIMITS: FirehoseLimits =
    FirehoseLimits { requests: 1_000, records: 100_000, bytes: 1_024 * 1_024 };
/// For endpoints that look at neither.
const ANY_BUCKET: &str = "arn:aws:s3:::loadgen";
const ANY_ROLE: &str = "arn:aws:iam::000000000000:role/loadgen";

/// Limits of the service, and ours.
const IN_FLIGHT_MAX: u32 = 256;
const PACK_MAX: u32 = 100_000;
const QUEUE_MAX: u32 = 10_000_000;
const LIMIT_MAX: u64 = 1_000_000_000;
const SIZE_MAX: u32 = 128;
const WAIT_MAX: Duration = Duration::from_mins(15);
const STREAM_MAX: usize = 64;

/// An endpoint; mistakes go to `problems`.
pub(super) fn firehose(
    written: &Spanned<ScalarOr<FirehoseFile>>,
    is_allowed: bool,
    problems: &mut Problems,
) -> FirehoseTarget {
    match &written.value {
        ScalarOr::Other(file) => target(file, is_allowed, problems),
        ScalarOr::Scalar(Scalar(_, text)) => {
            let endpoint = Spanned { value: text.clone(), place: written.place };
            target(&FirehoseFile::at(endpoint), is_allowed, problems)
        }
    }
}

fn target(file: &FirehoseFile, is_allowed: bool, problems: &mut Problems) -> FirehoseTarget {
    let limits = file.limits.as_ref().map_or(LIMITS, |limits| self::limits(limits, problems));
    let endpoint = endpoint(file, limits, is_allowed, problems);
    let create = create(file, &endpoint, problems);
    let mut limited = |number: &Option<Spanned<u32>>, what: &str, most, otherwise| {
        let number = number.as_ref().map(|number| between(number, what, 1..=most, problems));
        number.unwrap_or(otherwise)
    };
    let in_flight = limited(&file.in_flight, "in_flight", IN_FLIGHT_MAX, IN_FLIGHT);
    let pack = limited(&file.pack, "pack", PACK_MAX, 1);
    let linger = file.linger.as_ref().and_then(|text| wait(text, "an event", problems));
    let mut time = |text: &Option<Spanned<String>>, otherwise| {
        text.as_ref().and_then(|text| positive(text, problems)).unwrap_or(otherwise)
    };
    let (retry, timeout) = (time(&file.retry, RETRY), time(&file.timeout, TIMEOUT));
    FirehoseTarget {
        endpoint,
        region: file.region.as_ref().map(|region| self::region(region, problems)),
        stream: stream(file, problems),
        create,
        limits,
        in_flight,
        pack,
        linger: linger.unwrap_or(LINGER),
        retry,
        timeout,
        queue: queue(file, problems),
    }
}

fn queue(file: &FirehoseFile, problems: &mut Problems) -> u32 {
    let Some(written) = &file.queue else { return QUEUE };
    let count = parse_count(&written.value).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let message = match count {
        Ok(count) if (1..=QUEUE_MAX).contains(&count) => return count,
        Ok(_) => format!("the queue holds 1 to {QUEUE_MAX} events"),
        Err(message) => message,
    };
    problems.add(Problem::new(message).at(written.place));
    QUEUE
}

/// How long something waits.
fn wait(text: &Spanned<String>, what: &str, problems: &mut Problems) -> Option<Duration> {
    let wait = duration(text, problems)?;
    if wait > WAIT_MAX {
        problems.add(Problem::new(format!("{what} waits 15m at most")).at(text.place));
    }
    Some(wait)
}

fn endpoint(
    file: &FirehoseFile,
    limits: FirehoseLimits,
    is_allowed: bool,
    problems: &mut Problems,
) -> FirehoseEndpoint {
    let written = &file.endpoint;
    if written.value == "embedded" {
        return FirehoseEndpoint::Embedded(stand_in(file.stand_in.as_ref(), limits, problems));
    }
    if let Some(stand_in) = &file.stand_in {
        let problem = Problem::new("only an embedded endpoint takes this").at(stand_in.place);
        problems.add(problem.help("leave `stand_in` out, or write `endpoint: embedded`"));
    }
    let host = host(&written.value);
    let endpoint = match (written.value.as_str(), host) {
        ("aws", _) => FirehoseEndpoint::Aws,
        (url, Some(host)) => FirehoseEndpoint::At(url.to_owned(), is_local(host)),
        (other, None) => {
            let problem = Problem::new(format!("`{other}` is no endpoint")).at(written.place);
            problems
                .add(problem.help("write `embedded`, `aws`, or a URL: `http://127.0.0.1:4573`"));
            return FirehoseEndpoint::Aws;
        }
    };
    if !is_allowed && !matches!(endpoint, FirehoseEndpoint::At(_, true)) {
        let problem = Problem::new("this endpoint is not on this machine").at(written.place);
        let help = "if it may be loaded, write `allow_remote: true` or pass `--allow-remote`";
        problems.add(problem.help(help));
    }
    endpoint
}

/// The host of a URL that can be an endpoint's.
pub(super) fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    // Nobody's name and password belong there, and they could hide the host.
    if authority.contains(['@', '\\']) || authority.contains(char::is_whitespace) {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').or(port.is_empty().then_some("80"))?),
        None => authority.split_once(':').unwrap_or((authority, "80")),
    };
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    (!host.is_empty() && is_port).then_some(host)
}

pub(super) fn region(written: &Spanned<String>, problems: &mut Problems) -> String {
    let name = &written.value;
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if name.is_empty() || !name.chars().all(is_letter) {
        let problem = Problem::new(format!("`{name}` is no region")).at(written.place);
        problems.add(problem.help("write it as the service does: `eu-central-1`"));
    }
    name.clone()
}

fn stream(file: &FirehoseFile, problems: &mut Problems) -> String {
    let Some(written) = &file.stream else { return "{event}".to_owned() };
    let bare = written.value.replace("{event}", "e").replace("{domain}", "d");
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if bare.is_empty() || bare.len() > STREAM_MAX || !bare.chars().all(is_letter) {
        let message = format!("`{}` is no name of a stream", written.value);
        let help = "letters, digits, `.`, `_` and `-`, 64 at most; `{event}` and `{domain}` stand for names";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    written.value.clone()
}

fn create(
    file: &FirehoseFile,
    endpoint: &FirehoseEndpoint,
    problems: &mut Problems,
) -> Option<FirehoseCreate> {
    let written = file.create.as_ref()?;
    match &written.value {
        ScalarOr::Other(create) => Some(made_with(create, problems)),
        ScalarOr::Scalar(Scalar(Kind::Bool, text)) if text == "false" => None,
        ScalarOr::Scalar(Scalar(Kind::Bool, _)) => {
            if *endpoint == FirehoseEndpoint::Aws {
                let message = "the service makes no stream without a bucket and a role";
                problems.add(Problem::new(message).at(written.place).help(WITH));
            }
            Some(FirehoseCreate {
                bucket: ANY_BUCKET.to_owned(),
                role: ANY_ROLE.to_owned(),
                prefix: String::new(),
                is_gzip: true,
                size: SIZE,
                interval: INTERVAL,
            })
        }
        ScalarOr::Scalar(Scalar(_, text)) => {
            let message = format!("`{text}` does not say what a stream is made with");
            problems.add(Problem::new(message).at(written.place).help(WITH));
            None
        }
    }
}

/// What to write instead.
const WITH: &str = "write `create: { bucket: \"arn:aws:s3:::clicks\", role: \
                    \"arn:aws:iam::123456789012:role/delivery\" }`";

fn made_with(file: &CreateFile, problems: &mut Problems) -> FirehoseCreate {
    for (written, middle, example) in [
        (&file.bucket, ":s3:::", "arn:aws:s3:::clicks"),
        (&file.role, ":role/", "arn:aws:iam::123456789012:role/delivery"),
    ] {
        if !written.value.starts_with("arn:") || !written.value.contains(middle) {
            let problem = Problem::new(format!("`{}` is no such ARN", written.value));
            problems.add(problem.at(written.place).help(format!("write it like `{example}`")));
        }
    }
    let interval = file.interval.as_ref().and_then(|text| wait(text, "an object", problems));
    let size = file.size.as_ref().map(|size| between(size, "size", 1..=SIZE_MAX, problems));
    FirehoseCreate {
        bucket: file.bucket.value.clone(),
        role: file.role.value.clone(),
        prefix: file.prefix.as_ref().map(|prefix| prefix.value.clone()).unwrap_or_default(),
        is_gzip: file.gzip.unwrap_or(true),
        size: size.unwrap_or(SIZE),
        interval: interval.unwrap_or(INTERVAL),
    }
}

fn limits(file: &LimitsFile, problems: &mut Problems) -> FirehoseLimits {
    let mut limit = |written: &Option<Spanned<String>>, otherwise| {
        let Some(Spanned { value, place }) = written else { return otherwise };
        amount(value, *place, problems).unwrap_or(otherwise)
    };
    FirehoseLimits {
        requests: limit(&file.requests, LIMITS.requests),
        records: limit(&file.records, LIMITS.records),
        bytes: limit(&file.bytes, LIMITS.bytes),
    }
}

fn amount(text: &str, place: Place, problems: &mut Problems) -> Option<u64> {
    let message = match parse_count(text) {
        Ok(count) if count <= LIMIT_MAX => return Some(count),
        Ok(_) => format!("a limit is {LIMIT_MAX} a second at most, or 0 for none"),
        Err(message) => message,
    };
    problems.add(Problem::new(message).at(place));
    None
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_cannot_be_hidden() {
        for (url, expected) in [
            ("http://127.0.0.1:4573", Some("127.0.0.1")),
            (
                "https://firehose.eu-central-1.amazonaws.com/",
                Some("firehose.eu-central-1.amazonaws.com"),
            ),
            ("http://[::1]:80/x", Some("::1")),
            ("http://[::1]", Some("::1")),
            ("http://localhost@example.com", None),
            ("http://localhost:80@example.com", None),
            ("http://localhost\\@example.com", None),
            ("http://localhost:99999", None),
            ("http://:80", None),
            ("localhost:80", None),
            ("ftp://localhost", None),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
