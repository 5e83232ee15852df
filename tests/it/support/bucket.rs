//! An S3 server of the tests' own, as far as loadgen asks for it: it lists and hands over what is in a folder, to whoever signs. It
//! lives as long as the test, on a thread of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

/// What it is called.
pub(crate) const NAME: &str = "archive";
/// So many names make a part of a list: far fewer than Amazon's, so that lists have parts.
const PAGE: usize = 20;

#[derive(Clone)]
pub(crate) struct Bucket {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// So many requests are let through before one is told to slow down.
    busy_every: Option<usize>,
    requests: usize,
    refused: usize,
    unsigned: Vec<String>,
    /// How many parts the longest list had.
    parts: usize,
}

impl Bucket {
    /// Has what is in a folder.
    pub(crate) fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let (folder, shared) = (folder.to_owned(), Arc::clone(&state));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(&stream.unwrap(), &folder, &shared);
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on each request of so many is told to slow down.
    pub(crate) fn be_busy(&self, every: usize) {
        self.state.lock().unwrap().busy_every = Some(every);
    }

    /// How many requests were told to slow down.
    pub(crate) fn refused(&self) -> usize {
        self.state.lock().unwrap().refused
    }

    /// Each request was signed, and lists had several parts.
    pub(crate) fn assert_was_asked_well(&self) {
        let state = self.state.lock().unwrap();
        assert!(state.unsigned.is_empty(), "{:?}", state.unsigned);
        assert!(state.parts > 2, "{}", state.parts);
    }
}

fn answer(mut stream: &TcpStream, folder: &Path, state: &Mutex<State>) -> std::io::Result<()> {
    let mut head = BufReader::new(stream).lines().map_while(Result::ok);
    let first = head.next().unwrap_or_default();
    let headers: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
    let headers = headers.join("\n").to_ascii_lowercase();
    let is_signed = headers.contains("authorization: aws4-hmac-sha256 credential=")
        && headers.contains("/us-east-1/s3/aws4_request")
        && headers.contains("x-amz-content-sha256: ");
    let target = first.split(' ').nth(1).unwrap_or_default();
    let (status, body) = state.lock().unwrap().answer((target, is_signed), folder);
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}

impl State {
    fn answer(&mut self, (target, is_signed): (&str, bool), folder: &Path) -> (u16, Vec<u8>) {
        self.requests += 1;
        if !is_signed {
            self.unsigned.push(target.to_owned());
            return (403, b"<Code>AccessDenied</Code>".to_vec());
        }
        if self.busy_every.is_some_and(|every| self.requests.is_multiple_of(every)) {
            self.refused += 1;
            return (503, b"<Code>SlowDown</Code>".to_vec());
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = plain(path);
        let Some(key) = path.strip_prefix(&format!("/{NAME}/")) else {
            return (404, b"<Code>NoSuchBucket</Code>".to_vec());
        };
        if key.is_empty() {
            return (200, self.list(query, folder).into_bytes());
        }
        match fs::read(folder.join(key)) {
            Ok(bytes) => (200, bytes),
            Err(_) => (404, b"<Code>NoSuchKey</Code>".to_vec()),
        }
    }

    /// A part of the list of what begins with a prefix.
    fn list(&mut self, query: &str, folder: &Path) -> String {
        let asked: BTreeMap<_, _> = query.split('&').filter_map(|it| it.split_once('=')).collect();
        assert_eq!(asked.get("list-type"), Some(&"2"), "{query}");
        let part = |name: &str| asked.get(name).map_or_else(String::new, |text| plain(text));
        let (prefix, behind) = (part("prefix"), part("continuation-token"));
        let mut all = BTreeMap::new();
        below(folder, folder, &mut all);
        all.retain(|key, _| key.starts_with(&prefix));
        self.parts = self.parts.max(all.len().div_ceil(PAGE));
        let mut rest = all.iter().filter(|(key, _)| **key > behind).peekable();
        let mut said = "<ListBucketResult>".to_owned();
        let mut last = String::new();
        for (key, tag) in rest.by_ref().take(PAGE) {
            let key_said = key.replace('&', "&amp;");
            let _ = write!(
                said,
                "<Contents><Key>{key_said}</Key><ETag>&quot;{tag}&quot;</ETag></Contents>"
            );
            last.clone_from(key);
        }
        let is_more = rest.peek().is_some();
        let _ = write!(said, "<IsTruncated>{is_more}</IsTruncated>");
        if is_more {
            let _ = write!(said, "<NextContinuationToken>{last}</NextContinuationToken>");
        }
        said + "</ListBucketResult>"
    }
}

/// What is in a folder and those below it, each with a text that is another one once it is.
fn below(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let is_whole = !path.file_name().unwrap().to_str().unwrap().starts_with('.');
        if path.is_dir() {
            below(root, &path, found);
        } else if is_whole && let Some(tag) = tag(&path) {
            let key = path.strip_prefix(root).unwrap().to_str().unwrap();
            found.insert(key.to_owned(), tag);
        }
    }
}

/// Of what may have gone meanwhile.
fn tag(path: &PathBuf) -> Option<String> {
    let known = fs::metadata(path).ok()?;
    let written = known.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    Some(format!("{}-{}", known.len(), written.as_nanos()))
}

/// `a%2Bb` is `a+b`.
fn plain(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).unwrap()
}
