//! The number of workers, and of connections, does not change a single row.

use crate::support::command::Place;
use crate::support::command::scenario;

/// Runs it, and checks what must hold in any database that we leave.
fn run(place: &Place<'_>, workers: &str) {
    place.must(&["run", &scenario("same_rows.yaml"), "--workers", workers, "--out", "run"]);
    let summary = place.summary("run");
    place.assert_counted(&summary);
    assert_eq!(summary["streams"][0]["scheduled"], 100_000);
    assert_eq!(summary["streams"][0]["missed"], 0);
    let orphans = "SELECT (SELECT count(*) FROM orders LEFT JOIN customers c ON c.id = customer_id \
                           WHERE c.id IS NULL) \
                        + (SELECT count(*) FROM order_items i LEFT JOIN orders o ON o.id = order_id \
                           LEFT JOIN products p ON p.id = product_id \
                           WHERE o.id IS NULL OR p.id IS NULL OR i.price <> p.price)";
    assert_eq!(place.number("orders", orphans), 0);
    let empty = "SELECT count(*) FROM orders o \
                 WHERE NOT EXISTS (SELECT FROM order_items i WHERE i.order_id = o.id)";
    assert_eq!(place.number("orders", empty), 0);
}

#[test]
fn one_worker_and_four_leave_the_same_rows() {
    let one = Place::new(&["orders"]);
    run(&one, "1");
    let mut four = Place::new(&["orders"]);
    four.set("targets.operational.postgres.connections=5");
    run(&four, "4");
    let (left, right) = (one.content("orders"), four.content("orders"));
    assert_eq!(left.len(), 4, "{left:?}");
    assert_eq!(left, right);
    assert_eq!(
        one.summary("run")["tables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| &t["deleted"])
            .collect::<Vec<_>>(),
        four.summary("run")["tables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| &t["deleted"])
            .collect::<Vec<_>>(),
    );

    // The run was what it was meant to be.
    let references =
        "SELECT count(*) FILTER (WHERE customer_id > 2000) * 100 / count(*) FROM orders";
    assert!(one.number("orders", references) >= 20, "too few references to rows of the run");
    let count =
        |table: usize, what: &str| one.summary("run")["tables"][table][what].as_u64().unwrap();
    let (customers, orders) = (1, 2);
    let made = count(orders, "seeded") + count(orders, "inserted");
    assert!(count(orders, "deleted") * 20 >= made, "too few orders were deleted");
    assert!(count(customers, "deleted") >= 500, "too few customers left");
}
