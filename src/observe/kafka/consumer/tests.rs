//! What is asked of a cluster can be given up, nobody who reads waits for it, and its partitions come to their ends.

use std::net::TcpListener;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer as _;
use tokio::time::timeout;

use super::*;

struct Nothing;

impl Weighs for () {
    fn bytes(&self) -> usize {
        0
    }
}

impl TopicContents for Nothing {
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

/// Of two topics one is not there yet.
struct Late;

impl TopicContents for Late {
    type Of = ();
    type Record = ();
    type End = ();

    fn topics(&self) -> impl Iterator<Item = &str> {
        ["here", "late"].into_iter()
    }

    fn of(&self, topic: &str) -> Option<()> {
        self.topics().any(|it| it == topic).then_some(())
    }

    fn read(&mut self, (): (), _: &BorrowedMessage<'_>, _: &Asked) -> Result<Option<()>, String> {
        Ok(Some(()))
    }

    fn end(&mut self, _: impl Fn(&str) -> bool) {}
}

/// Records are stamped by whoever reads: what it waits for while they come would be in their lag.
#[test]
fn nobody_who_reads_waits_for_the_cluster_to_tell_of_topics_that_are_not_there_yet() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("here", 1, 1).unwrap();
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "test");
    let asked = Arc::<Asked>::default();
    let mut work = Work::begin(&client, Late, (Clock::start(), None, STREAMING), &asked).unwrap();
    // As far that no pause of a busy machine is mistaken for it.
    let far = Duration::from_secs(4);
    cluster.broker_round_trip_time(1, far).unwrap();
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    while begun.elapsed() < 2 * far {
        let turn = Instant::now();
        assert!(work.turn(false).unwrap().is_none());
        longest = longest.max(turn.elapsed());
    }
    assert!(longest < far / 2, "one turn took {longest:?}");
    // What comes late is read from its beginning all the same.
    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    cluster.create_topic("late", 2, 1).unwrap();
    let producer: BaseProducer = client.create().unwrap();
    for partition in [0, 1, 1] {
        let record = BaseRecord::<[u8], [u8]>::to("late").partition(partition).payload(b"it");
        producer.send(record).unwrap();
    }
    producer.flush(ANSWER).unwrap();
    let (begun, mut came) = (Instant::now(), BTreeMap::<usize, u32>::new());
    while came.values().sum::<u32>() < 3 && begun.elapsed() < 3 * ANSWER {
        if let Some(FromTopics::Record { partition, .. }) = work.turn(false).unwrap() {
            *came.entry(partition).or_default() += 1;
        }
    }
    assert_eq!(came, BTreeMap::from([(1, 1), (2, 2)]));
    asked.stop();
}
