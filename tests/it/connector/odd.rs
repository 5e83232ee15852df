//! Kafka Connects that are busy, old, or do not do what they are told.

use super::NAME;
use super::SLOT;
use super::set_up;
use crate::support::command::Place;
use crate::support::connect::Connect;
use crate::support::server::TestServer;
use crate::support::slot::forget;

const STOP: &str = "PUT /connectors/loadgen-quickstart-orders/stop";
const OFFSETS: &str = "DELETE /connectors/loadgen-quickstart-orders/offsets";

/// A connector whose slot is gone: how far it was is what it must not go on from.
fn without_its_slot(server: &TestServer) -> (Place<'_>, Connect) {
    let (place, connect) = set_up(server);
    connect.employ(true);
    place.must(&["connector", "@quickstart", "--register", &connect.url()]);
    connect.employ(false);
    forget(server, SLOT);
    (place, connect)
}

#[test]
fn one_that_is_busy_is_not_taken_for_one_that_cannot_stop_connectors() {
    let server = TestServer::start();
    let (place, connect) = without_its_slot(&server);
    let url = connect.url();
    let register = ["connector", "@quickstart", "--register", &url, "--within", "3s"];
    connect.refuse_stops(409, 2);
    let before = connect.changes().len();
    // There is nobody to make the slot anew.
    let done = place.run(&register);
    assert!(done.err.contains("has not made the slot"), "{}", done.err);
    let changes = connect.changes();
    let of = |what: &str| changes[before..].iter().filter(|it| *it == what).count();
    assert_eq!((of(STOP), of(OFFSETS)), (3, 1), "{changes:?}");

    connect.refuse_stops(503, 1);
    let done = place.run(&register);
    assert_eq!(done.code, 4);
    assert!(done.err.contains(&format!("did not stop `{NAME}`: 503: not now")), "{}", done.err);
    assert!(done.err.contains("it would begin at the wrong place"), "{}", done.err);

    // One of before 3.5 knows no such call.
    connect.refuse_stops(404, 1);
    let before = connect.changes().len();
    let done = place.run(&register);
    assert!(done.err.contains("has not made the slot"), "{}", done.err);
    assert!(!connect.changes()[before..].iter().any(|it| it == OFFSETS));
}

#[test]
fn what_a_removed_connector_leaves_behind_is_said() {
    let server = TestServer::start();
    let (mut place, connect) = set_up(&server);
    connect.employ(true);
    place.must(&["connector", "@quickstart", "--register", &connect.url()]);
    connect.stick();
    place.set("cdc.connect.within=1s");
    let done = place.run(&["clean", "@quickstart", "--connect", &connect.url()]);
    assert!(connect.config(NAME).is_none(), "it goes all the same: {}{}", done.out, done.err);
    let kept = format!("kept how far the connector `{NAME}` was: ");
    assert!(
        done.err.contains(&kept) && done.err.contains("tasks are still ending"),
        "{}",
        done.err
    );
    assert_ne!(done.code, 0);
}

/// Slots of those that went go, too.
#[test]
fn what_went_is_said_where_another_connector_stays() {
    let server = TestServer::start();
    let (place, connect) = set_up(&server);
    connect.employ(true);
    place.must(&["connector", "@quickstart", "--register", &connect.url()]);
    let mut other = connect.config(NAME).unwrap();
    other["name"] = "zzz".into();
    connect.put("zzz", other);
    connect.protect("zzz");
    let done = place.run(&["clean", "@quickstart", "--connect", &connect.url()]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    for told in
        [format!("removed the connector `{NAME}`"), format!("removed replication slot `{SLOT}`")]
    {
        assert!(done.out.contains(&told), "{}{}", done.out, done.err);
    }
    for told in ["kept the other connectors: ", "remove the connector `zzz`", "it is protected"] {
        assert!(done.err.contains(told), "{}", done.err);
    }
}
