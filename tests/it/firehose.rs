//! The Firehose stand-in, as other programs meet it: over HTTP, in the service's own protocol; and in
//! `sending`, events of runs on their way to it.

mod foreign;
mod sending;

use std::path::Path;

use assert_cmd::Command;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::support::firehose::Answer;
use crate::support::firehose::Stub;

/// Numbered lines.
fn lines(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("{{\"n\":{number:06}}}\n")).collect()
}

/// What `CreateDeliveryStream` takes for a stream into a bucket.
fn stream(name: &str, extra: &Value) -> Value {
    let mut destination = json!({
        "RoleARN": "arn:aws:iam::000000000000:role/any",
        "BucketARN": "arn:aws:s3:::clicks",
    });
    for (name, value) in extra.as_object().unwrap() {
        destination[name] = value.clone();
    }
    json!({ "DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": destination })
}

/// The error that an answer tells.
fn error(answer: Option<Answer>) -> (u16, String) {
    let (status, body) = answer.expect("an answer");
    (status, body["__type"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn what_is_put_is_delivered_under_a_dated_prefix() {
    let stub = Stub::start(&["--quota", "off"]);
    let asked = stream("a", &json!({ "Prefix": "web/", "CompressionFormat": "GZIP" }));
    let (status, made) = stub.call("CreateDeliveryStream", &asked).unwrap();
    assert_eq!(status, 200);
    let arn = "arn:aws:firehose:us-east-1:000000000000:deliverystream/a";
    assert_eq!(made, json!({ "DeliveryStreamARN": arn }));
    let (_, described) =
        stub.call("DescribeDeliveryStream", &json!({ "DeliveryStreamName": "a" })).unwrap();
    let described = &described["DeliveryStreamDescription"];
    assert_eq!(described["DeliveryStreamStatus"], "ACTIVE");
    let to = &described["Destinations"][0]["ExtendedS3DestinationDescription"];
    assert_eq!((&to["CompressionFormat"], &to["Prefix"]), (&json!("GZIP"), &json!("web/")));
    let hints = json!({ "SizeInMBs": 5, "IntervalInSeconds": 300 });
    assert_eq!(to["BufferingHints"], hints);

    let (status, answer) = stub.put("a", &lines(0..500)).unwrap();
    assert_eq!((status, &answer["FailedPutCount"]), (200, &json!(0)));
    let ids = answer["RequestResponses"].as_array().unwrap();
    let mut ids: Vec<&str> = ids.iter().map(|each| each["RecordId"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 500);
    let record = json!({ "Data": STANDARD.encode("{\"n\":000500}\n") });
    let input = json!({ "DeliveryStreamName": "a", "Record": record });
    let (status, answer) = stub.call("PutRecord", &input).unwrap();
    assert!(status == 200 && answer["RecordId"].is_string(), "{answer}");
    let hour = stub.bucket("clicks").join("web");
    assert!(hour.is_dir());

    let counts = stub.counts();
    assert_eq!(counts["streams"]["a"]["records_stored"], 501);
    assert_eq!(counts["streams"]["a"]["objects"], 0, "five minutes or 5 MiB are not over");
    let (mut delivered, counts) = stub.stop();
    delivered.sort();
    let expected: Vec<String> =
        lines(0..501).iter().map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(delivered, expected);
    let counts = &counts["streams"]["a"];
    assert_eq!((&counts["objects"], &counts["requests"]), (&json!(1), &json!(2)));
    assert_eq!(counts["bytes_stored"], 501 * 13);
}

/// `YYYY/MM/DD/HH/NAME` below a bucket.
#[test]
fn objects_lie_in_the_folder_of_their_hour_and_go_out_by_size_and_time() {
    let stub = Stub::start(&["--quota", "off"]);
    let often = json!({ "BufferingHints": { "SizeInMBs": 1, "IntervalInSeconds": 900 } });
    stub.call("CreateDeliveryStream", &stream("large", &often)).unwrap();
    let soon = json!({ "BufferingHints": { "IntervalInSeconds": 0 }, "Prefix": "soon/" });
    stub.call("CreateDeliveryStream", &stream("soon", &soon)).unwrap();
    for _ in 0..3 {
        stub.put("large", &vec!["x".repeat(999) + "\n"; 400]).unwrap();
    }
    assert_eq!(stub.counts()["streams"]["large"]["objects"], 1, "at 1 MiB of 1.2 MB");
    stub.put("soon", &lines(0..1)).unwrap();
    let begun = std::time::Instant::now();
    while stub.counts()["streams"]["soon"]["objects"] != 1 {
        assert!(begun.elapsed().as_secs() < 30, "{}", stub.counts());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut names = Vec::new();
    walk(&stub.bucket("clicks"), &mut names);
    let object = names.iter().find(|name| name.starts_with("soon/")).unwrap();
    let parts: Vec<&str> = object.split('/').collect();
    let digits = |text: &str, count| text.len() == count && text.parse::<u32>().is_ok();
    assert!(digits(parts[1], 4) && parts[2..5].iter().all(|part| digits(part, 2)), "{object}");
    assert!(parts[5].starts_with(&format!("soon-1-{}-", parts[1..5].join("-"))), "{object}");
    assert_eq!(stub.stop().0.len(), 1_201);
}

fn walk(folder: &Path, names: &mut Vec<String>) {
    fn into(root: &Path, folder: &Path, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                into(root, &path, names);
            } else {
                names.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    into(folder, folder, names);
}

#[test]
fn what_the_service_refuses_is_refused_alike() {
    let stub = Stub::start(&["--stream", "a", "--quota", "off"]);
    let too_many = stub.put("a", &lines(0..501));
    assert_eq!(error(too_many), (400, "ValidationException".to_owned()));
    assert_eq!(error(stub.put("a", &[])), (400, "ValidationException".to_owned()));
    let kilobytes = |count: usize| "x".repeat(count * 1_024);
    assert_eq!(stub.put("a", &[kilobytes(1_000)]).unwrap().0, 200, "the limit itself");
    let too_long = stub.put("a", &[kilobytes(1_000) + "x"]);
    assert_eq!(error(too_long), (400, "ValidationException".to_owned()));
    let too_large = stub.put("a", &vec![kilobytes(1_000); 5]);
    assert_eq!(error(too_large), (400, "InvalidArgumentException".to_owned()));
    let most: Vec<String> = [vec![kilobytes(1_000); 4], vec![kilobytes(96)]].concat();
    assert_eq!(stub.put("a", &most).unwrap().0, 200, "4 MiB are allowed");

    let (status, body) = stub.put("b", &lines(0..1)).unwrap();
    let said = "Firehose b under account 000000000000 not found.";
    assert_eq!((status, body["message"].as_str()), (400, Some(said)));
    assert_eq!(body["__type"], "ResourceNotFoundException");
    let again = stub.call("CreateDeliveryStream", &stream("a", &json!({})));
    assert_eq!(error(again), (400, "ResourceInUseException".to_owned()));
    let name = stub.call("CreateDeliveryStream", &stream("a/b", &json!({})));
    assert_eq!(error(name), (400, "ValidationException".to_owned()));
    let out = stub.call("CreateDeliveryStream", &stream("c", &json!({ "Prefix": "../" })));
    assert_eq!(error(out), (400, "InvalidArgumentException".to_owned()));

    let signed = Some("AWS4");
    let target = "Firehose_20150804.PutRecordBatch";
    let malformed = stub.send(target, signed, b"{\"Records\":");
    assert_eq!(error(malformed), (400, "SerializationException".to_owned()));
    let unknown = stub.send("Firehose_20150804.Fly", signed, b"{}");
    assert_eq!(error(unknown), (400, "UnknownOperationException".to_owned()));
    let unsigned = stub.send(target, None, b"{}");
    assert_eq!(error(unsigned), (400, "MissingAuthenticationTokenException".to_owned()));
    let flood = stub.send(target, signed, &vec![b'x'; 9 << 20]);
    assert!(flood.is_none_or(|(status, _)| status == 413), "more than any call may have");

    assert_eq!(stub.counts()["streams"]["a"]["refused"], 4);
    assert_eq!(stub.counts()["streams"]["a"]["records_stored"], 6);
}

#[test]
fn streams_are_listed_and_deleted_and_keep_their_counts() {
    let stub = Stub::start(&["--stream", "b", "--stream", "a", "--stream", "c"]);
    let (_, listed) = stub.call("ListDeliveryStreams", &json!({ "Limit": 2 })).unwrap();
    let expected = json!({ "DeliveryStreamNames": ["a", "b"], "HasMoreDeliveryStreams": true });
    assert_eq!(listed, expected);
    let rest = json!({ "Limit": 2, "ExclusiveStartDeliveryStreamName": "b" });
    let (_, listed) = stub.call("ListDeliveryStreams", &rest).unwrap();
    let expected = json!({ "DeliveryStreamNames": ["c"], "HasMoreDeliveryStreams": false });
    assert_eq!(listed, expected);

    stub.put("b", &lines(0..3)).unwrap();
    let name = json!({ "DeliveryStreamName": "b" });
    let (_, tags) = stub.call("ListTagsForDeliveryStream", &name).unwrap();
    assert_eq!(tags, json!({ "Tags": [], "HasMoreTags": false }));
    assert_eq!(stub.call("DeleteDeliveryStream", &name).unwrap(), (200, json!({})));
    let gone = stub.call("DescribeDeliveryStream", &name);
    assert_eq!(error(gone), (400, "ResourceNotFoundException".to_owned()));
    let gone = stub.put("b", &lines(3..4));
    assert_eq!(error(gone), (400, "ResourceNotFoundException".to_owned()));
    let tags = json!([{ "Key": "team", "Value": "clicks" }]);
    let mut tagged = stream("d", &json!({}));
    tagged["Tags"] = tags.clone();
    stub.call("CreateDeliveryStream", &tagged).unwrap();
    let d = json!({ "DeliveryStreamName": "d" });
    let (_, told) = stub.call("ListTagsForDeliveryStream", &d).unwrap();
    assert_eq!(told["Tags"], tags);
    let (delivered, counts) = stub.stop();
    assert_eq!(delivered.len(), 3, "what it had is delivered");
    assert_eq!(counts["streams"]["b"]["records_stored"], 3);
}

#[test]
fn what_is_beyond_the_quota_is_told_to_slow_down() {
    let stub = Stub::start(&["--stream", "a", "--quota", "records=100"]);
    let (status, answer) = stub.put("a", &lines(0..500)).unwrap();
    let responses = answer["RequestResponses"].as_array().unwrap();
    let refused =
        json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." });
    let stored = responses.iter().filter(|each| each["RecordId"].is_string()).count();
    assert_eq!(status, 200);
    assert_eq!(stored, 100, "a second's worth, at once");
    assert_eq!(responses.iter().filter(|each| **each == refused).count(), 400);
    assert_eq!(answer["FailedPutCount"], 400);
    assert_eq!(stub.counts()["streams"]["a"]["over_quota"], 400);

    // One call a second, and each but the first comes within the same one.
    let stub = Stub::start(&["--stream", "a", "--quota", "requests=1"]);
    let answers: Vec<_> = (0..5).map(|number| stub.put("a", &lines(number..number + 1))).collect();
    let slow = answers.into_iter().map(error).filter(|each| each.0 == 503);
    let slow: Vec<_> = slow.map(|(_, code)| code).collect();
    assert!(slow.iter().all(|code| code == "ServiceUnavailableException"), "{slow:?}");
    let counts = &stub.counts()["streams"]["a"];
    assert_eq!(counts["throttled"], slow.len());
    assert_eq!(counts["records_stored"], 5 - slow.len());
    assert_eq!(counts["over_quota"], slow.len());
    assert!(counts["requests"] == 5 && counts["records"] == 5, "{counts}");
}

/// What became of each of so many calls: the status, or 0 for none, and what was refused.
fn fates(stub: &Stub) -> Vec<(u16, Value)> {
    let calls = (0..200).map(|call| stub.put("a", &lines(call * 10..call * 10 + 10)));
    calls
        .map(|answer| {
            answer
                .map_or((0, Value::Null), |(status, body)| (status, body["FailedPutCount"].clone()))
        })
        .collect()
}

#[test]
fn it_fails_as_it_is_told_and_again_alike() {
    let ways = "partial=0.3,throttled=0.1,error=0.05,reset=0.1,seed=7";
    let arguments = ["--stream", "a", "--quota", "off", "--fail", ways];
    let stub = Stub::start(&arguments);
    let first = fates(&stub);
    let (delivered, counts) = stub.stop();
    let counts = &counts["streams"]["a"];
    let with = |status| first.iter().filter(|each| each.0 == status).count();
    assert_eq!(counts["throttled"], with(503));
    assert_eq!(counts["errors"], with(500));
    let lost = ["lost_before", "lost_after"].map(|name| counts[name].as_u64().unwrap());
    assert_eq!(usize::try_from(lost[0] + lost[1]).unwrap(), with(0));
    let partial = first.iter().filter(|each| each.1.as_u64() > Some(0));
    let refused: u64 = partial.clone().map(|each| each.1.as_u64().unwrap()).sum();
    assert_eq!(counts["records_refused"], refused);
    for (count, share) in [(with(503), 20), (with(500), 10), (with(0), 20), (partial.count(), 60)] {
        assert!(count.abs_diff(share) <= share / 2 + 4, "{count} instead of {share}");
    }
    assert!(lost.iter().all(|count| *count > 0), "{lost:?}");

    // What was answered as stored is there, and what calls without an answer had stored.
    let answered = u64::try_from(with(200)).unwrap() * 10 - refused;
    assert_eq!(u64::try_from(delivered.len()).unwrap(), answered + lost[1] * 10);
    assert_eq!(counts["records_stored"], delivered.len());

    assert_eq!(fates(&Stub::start(&arguments)), first);
}

#[test]
fn it_can_be_slow() {
    let stub = Stub::start(&["--stream", "a", "--fail", "delay=200ms..300ms"]);
    let begun = std::time::Instant::now();
    assert_eq!(stub.put("a", &lines(0..1)).unwrap().0, 200);
    assert!(begun.elapsed().as_millis() >= 200);
    assert!(stub.said().contains("create-delivery-stream") || stub.said().contains("put-record"));
}

#[test]
fn what_it_cannot_be_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::cargo_bin("loadgen").unwrap();
        command.arg("firehose-stub").arg("--dir").arg(folder.path()).args(arguments);
        command.timeout(std::time::Duration::from_secs(30));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["--fail", "sometimes=1"]);
    assert!(code == Some(2) && said.contains("`sometimes` is no way to fail"), "{said}");
    let (code, said) = run(&["--quota", "calls=1"]);
    assert!(code == Some(2) && said.contains("`calls=1` is no limit"), "{said}");
    let (code, said) = run(&["--port", "0", "--stream", "a/b"]);
    assert!(code == Some(4) && said.contains("the stream `a/b`"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, said) = run(&["--port", &port]);
    assert!(code == Some(4) && said.contains("choose another port"), "{said}");
}
