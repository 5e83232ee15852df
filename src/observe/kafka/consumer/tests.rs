//! What is asked of a cluster can be given up, and its partitions come to their ends.

use std::net::TcpListener;

use tokio::time::timeout;

use super::*;

struct Nothing;

impl Weighs for () {
    fn bytes(&self) -> usize {
        0
    }
}

impl Contents for Nothing {
    type Of = ();
    type Record = ();
    type End = ();

    fn topics(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    fn of(&self, _: &str) -> Option<()> {
        None
    }

    fn read(&mut self, (): (), _: &BorrowedMessage<'_>, _: &Asked) -> Result<Option<()>, String> {
        Ok(None)
    }

    fn end(&mut self, _: impl Fn(&str) -> bool) {}
}

/// It takes a connection, and says nothing.
#[tokio::test(flavor = "current_thread")]
async fn a_cluster_that_does_not_answer_can_be_given_up_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", silent.local_addr().unwrap().to_string());
    let (begun, soon) = (Instant::now(), Duration::from_millis(100));
    let start = begin(client, Nothing, (Clock::start(), None, STREAMING));
    assert!(timeout(soon, start).await.is_err());
    assert!(begun.elapsed() < ANSWER / 2, "{:?}", begun.elapsed());
}

/// What is fetched and was not handed out yet is not read, whatever the client says of its next fetch.
#[test]
fn a_partition_is_read_once_its_records_were_handed_out() {
    let at = |next, end| Partition { number: 0, next, end };
    assert!(!at(5, None).is_read(Some(9)));
    assert!(!at(5, Some(9)).is_read(None));
    assert!(at(9, Some(9)).is_read(None));
    assert!(at(0, Some(0)).is_read(None));
    // Behind the last record stands what ends a transaction.
    assert!(at(8, Some(9)).is_read(Some(9)));
    assert!(!at(5, Some(9)).is_read(Some(8)));
}
