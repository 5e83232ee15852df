//! The shipped shop, made small and quick: its orders in PostgreSQL, its clicks in Kafka and in Firehose, read
//! by others than us and held against each other.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;
use tempfile::TempDir;

use super::broker::Arrived;
use super::broker::Broker;
use super::firehose::Stub;
use super::loadgen::Ended;
use super::loadgen::Loadgen;
use super::server::TestServer;

/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The shipped shop, whose visitors make up their minds quickly and mostly buy.
pub(crate) struct Shop {
    pub(crate) server: TestServer,
    pub(crate) broker: Broker,
    stub: Stub,
    folder: TempDir,
}

/// What is in all three places at the end.
pub(crate) struct Found {
    /// Session, customer, quantity, total and time of each order, by its id.
    pub(crate) orders: BTreeMap<String, [String; 5]>,
    pub(crate) records: Vec<Arrived>,
    delivered: Vec<String>,
}

impl Shop {
    /// With sessions that begin as `hold` says.
    pub(crate) fn open(hold: &str) -> Self {
        Self::with_skew(hold, "[50ms, 400ms]")
    }

    /// Whose confirmations come so much later.
    pub(crate) fn with_skew(hold: &str, skew: &str) -> Self {
        Self::on(TestServer::start(), (hold, skew), &[])
    }

    /// On a server, and with a Firehose that fails so.
    pub(crate) fn on(server: TestServer, (hold, skew): (&str, &str), fail: &[&str]) -> Self {
        let folder = TempDir::with_prefix("loadgen-shop-").unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let schema = fs::read_to_string(root.join("schemas/shop.yaml")).unwrap();
        let scenario = fs::read_to_string(root.join("scenarios/shop.yaml")).unwrap();
        let changes = [
            ("[50ms, 400ms]", skew),
            ("[500ms, 4s]", "[10ms, 120ms]"),
            ("[1s, 3s]", "[10ms, 120ms]"),
            ("[2s, 5s]", "[200ms, 900ms]"),
            ("end: 26", "end: 2"),
            ("end: 20", "end: 2"),
            ("end: 24", "end: 2"),
            ("end: 10", "end: 1"),
        ];
        let schema = changes.iter().fold(schema, |text, (long, short)| {
            assert!(text.contains(long), "{long}");
            text.replace(long, short)
        });
        let (head, _) = scenario.split_once("      profile:").unwrap();
        let head = head.replace("{ on: operational,", "{ schema: shop.yaml, on: operational,");
        let scenario = format!("{head}      profile: [ {{ hold: {hold} }} ]\n");
        fs::write(folder.path().join("shop.yaml"), schema).unwrap();
        fs::write(folder.path().join("run.yaml"), scenario).unwrap();
        let broker = Broker::new(&["clicks"]);
        let stub = Stub::start(&[&["--stream", "clicks"], fail].concat());
        Self { server, broker, stub, folder }
    }

    /// Starts a command, with a `--set` for each of `set`.
    pub(crate) fn start(&self, command: &str, url: &str, set: &[&str]) -> Loadgen {
        let brokers = format!("targets.clicks.kafka.brokers=\"{}\"", self.broker.address());
        let endpoint = format!("targets.archive.firehose.endpoint=\"{}\"", self.stub.url);
        let set = [&[brokers.as_str(), endpoint.as_str()], set].concat();
        let file = self.folder.path().join("run.yaml");
        Loadgen::start(command, file.to_str().unwrap(), url, &set)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, url: &str) -> Ended {
        let ended = self.start("run", url, &[]).finish(PATIENCE);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        ended
    }

    /// Reads all that is there.
    pub(crate) fn close(self) -> (Found, TestServer) {
        let sql = "SELECT id::text, session_id::text, customer_id::text, quantity::text, total::text, \
                   to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM orders";
        let rows = self.server.query("shop", sql).into_iter();
        let orders = rows.map(|row| {
            let [id, others @ ..] = <[String; 6]>::try_from(row).unwrap();
            (id, others)
        });
        let orders = orders.collect();
        let records = self.broker.read("clicks");
        let (delivered, _) = self.stub.stop();
        (Found { orders, records, delivered }, self.server)
    }
}

pub(crate) fn text<'v>(event: &'v Value, name: &str) -> &'v str {
    event[name].as_str().unwrap_or_else(|| panic!("no `{name}`: {event}"))
}

pub(crate) fn events_of<'s>(summary: &'s Value, target: &str) -> &'s Value {
    let events = summary["events"].as_array().unwrap();
    assert_eq!(events.len(), 2, "{events:?}");
    events.iter().find(|it| it["target"] == target).unwrap()
}

pub(crate) fn stream_of<'s>(summary: &'s Value, name: &str) -> &'s Value {
    let streams = summary["streams"].as_array().unwrap();
    streams.iter().find(|it| it["name"] == name).unwrap()
}

/// Each order has one confirmation, which says what stands in it and comes behind the pages of its
/// session; nothing else has one; and both services have the same.
pub(crate) fn assert_true_to_rows(found: &Found, summary: &Value) {
    let Found { orders, records, delivered } = found;
    let mut confirmed = BTreeSet::new();
    let mut pages: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for record in records {
        let event: Value = serde_json::from_str(&record.payload).unwrap();
        let session = text(&event, "session_id");
        assert_eq!(session, record.key);
        let at = DateTime::parse_from_rfc3339(text(&event, "event_timestamp")).unwrap();
        assert_eq!(at.timestamp_millis(), record.at_ms);
        if event["event_type"] == "page_view" {
            let seen = pages.entry(&record.key).or_default();
            seen.push(text(&event, "page").to_owned());
            continue;
        }
        let id = text(&event, "order_id");
        let order = orders.get(id).unwrap_or_else(|| panic!("no order {id}: {event}"));
        assert!(confirmed.insert(id.to_owned()), "{id} was confirmed twice");
        let said =
            [session.to_owned(), event["customer_id"].to_string(), event["quantity"].to_string()];
        assert_eq!(said, order[..3], "{event}");
        let total: f64 = order[3].parse().unwrap();
        assert_eq!(event["total"].as_f64(), Some(total), "{event}");
        let skew = at - DateTime::parse_from_rfc3339(&order[4]).unwrap();
        assert!((50..=400).contains(&skew.num_milliseconds()), "{skew}");
        assert_eq!(event["page"], "/confirmation");
        assert!(record.headers["loadgen.action"].starts_with("sessions/place_order/"));
        // Records of a key are in one partition, in their order.
        assert_eq!(pages[session].last().unwrap(), "/payment", "pages lead up to an order");
    }
    assert!(!orders.is_empty(), "no orders");
    assert_eq!(confirmed, orders.keys().cloned().collect(), "each order has its confirmation");
    let ids: BTreeSet<_> = records.iter().map(|it| &it.payload).collect();
    assert_eq!(ids.len(), records.len(), "each event once");
    let archived: BTreeSet<_> = delivered.iter().collect();
    assert_eq!(archived, ids, "both have the same");
    let counts = ["clicks", "archive"].map(|target| events_of(summary, target));
    assert_eq!(counts[0]["acknowledged"], records.len());
    assert_eq!(counts[1]["acknowledged"], ids.len());
    let repeated = usize::try_from(counts[1]["repeated"].as_u64().unwrap()).unwrap();
    assert!(delivered.len() <= ids.len() + repeated, "{} lines", delivered.len());
    for counts in counts {
        assert_eq!(counts["sent"], counts["acknowledged"], "{counts}");
        assert_eq!((&counts["failed"], &counts["unknown"]), (&0.into(), &0.into()), "{counts}");
    }
}

/// What the summary counts of orders is what is there.
pub(crate) fn assert_counted(found: &Found, summary: &Value) {
    let tables = summary["tables"].as_array().unwrap();
    let names: Vec<_> = tables.iter().map(|it| it["table"].as_str().unwrap()).collect();
    assert_eq!(names, ["public.customers", "public.products", "public.orders"], "no sessions");
    assert_eq!(tables[2]["alive"], found.orders.len());
}
