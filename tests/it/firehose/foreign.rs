//! Stand-ins of others, which leave out what the service always says.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use serde_json::Value;
use serde_json::json;

use super::sending::sessions;

/// As moto describes a stream that was made without a compression, which the SDK takes for no answer.
fn describe() -> Value {
    let bucket =
        json!({ "BucketARN": "arn:aws:s3:::any", "RoleARN": "arn:aws:iam::000000000000:role/any" });
    let destination = json!({ "DestinationId": "destinationId-000000000001", "ExtendedS3DestinationDescription": bucket });
    json!({ "DeliveryStreamDescription": {
        "DeliveryStreamName": "web_events",
        "DeliveryStreamARN": "arn:aws:firehose:us-east-1:000000000000:deliverystream/web_events",
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": "DirectPut",
        "VersionId": "1",
        "Destinations": [destination],
        "HasMoreDestinations": false,
    } })
}

/// Answers what comes on a connection; counts records.
fn serve(stream: TcpStream, records: &AtomicUsize) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut target) = (0, String::new());
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 && line != "\r\n" {
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "x-amz-target" => value.trim().clone_into(&mut target),
                _ => {}
            }
            line.clear();
        }
        if target.is_empty() {
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let answer = if target.ends_with("DescribeDeliveryStream") {
            describe()
        } else {
            let call: Value = serde_json::from_slice(&body).unwrap();
            let count = call["Records"].as_array().unwrap().len();
            records.fetch_add(count, Ordering::Relaxed);
            let entries = vec![json!({ "RecordId": "1" }); count];
            json!({ "FailedPutCount": 0, "RequestResponses": entries })
        };
        let answer = answer.to_string();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length:";
        write!(writer, "{head} {}\r\n\r\n{answer}", answer.len())?;
    }
}

#[test]
fn a_description_without_what_the_sdk_wants_will_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let records = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&records);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let counted = Arc::clone(&counted);
            thread::spawn(move || serve(stream.unwrap(), &counted));
        }
    });
    let ran = sessions(Some(&url), &[]);
    assert_eq!(ran.done.code, 0, "{}{}", ran.done.out, ran.done.err);
    let events = &ran.summary["events"][0];
    assert_eq!(events["acknowledged"], records.load(Ordering::Relaxed));
    assert!(events["acknowledged"].as_u64().unwrap() > 600, "{events}");
}
