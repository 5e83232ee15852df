//! `firehose-stub`: the Firehose stand-in alone, for programs that are not ours.

use std::path::PathBuf;

use clap::Args;
use clap::ValueHint;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::cli::Refusal;
use crate::cli::complain;
use crate::cli::output::Output;
use crate::embedded::firehose::Faults;
use crate::embedded::firehose::Firehose;
use crate::embedded::firehose::Options;
use crate::embedded::firehose::Quota;

/// `firehose-stub`.
#[derive(Debug, Args)]
pub(crate) struct FirehoseStubArguments {
    /// The port on 127.0.0.1; 0 for one that is free
    #[arg(long, default_value_t = 4573)]
    port: u16,
    /// Where objects go, as BUCKET/PREFIX/YYYY/MM/DD/HH/NAME
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    /// A stream that is there from the beginning: gzip objects in the bucket `loadgen` (repeatable)
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// How it fails, in shares of the calls that put records:
    /// `partial=0.3,partial_records=0.5,throttled=0.1,error=0.05,reset=0.02,delay=5ms..50ms,seed=1`
    #[arg(long, value_name = "WAYS", default_value = "")]
    fail: Faults,
    /// What a stream takes in a second, as `requests=1000,records=100k,bytes=1048576`; 0 or `off` for no limit
    #[arg(long, value_name = "LIMITS", default_value = "requests=1000,records=100k,bytes=1048576")]
    quota: Quota,
}

/// `loadgen firehose-stub`.
pub(super) fn stub(arguments: &FirehoseStubArguments) -> u8 {
    let options = Options {
        port: arguments.port,
        folder: arguments.dir.clone(),
        quota: arguments.quota,
        faults: arguments.fail,
        streams: arguments.streams.clone(),
    };
    let firehose = match Firehose::start(options) {
        Ok(firehose) => firehose,
        Err(error) => return Refusal::setup(&error).report(),
    };
    let mut output = Output::default();
    output.say(&format!("{}\n", firehose.url()));
    complain(&how_to_use(&firehose, &arguments.streams));
    if let Err(error) = wait_for_signal() {
        return Refusal::setup(&error).report();
    }
    let counts = firehose.stop();
    let text = serde_json::to_string_pretty(&counts).unwrap_or_default();
    output.say(&format!("{text}\n"));
    output.end(0)
}

/// What to tell somebody who wants to use it.
fn how_to_use(firehose: &Firehose, streams: &[String]) -> String {
    let url = firehose.url();
    let stream = streams.first().map_or("clicks", String::as_str);
    let create = if streams.is_empty() {
        format!(
            "\n  aws firehose create-delivery-stream --endpoint-url {url} --delivery-stream-name clicks \\\n    \
             --extended-s3-destination-configuration \\\n    \
             RoleARN=arn:aws:iam::000000000000:role/any,BucketARN=arn:aws:s3:::loadgen,CompressionFormat=GZIP"
        )
    } else {
        String::new()
    };
    format!(
        "a stand-in for Amazon Data Firehose is ready, until Ctrl-C; objects go to `{folder}`\n  \
         export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1{create}\n  \
         aws firehose put-record --endpoint-url {url} --delivery-stream-name {stream} \\\n    \
         --cli-binary-format raw-in-base64-out --record '{{\"Data\":\"hello\\n\"}}'\n  \
         curl {url}/_loadgen/counts",
        folder = firehose.folder().display(),
    )
}

/// Waits until somebody ends this.
fn wait_for_signal() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
        Ok(())
    })
}
