//! What a real sink wrote: `tests/lake/customers` is the table `customers` of the scenario `orders`, as it stood after the
//! first commit of `org.apache.iceberg:iceberg-kafka-connect:1.12.0` behind Debezium 3.7.0.Final, copied from S3.

use std::cell::Cell;
use std::cell::RefCell;
use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use serde_json::Value as Json;

use crate::observe::lake::changes::DataFile;
use crate::observe::lake::commit::HELD_MAX;
use crate::observe::lake::commit::put_in_order;
use crate::observe::lake::files::Trouble;
use crate::observe::lake::files::records;
use crate::observe::lake::rows::place;
use crate::observe::lake::rows::rows;
use crate::observe::lake::table::LakeTable;
use crate::observe::objects::store::Store;
use crate::scenario::Bucket;
use crate::scenario::LakeSite;
use crate::scenario::TopicFormat;

const METADATA: &str = "s3://lake/warehouse/domain_orders/public/customers/metadata/\
                        00003-47bf8b60-3711-4eaf-a734-cbb5ed01f19d.metadata.json";

/// Of a list, with another part behind it, but for the last one.
const PARTS: usize = 20;
const PART: &str =
    "<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lake/customers")
}

fn files(of: &str, ending: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder().join(of)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.to_str().unwrap().ends_with(ending));
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// An S3 server that has the table alone, lists in many parts, and wants requests to be signed. Ends with the test.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut parts = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap() == 0 {
                    break;
                }
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap_or_default();
            let path = path.strip_prefix("/lake/warehouse/domain_orders/public/customers/");
            let is_signed = head.contains("AWS4-HMAC-SHA256 Credential=")
                && head.contains("/us-east-1/s3/aws4_request")
                && head.contains("x-amz-content-sha256:");
            let found = path.and_then(|path| fs::read(folder().join(path)).ok());
            let (status, body) = match found {
                _ if !is_signed => ("403 Forbidden", b"<Code>AccessDenied</Code>".to_vec()),
                Some(bytes) => ("200 OK", bytes),
                None if head.contains("list-type=2") => {
                    parts += 1;
                    ("200 OK", if parts < PARTS { PART.as_bytes().to_vec() } else { Vec::new() })
                }
                None => ("404 Not Found", b"<Code>NoSuchKey</Code>".to_vec()),
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    format!("http://{address}")
}

async fn store() -> Store {
    let bucket = Bucket {
        name: "lake".to_owned(),
        prefix: "warehouse".to_owned(),
        endpoint: Some(server()),
        region: Some("us-east-1".to_owned()),
        is_local: true,
    };
    Store::open(&LakeSite::Bucket(bucket)).await.unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_list_in_many_parts_is_left_once_nobody_waits_for_it() {
    let mut store = store().await;
    let parts = Cell::new(0);
    let is_to_stop = || {
        parts.set(parts.get() + 1);
        parts.get() > 3
    };
    let why = store.list(is_to_stop).await.unwrap_err();
    assert!(why.contains("nobody waits"), "{why}");
    assert_eq!(parts.get(), 4);
}

#[tokio::test(flavor = "current_thread")]
async fn the_files_of_a_real_table_are_found_by_its_metadata() {
    let mut store = store().await;
    let mut table = LakeTable::default();
    let found = table.advance(&mut store, METADATA).await.unwrap();
    let counts: Vec<u64> = found.iter().map(|file| file.rows).collect();
    assert_eq!(counts, [1, 1, 12]);
    assert!(found.iter().all(|file| file.sequence == 1));
    for column in ["op", "after", "after.phone", "before.id", "source.lsn"] {
        assert!(table.columns.iter().any(|it| it == column), "{column}: {:?}", table.columns);
    }
    for file in &found {
        let bytes = store.get(&file.path).await.unwrap().unwrap();
        assert_eq!(rows(bytes, |_| true), Ok(file.rows));
    }
    // What is known does not come again; nor does what was there before.
    assert_eq!(table.advance(&mut store, METADATA).await, Ok(Vec::new()));
    let mut later = LakeTable::default();
    later.begin(&mut store, METADATA).await.unwrap();
    assert_eq!(later.advance(&mut store, METADATA).await, Ok(Vec::new()));

    let absent = METADATA.replace("00003", "00004");
    assert!(matches!(table.advance(&mut store, &absent).await, Err(Trouble::Passing(_))));
    let outside = METADATA.replace("s3://lake", "s3://another");
    let trouble = table.advance(&mut store, &outside).await.unwrap_err();
    assert!(format!("{trouble:?}").contains("is not in the lake at `s3://lake/warehouse`"));
}

/// The three files of a commit, in another order than that of their rows, and one of a commit of its own.
#[test]
fn the_files_of_a_commit_are_fetched_once_to_be_read_in_order() {
    let data = files("data", ".parquet");
    let begin = |bytes: &Vec<u8>| {
        let mut begin = None;
        rows(bytes.clone(), |row| {
            begin = place(&row, TopicFormat::Debezium);
            false
        })
        .unwrap();
        begin.unwrap()
    };
    let mut numbers: Vec<usize> = (0..data.len()).collect();
    numbers.sort_by_key(|number| begin(&data[*number]));
    let file = |sequence, number: usize| DataFile { sequence, path: number.to_string(), rows: 1 };
    let mut all: Vec<DataFile> = numbers.iter().rev().map(|number| file(2, *number)).collect();
    all.push(file(1, 9));
    let fetched = RefCell::new(Vec::new());
    let fetch = |path: &str| {
        fetched.borrow_mut().push(path.to_owned());
        Ok::<_, ()>(data.get(path.parse::<usize>().unwrap()).cloned())
    };
    let format = TopicFormat::Debezium;
    let mut held = put_in_order(&mut all, (format, HELD_MAX), fetch).unwrap();
    let order: Vec<usize> = all.iter().map(|file| file.path.parse().unwrap()).collect();
    assert_eq!(order, [&[9], numbers.as_slice()].concat());
    assert_eq!(fetched.borrow().len(), data.len());
    assert_eq!(held.take("9"), None);
    for number in &numbers {
        assert_eq!(held.take(&number.to_string()).unwrap(), data[*number]);
    }
    // What there is no room for is fetched when its turn comes.
    let room = data.iter().map(Vec::len).min().unwrap();
    let mut held = put_in_order(&mut all, (format, room), fetch).unwrap();
    let is_held = numbers.iter().filter(|it| held.take(&it.to_string()).is_some());
    assert_eq!(is_held.count(), 1);
}

#[test]
fn rows_of_a_real_file_are_what_the_connector_had_written() {
    let mut all = Vec::new();
    for file in files("data", ".parquet") {
        rows(file, |row| {
            all.push(row);
            true
        })
        .unwrap();
    }
    assert_eq!(all.len(), 14);
    let first = &all[0];
    assert_eq!(first["op"], "c");
    assert_eq!(
        (&first["after"]["id"], &first["after"]["name"]),
        (&2059.into(), &"Doyle Bauch".into())
    );
    assert_eq!(
        (&first["source"]["lsn"], &first["source"]["txId"]),
        (&41_195_496.into(), &784.into())
    );
    assert_eq!(first["after"]["created_at"], "2026-11-22T08:49:46.748378Z");
    // The column was made for a later row.
    assert_eq!(first["after"].get("phone"), None);
    assert_eq!(all[2]["after"]["phone"], "+1-555-2008");
    let deleted = &all[1];
    assert_eq!((&deleted["op"], &deleted["after"]), (&"d".into(), &Json::Null));
    assert_eq!(deleted["before"]["id"], 723);
}

/// Wherever a file is cut or altered, it is read as something or refused.
#[test]
fn broken_files_are_refused_and_nothing_panics() {
    for manifest in files("metadata", ".avro") {
        assert!(!records(&manifest).unwrap().is_empty());
        for length in (0..manifest.len()).step_by(97) {
            assert!(records(&manifest[..length]).is_err(), "{length}");
        }
        for at in (0..manifest.len()).step_by(13) {
            let mut altered = manifest.clone();
            altered[at] ^= 0x55;
            let _ = records(&altered);
        }
    }
    let file = files("data", ".parquet").remove(0);
    let cut: Vec<_> =
        (0..file.len()).step_by(97).map(|it| rows(file[..it].to_vec(), |_| true)).collect();
    for at in (0..file.len()).step_by(13) {
        let mut altered = file.clone();
        altered[at] ^= 0x55;
        let _ = rows(altered, |_| true);
    }
    assert!(cut.iter().all(Result::is_err));
}

/// The crate that reads Parquet panics at some files: that is told as a reason, and not as a fault of ours.
#[test]
fn a_panic_at_a_file_that_contradicts_itself_is_not_printed() {
    const CHILD: &str = "LOADGEN_TEST_OF_PANICS";
    let name = "a_panic_at_a_file_that_contradicts_itself_is_not_printed";
    if std::env::var_os(CHILD).is_none() {
        // The tests beside it panic, too.
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([&format!("observe::lake::tests::{name}"), "--exact", "--nocapture"]);
        let done = child.env(CHILD, "1").output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stdout));
        let heard: Vec<_> = said.lines().filter(|line| line.contains("panicked at")).collect();
        assert!(
            heard.len() == 2 && said.contains("of whoever takes") && said.contains("of another"),
            "{said}"
        );
        return;
    }
    let file = files("data", ".parquet").remove(0);
    let altered = (0..file.len()).step_by(13).map(|at| {
        let mut altered = file.clone();
        altered[at] ^= 0x55;
        rows(altered, |_| true)
    });
    let contradict = Err("it contradicts itself".to_owned());
    assert!(altered.filter(|read| *read == contradict).count() > 0);
    let _ = rows(file, |_| panic!("of whoever takes"));
    let _ = thread::spawn(|| panic!("of another")).join();
}
