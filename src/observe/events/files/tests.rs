//! When a place with objects is read to its end, and when nobody knows.

use super::*;

use crate::observe::events::judge::tests::Step;
use crate::observe::events::judge::tests::judge_of;
use crate::observe::events::judge::tests::taken;

/// Reads to the end what a thread tells of a place into which somebody else writes without end. Returns whether that
/// came to its end, and why the verdict says nothing.
async fn read(
    within: Duration,
    looks: fn(Instant) -> Option<FromObjects<Line, ()>>,
) -> (bool, Vec<String>) {
    let every = Duration::from_millis(20);
    let reading = Reading::start("test", move |tell, asked| {
        let other =
            || FromObjects::Of(Line { file: "o".into(), text: (*b"x").into(), between: (1, 2) });
        let begun = Instant::now();
        while !asked.to_stop() && tell.blocking_send(other()).is_ok() {
            if looks(begun).is_some_and(|told| tell.blocking_send(told).is_err()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let reader = FileReader {
        surface: "seen".to_owned(),
        reading: reading.unwrap(),
        quiet: Quiet::default(),
        looks: Looks::new(every, within),
        last: None,
    };
    let judge = Rc::new(RefCell::new(judge_of(&[Step::Sent(0, "a"), Step::Stored(0)])));
    let (_order, orders) = watch::channel(Order::Finish);
    let work = reader.work(Rc::clone(&judge), orders);
    let found = tokio::time::timeout(Duration::from_secs(20), taken(&judge, work)).await;
    let (is_complete, _) = found.expect("it waits without end");
    (is_complete, std::mem::take(&mut judge.borrow_mut().invalid_because).all())
}

#[tokio::test(flavor = "current_thread")]
async fn what_others_write_puts_no_end_off() {
    let looked = |_| {
        let begun = Instant::now();
        Some(FromObjects::Looked { trouble: None, begun, took: Duration::ZERO })
    };
    assert_eq!(read(Duration::from_secs(1), looked).await, (true, Vec::new()));
}

#[tokio::test(flavor = "current_thread")]
async fn nothing_is_lost_before_a_look_has_shown_so() {
    // One that began before all that, and none since.
    let early = |begun: Instant| {
        let is_first = begun.elapsed() < Duration::from_millis(50);
        is_first.then_some(FromObjects::Looked { trouble: None, begun, took: Duration::ZERO })
    };
    let (is_complete, why) = read(Duration::from_millis(600), early).await;
    assert!(!is_complete && why[0].contains("no look for objects came to its end"), "{why:?}");

    let failed = |begun: Instant| {
        let trouble = Some("`web-1.gz` cannot be read: it is cut off".to_owned());
        Some(FromObjects::Looked { trouble, begun, took: Duration::ZERO })
    };
    let (is_complete, why) = read(Duration::from_millis(600), failed).await;
    assert!(!is_complete && why[0].contains("`web-1.gz` cannot be read"), "{why:?}");
}

#[test]
fn an_object_of_another_stream_is_told_apart() {
    let rows = [
        ("/f/2026/11/22/17/web-1-2026-11-22-17-40-01-0af3.gz", true),
        ("web-1-2026-11-22-17-40-01-0af3", true),
        ("web-1-x-1-2026-11-22-17-40-01-0af3", false),
        ("web-1-2026-1-2026-11-22-17-40-01-0af3", false),
        ("web-2026-11-22-17-40-01-0af3", false),
        ("web-1-é026-11-22-17-40-01-0af3", false),
        ("web-1-", false),
    ];
    for (name, expected) in rows {
        assert_eq!(is_called(name, "web-1-"), expected, "{name}");
    }
}
