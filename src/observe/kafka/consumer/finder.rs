//! Looks on a thread of its own for topics and partitions that are not there yet: whoever stamps records must not
//! wait for what a cluster says of itself.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::TrySendError;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataPartition;

use crate::observe::kafka::consumer::ANSWER;
use crate::observe::reading::Asked;

/// How often one looks for topics that are not there yet, and how often for partitions that come beside others.
const SOON: Duration = Duration::from_millis(200);
const SELDOM: Duration = Duration::from_secs(5);

/// The topics of a cluster, each with the numbers of its partitions.
pub(super) type Listing = Vec<(String, Vec<i32>)>;

/// What is there now. It waits for the cluster.
pub(super) fn list<C: ConsumerContext>(client: &BaseConsumer<C>) -> Result<Listing, KafkaError> {
    let metadata = client.fetch_metadata(None, ANSWER)?;
    let topics = metadata.topics().iter().map(|topic| {
        let numbers = topic.partitions().iter().map(MetadataPartition::id);
        (topic.name().to_owned(), numbers.collect())
    });
    Ok(topics.collect())
}

/// Looks until nobody listens any more: soon again while one of the topics that are `wanted` is absent.
pub(super) fn start(
    mut client: ClientConfig,
    wanted: Vec<String>,
    asked: Arc<Asked>,
) -> Result<Receiver<Listing>, String> {
    // A connection of its own: what is asked here does not stand before what is fetched there.
    client.set("statistics.interval.ms", "0");
    let client: BaseConsumer = client.create().map_err(|error| error.to_string())?;
    let (tell, found) = sync_channel(1);
    let look = move || {
        while !asked.to_stop() {
            let looked = Instant::now();
            // What it says of itself is heard by nobody, and must not be kept for ever.
            while client.poll(Duration::ZERO).is_some() && !asked.to_stop() {}
            // A cluster that does not answer now may do so later; what is missed then is said at the end.
            let listing = list(&client).unwrap_or_default();
            let is_there =
                |name: &String| listing.iter().any(|it| it.0 == *name && !it.1.is_empty());
            let every = if wanted.iter().all(is_there) { SELDOM } else { SOON };
            // One that was not taken yet is followed by a newer one.
            let is_heard = !matches!(tell.try_send(listing), Err(TrySendError::Disconnected(_)));
            if !is_heard || !asked.pause(looked, every) {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("kafka topics".to_owned()).spawn(look);
    thread.map(|_| found).map_err(|error| format!("no thread to look for topics with: {error}"))
}
