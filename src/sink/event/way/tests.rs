use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::action::Fault;
use crate::action::Shape;
use crate::action::StatementId;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::action::Value;
use crate::schema::ColumnType;
use crate::sink::event::Traffic;

/// Takes everything, and says at once that it has arrived; numbers below 0 it refuses.
#[derive(Debug, Default)]
struct Service {
    taken: Mutex<Vec<String>>,
}

impl Publisher for Service {
    fn publish(&self, record: &Record<'_>, mailbox: &Arc<Mailbox>) -> Result<(), Refused> {
        let event: serde_json::Value = serde_json::from_slice(record.payload).unwrap();
        self.taken.lock().unwrap().push(event["id"].to_string());
        let (ticket, at) = (record.ticket, Instant::now());
        let is_refused = event["id"].as_i64().unwrap() < 0;
        let result = if is_refused { Err(Box::new(refusal())) } else { Ok(()) };
        mailbox.deliver_all(&mut vec![Delivery { ticket, result, at, is_repeated: false }]);
        Ok(())
    }

    fn hurry(&self) {}

    fn close(&self, _: Duration) {}

    fn traffic(&self) -> Vec<Traffic> {
        Vec::new()
    }
}

fn refusal() -> Failure {
    let (class, code) = (crate::measure::ErrorClass::TooLarge, String::new());
    Failure { class, code, message: "too large".to_owned(), is_doubtful: false }
}

/// A way whose events have a number and a visitor, who is their key.
fn way() -> (Arc<Service>, EventSink) {
    let columns = ["id", "visitor"].map(|name| (name, ColumnType::Bigint));
    let event = Some(crate::action::EventInfo { key: Some(1) });
    let table = TableInfo { key: Vec::new(), event, ..TableInfo::with_columns("views", &columns) };
    let catalog = Catalog { tables: vec![table], ..Catalog::default() };
    let service = Arc::new(Service::default());
    let publisher: Arc<dyn Publisher> = Arc::<Service>::clone(&service);
    let sink = EventSink::new(EventOptions {
        publisher,
        topics: topics(&catalog, 0, true, str::to_owned, |_| None),
        headers: Headers::new(None, &["visits".to_owned()]),
        faults: None,
        aborted: None,
    });
    (service, sink)
}

fn send(sink: &mut EventSink, (id, visitor): (u32, i64), fault: Option<Fault>) {
    let mut action = Action::default();
    let first = action.value_count();
    action.push(Value::Int(id.into()));
    action.push(Value::Int(visitor));
    let (table, statement) = (TableId(0), StatementId(0));
    action.finish(first, Shape { table, change: Change::Insert, statement, rows: 1 });
    if let Some(fault) = fault {
        action.fault_last(fault);
    }
    sink.submit(id, &action);
}

/// What has arrived: by number, and for how long it is said to have waited.
async fn arrived(sink: &mut EventSink) -> Vec<(Ticket, Duration)> {
    let mut outcomes = Vec::new();
    std::future::poll_fn(|context| sink.poll(context, &mut outcomes)).await.unwrap();
    outcomes.iter().map(|it| (it.ticket, Duration::from_nanos(it.waited_ns))).collect()
}

fn on_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test);
}

#[test]
fn it_is_told_which_of_several_events_were_refused() {
    on_runtime(async {
        let (_, mut sink) = way();
        let mut action = Action::default();
        for id in [-1, 5, -2] {
            let first = action.value_count();
            action.push(Value::Int(id));
            action.push(Value::Int(7));
            let (table, statement) = (TableId(0), StatementId(0));
            action.finish(first, Shape { table, change: Change::Insert, statement, rows: 1 });
        }
        let ticket = 1 << 30 | 0x1_ffff;
        sink.submit(ticket, &action);
        let mut outcomes = Vec::new();
        std::future::poll_fn(|context| sink.poll(context, &mut outcomes)).await.unwrap();
        assert_eq!(outcomes.len(), 1, "an action has one outcome");
        assert_eq!((outcomes[0].ticket, outcomes[0].result.is_err()), (ticket, true));
        assert_eq!(outcomes[0].refused, [0, 2]);
    });
}

const LATE: Option<Fault> = Some(Fault::Late(50_000_000));

#[test]
fn one_that_is_out_of_order_goes_behind_the_next_of_its_key() {
    let (service, mut sink) = way();
    let behind = Some(Fault::OutOfOrder);
    send(&mut sink, (1, 7), behind);
    send(&mut sink, (2, 8), None);
    send(&mut sink, (3, 7), behind);
    send(&mut sink, (4, 7), None);
    send(&mut sink, (5, 7), None);
    assert_eq!(*service.taken.lock().unwrap(), ["2", "4", "1", "3", "5"]);
}

#[test]
fn one_that_is_late_waits_and_its_wait_is_told() {
    on_runtime(async {
        let (service, mut sink) = way();
        send(&mut sink, (1, 7), LATE);
        send(&mut sink, (2, 7), None);
        let first = arrived(&mut sink).await;
        assert_eq!(first.iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), [2]);
        let held = arrived(&mut sink).await;
        assert_eq!(held[0].0, 1);
        assert!(held[0].1 >= Duration::from_millis(50), "{held:?}");
        assert_eq!(*service.taken.lock().unwrap(), ["2", "1"]);
    });
}

#[test]
fn more_than_there_is_room_for_go_before_their_time() {
    let (service, mut sink) = way();
    for (id, by_ns) in [(1, 3_000_000_000), (2, 1_000_000_000), (3, 2_000_000_000)] {
        send(&mut sink, (id, 7), Some(Fault::Late(by_ns)));
    }
    send(&mut sink, (4, 9), Some(Fault::OutOfOrder));
    sink.release(4);
    assert!(service.taken.lock().unwrap().is_empty());
    sink.release(2);
    assert_eq!(*service.taken.lock().unwrap(), ["2", "3"]);
    sink.release(0);
    assert_eq!(*service.taken.lock().unwrap(), ["2", "3", "1", "4"]);
    // Nobody waits any more for what follows.
    send(&mut sink, (5, 9), None);
    assert_eq!(service.taken.lock().unwrap().len(), 5);
}
