//! `loadgen firehose-stub`, started as a user would start it, and what it delivered.

use std::fs;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

/// A stand-in on a free port. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Stub {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    folder: TempDir,
    /// The endpoint.
    pub(crate) url: String,
}

/// An answer: the HTTP status, and the body.
pub(crate) type Answer = (u16, Value);

impl Stub {
    /// Starts it with further arguments.
    pub(crate) fn start(arguments: &[&str]) -> Stub {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(["firehose-stub", "--port", "0", "--dir"])
            .arg(folder.path().join("objects"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        output.read_line(&mut url).unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Stub { child, output, folder, url: url.trim_end().to_owned() }
    }

    /// What it has said on standard error.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// Calls an operation; `None` if the connection was closed without an answer.
    pub(crate) fn call(&self, operation: &str, input: &Value) -> Option<Answer> {
        let target = format!("Firehose_20150804.{operation}");
        self.send(&target, Some("AWS4-HMAC-SHA256 Credential=any"), input.to_string().as_bytes())
    }

    /// Sends a body.
    pub(crate) fn send(
        &self,
        target: &str,
        signature: Option<&str>,
        body: &[u8],
    ) -> Option<Answer> {
        let agent = agent();
        let mut request = agent
            .post(&self.url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target);
        if let Some(signature) = signature {
            request = request.header("authorization", signature);
        }
        let mut response = request.send(body).ok()?;
        let text = response.body_mut().read_to_string().unwrap();
        Some((response.status().as_u16(), serde_json::from_str(&text).unwrap()))
    }

    /// Puts records, each of one text.
    pub(crate) fn put(&self, stream: &str, records: &[String]) -> Option<Answer> {
        let records: Vec<Value> =
            records.iter().map(|text| json!({ "Data": STANDARD.encode(text) })).collect();
        let input = json!({ "DeliveryStreamName": stream, "Records": records });
        self.call("PutRecordBatch", &input)
    }

    /// What it has counted.
    pub(crate) fn counts(&self) -> Value {
        let mut response = agent().get(format!("{}/_loadgen/counts", self.url)).call().unwrap();
        serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// The folder of a bucket.
    pub(crate) fn bucket(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("objects").join(name)
    }

    /// Every line that was delivered, of all streams, once it is stopped; and what it counted.
    pub(crate) fn stop(mut self) -> (Vec<String>, Value) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(begun.elapsed() < Duration::from_secs(30), "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(0), "{}", self.said());
        let mut lines = Vec::new();
        read(&self.folder.path().join("objects"), &mut lines);
        (lines, serde_json::from_str(&text).unwrap())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)));
    config.build().into()
}

/// The lines of all objects below a folder.
pub(crate) fn read(folder: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, lines);
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(!name.starts_with('.'), "{name} was not delivered");
        let mut text = String::new();
        let mut file = File::open(&path).unwrap();
        if path.extension().is_some_and(|ending| ending == "gz") {
            MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        } else {
            file.read_to_string(&mut text).unwrap();
        }
        lines.extend(text.lines().map(str::to_owned));
    }
}
