//! A Firehose target: what is wrong with it, and what it means.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::FirehoseCreate;
use crate::scenario::FirehoseEndpoint;
use crate::scenario::FirehoseFail;
use crate::scenario::FirehoseTarget;
use crate::scenario::check::between;
use crate::scenario::check::duration;
use crate::scenario::check::positive;
use crate::scenario::check::target::is_local;
use crate::scenario::file::CreateFile;
use crate::scenario::file::FailFile;
use crate::scenario::file::FirehoseFile;
use crate::scenario::file::QuotaFile;
use crate::units::parse_count;
use crate::yaml::Spanned;

/// What is meant where the file says nothing.
const CALLS: u32 = 8;
const LINGER: Duration = Duration::from_millis(100);
const RETRY: Duration = Duration::from_mins(1);
const TIMEOUT: Duration = Duration::from_secs(30);
const QUEUE: u64 = 100_000;
const SIZE: u32 = 5;
const INTERVAL: Duration = Duration::from_mins(1);
/// The service's quota in most regions: calls, records and bytes a second.
const QUOTA: [u64; 3] = [1_000, 100_000, 1_024 * 1_024];

/// Limits of the service, and ours.
const CALLS_MAX: u32 = 256;
const EVENTS_MAX: u32 = 100_000;
const QUEUE_MAX: u64 = 10_000_000;
const QUOTA_MAX: u64 = 1_000_000_000;
const SIZE_MAX: u32 = 128;
const INTERVAL_MAX: Duration = Duration::from_mins(15);
const LINGER_MAX: Duration = Duration::from_mins(15);
const STREAM_MAX: usize = 64;
/// Without a quota of bytes for the largest record, that record would wait for ever.
const RECORD_BYTES_MAX: u64 = 1_000 * 1_024;

/// An endpoint; mistakes go to `problems`.
pub(super) fn firehose(
    file: &FirehoseFile,
    is_allowed: bool,
    problems: &mut Problems,
) -> FirehoseTarget {
    let endpoint = endpoint(file, is_allowed, problems);
    let mut limited = |number: &Option<Spanned<u32>>, what: &str, most, otherwise| {
        let number = number.as_ref().map(|number| between(number, what, 1..=most, problems));
        number.unwrap_or(otherwise)
    };
    let calls = limited(&file.calls, "calls", CALLS_MAX, CALLS);
    let events_per_record = limited(&file.events_per_record, "events_per_record", EVENTS_MAX, 1);
    let queue = match file.queue.as_ref().map(|written| (written, parse_count(&written.value))) {
        None => QUEUE,
        Some((_, Ok(count))) if (1..=QUEUE_MAX).contains(&count) => count,
        Some((written, wrong)) => {
            let otherwise = format!("the queue holds 1 to {QUEUE_MAX} events");
            let message = wrong.err().unwrap_or(otherwise);
            problems.add(Problem::new(message).at(written.place));
            QUEUE
        }
    };
    let linger = file.linger.as_ref().and_then(|text| {
        let linger = duration(text, problems)?;
        if linger > LINGER_MAX {
            problems.add(Problem::new("an event waits 15m at most").at(text.place));
        }
        Some(linger)
    });
    let mut time = |text: &Option<Spanned<String>>, otherwise| {
        text.as_ref().and_then(|text| positive(text, problems)).unwrap_or(otherwise)
    };
    let (retry, timeout) = (time(&file.retry, RETRY), time(&file.timeout, TIMEOUT));
    FirehoseTarget {
        endpoint,
        region: file.region.as_ref().map(|region| region.value.clone()),
        stream: stream(file, problems),
        create: file.create.as_ref().map(|create| self::create(&create.value, problems)),
        quota: file.quota.as_ref().map_or(QUOTA, |quota| self::quota(&quota.value, problems)),
        calls,
        events_per_record,
        linger: linger.unwrap_or(LINGER),
        retry,
        timeout,
        queue,
    }
}

fn endpoint(file: &FirehoseFile, is_allowed: bool, problems: &mut Problems) -> FirehoseEndpoint {
    let written = &file.endpoint;
    if written.value == "embedded" {
        let fail = file.fail.as_ref().map_or(NEVER, |fail| self::fail(fail, problems));
        let folder = file.folder.as_ref().map(|folder| PathBuf::from(&folder.value));
        return FirehoseEndpoint::Embedded { fail, folder };
    }
    let words = [
        ("fail", file.fail.as_ref().map(|fail| fail.place)),
        ("folder", file.folder.as_ref().map(|folder| folder.place)),
    ];
    for (word, place) in words.into_iter().filter_map(|(word, place)| Some((word, place?))) {
        let problem = Problem::new(format!("`{word}` is for the stand-in alone")).at(place);
        problems.add(problem.help("leave it out, or write `endpoint: embedded`"));
    }
    let url = written.value.as_str();
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    let endpoint = match (url, host) {
        ("aws", _) => FirehoseEndpoint::Aws,
        (_, Some(host)) if !host.is_empty() => FirehoseEndpoint::At(url.to_owned()),
        _ => {
            let problem = Problem::new(format!("`{url}` is no endpoint")).at(written.place);
            problems.add(problem.help("write `embedded`, `aws`, or a URL: `http://127.0.0.1:4573`"));
            return FirehoseEndpoint::Aws;
        }
    };
    if !is_allowed && !host.is_some_and(is_local) {
        let problem = Problem::new("this endpoint is not on this machine").at(written.place);
        let help = "if it may be loaded, write `allow_remote: true` or pass `--allow-remote`";
        problems.add(problem.help(help));
    }
    endpoint
}

fn stream(file: &FirehoseFile, problems: &mut Problems) -> String {
    let Some(written) = &file.stream else { return "{event}".to_owned() };
    let bare = written.value.replace("{event}", "e").replace("{domain}", "d");
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if bare.is_empty() || bare.len() > STREAM_MAX || !bare.chars().all(is_letter) {
        let message = format!("`{}` is no name of a stream", written.value);
        let help =
            "letters, digits, `.`, `_` and `-`, 64 at most; `{event}` and `{domain}` stand for names";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    written.value.clone()
}

fn create(file: &CreateFile, problems: &mut Problems) -> FirehoseCreate {
    for (written, begin, example) in [
        (&file.bucket, ":s3:::", "arn:aws:s3:::clicks"),
        (&file.role, ":role/", "arn:aws:iam::123456789012:role/delivery"),
    ] {
        if !written.value.starts_with("arn:") || !written.value.contains(begin) {
            let problem = Problem::new(format!("`{}` is not such an ARN", written.value));
            problems.add(problem.at(written.place).help(format!("write it like `{example}`")));
        }
    }
    let interval = file.interval.as_ref().and_then(|text| {
        let interval = duration(text, problems)?;
        if interval > INTERVAL_MAX {
            problems.add(Problem::new("an object waits 15m at most").at(text.place));
        }
        Some(interval)
    });
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

fn quota(file: &QuotaFile, problems: &mut Problems) -> [u64; 3] {
    let mut limits = QUOTA;
    for (limit, written) in limits.iter_mut().zip([&file.requests, &file.records, &file.bytes]) {
        let Some(written) = written else { continue };
        match parse_count(&written.value) {
            Ok(count) if count <= QUOTA_MAX => *limit = count,
            Ok(_) => {
                let message = format!("a quota is {QUOTA_MAX} a second at most");
                problems.add(Problem::new(message).at(written.place));
            }
            Err(message) => problems.add(Problem::new(message).at(written.place)),
        }
    }
    if let Some(written) = &file.bytes
        && (1..RECORD_BYTES_MAX).contains(&limits[2])
    {
        let message = "less than a record may have, which is 1024000 bytes";
        let help = "write 1024000 or more, or 0 for no limit";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    limits
}

/// It does not fail.
const NEVER: FirehoseFail = FirehoseFail {
    partial: 0.0,
    partial_records: 0.5,
    throttled: 0.0,
    error: 0.0,
    reset: 0.0,
    delay: (Duration::ZERO, Duration::ZERO),
};

fn fail(file: &Spanned<FailFile>, problems: &mut Problems) -> FirehoseFail {
    let Spanned { value: written, place } = file;
    let mut share = |share: &Option<Spanned<f64>>, otherwise: f64| {
        let Some(share) = share else { return otherwise };
        if !(0.0..=1.0).contains(&share.value) {
            let problem = Problem::new("a share lies between 0 and 1").at(share.place);
            problems.add(problem);
            return otherwise;
        }
        share.value
    };
    let mut fail = FirehoseFail {
        partial: share(&written.partial, 0.0),
        partial_records: share(&written.partial_records, NEVER.partial_records),
        throttled: share(&written.throttled, 0.0),
        error: share(&written.error, 0.0),
        reset: share(&written.reset, 0.0),
        delay: NEVER.delay,
    };
    let sum = fail.partial + fail.throttled + fail.error + fail.reset;
    if sum > 1.0 + 1e-9 {
        let message = format!("the shares make {sum}: a call fails in one way only");
        problems.add(Problem::new(message).at(*place).help("let them make 1 at most"));
    }
    let mut time = |text: &Option<Spanned<String>>| {
        text.as_ref().and_then(|text| duration(text, problems))
    };
    let least = time(&written.delay).unwrap_or_default();
    let most = time(&written.delay_max).unwrap_or(least);
    if let Some(text) = written.delay_max.as_ref().filter(|_| most < least) {
        problems.add(Problem::new("`delay_max` is shorter than `delay`").at(text.place));
    }
    fail.delay = (least, most.max(least));
    fail
}
