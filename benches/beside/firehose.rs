//! Events into Firehose, beside a loop around the SDK of AWS that sends ready calls of 500 records, as many at
//! a time. The endpoint is loadgen's stand-in without limits, in a process of its own.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use aws_config::BehaviorVersion;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::config::Config;
use aws_sdk_firehose::config::Credentials;
use aws_sdk_firehose::config::Region;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use tokio::task::JoinSet;

use super::events::FRAME;
use super::events::Run;
use super::events::SIZE;
use super::events::peer;
use super::measure::Point;
use super::measure::Reading;
use super::measure::compare;

/// Makes this program the peer: the endpoint to send to.
pub(crate) const PEER: &str = "BENCH_FIREHOSE_PEER";
const STREAM: &str = "bench";
/// How long each side sends.
const LENGTH: Duration = Duration::from_secs(3);
/// Records of a call, and calls under way.
const CALL: usize = 500;
const CALLS: usize = 8;
/// Calls that the peer has ready; they are sent again and again.
const READY: usize = 64;
/// The golden ratio's digits, which spread what is multiplied with them.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// At full speed, and what a fixed rate costs.
pub(crate) fn all(rounds: usize) {
    let stub = Stub::start();
    let points = [("ready", "constant events"), ("made", "generated events")];
    compare(
        ("the SDK", "events"),
        rounds,
        points.map(|(action, name)| (action, Point::new(name.to_owned()))).into(),
        |_| peer(PEER, &stub.url),
        |action| loadgen(&stub.url, action, "{ unlimited: 3s }", &["--workers", "2"]),
    );
    // One worker and no haste: what waits for others anyway need not be there to the microsecond.
    let thrifty = ["--workers", "1", "--set", "load.precision=eco"];
    let reading = loadgen(&stub.url, "made", "{ hold: 5k/s, for: 20s }", &thrifty);
    let share = reading.cpu_us * reading.rate / 1e6;
    println!("at {:.0} events/s, generated: {:.1} % of a core", reading.rate, share * 100.0);
}

/// The stand-in, until it is dropped.
struct Stub {
    url: String,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Stub {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.args(["firehose-stub", "--port", "0", "--stream", STREAM, "--quota"]);
        command.args(["off", "--dir"]).arg(folder.path());
        let mut process =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { url: url.trim().to_owned(), process, _folder: folder }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn loadgen(url: &str, action: &str, profile: &str, arguments: &[&str]) -> Reading {
    let folder = tempfile::tempdir().unwrap();
    let target = format!(
        "{{ firehose: {{ endpoint: '{url}', stream: {STREAM}, in_flight: {CALLS}, \
         limits: {{ requests: 0, records: 0, bytes: 0 }} }} }}"
    );
    let run = Run { folder: folder.path(), target: &target, action, profile, arguments };
    let (summary, cpu) = run.go();
    let stream = &summary["streams"][0];
    let count = stream["acknowledged"].as_f64().unwrap();
    Reading { rate: stream["achieved_rate"].as_f64().unwrap(), cpu_us: cpu * 1e6 / count }
}

/// Ready calls, whose records are those that loadgen sends: a stand-in that compresses what comes must have as
/// much to do.
fn calls() -> Arc<Vec<Vec<Record>>> {
    let padding = "x".repeat(SIZE - FRAME);
    let record = |number: usize| {
        // Digits that no compression makes shorter.
        let id =
            uuid::Uuid::from_u128((number as u128 + 1).wrapping_mul(SPREAD).wrapping_mul(SPREAD));
        let data = format!("{{\"id\":\"{id}\",\"body\":\"{padding}\"}}\n");
        Record::builder().data(Blob::new(data)).build().unwrap()
    };
    Arc::new(
        (0..READY).map(|call| (0..CALL).map(|at| record(call * CALL + at)).collect()).collect(),
    )
}

/// What the peer's process does: it prints how many records were taken, and in how many nanoseconds.
pub(crate) fn send(url: &str) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let credentials = Credentials::new("bench", "bench", None, None, "bench");
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(url);
        let client = Client::from_conf(config.build());
        let ready = calls();
        let began = Instant::now();
        let mut calls = JoinSet::new();
        for task in 0..CALLS {
            let (client, ready) = (client.clone(), Arc::clone(&ready));
            calls.spawn(async move {
                let mut count = 0;
                for records in ready.iter().cycle().skip(task * READY / CALLS) {
                    if began.elapsed() >= LENGTH {
                        break;
                    }
                    let call = client.put_record_batch().delivery_stream_name(STREAM);
                    let output = call.set_records(Some(records.clone())).send().await.unwrap();
                    assert_eq!(output.failed_put_count(), 0);
                    count += records.len();
                }
                count
            });
        }
        let count: usize = calls.join_all().await.into_iter().sum();
        println!("{count} {}", began.elapsed().as_nanos());
    });
}
