//! Values that are the same in other forms, and what agrees with what.

use super::*;
use crate::sink::postgres::encode::encode;
use crate::units::Decimal;

fn row(values: &[(Value, ColumnType)]) -> Vec<u8> {
    let (mut field, mut row) = (Vec::new(), Vec::new());
    for (value, kind) in values {
        field.clear();
        encode(*value, *kind, &Action::default(), &mut field);
        push_field(*kind, &field, &mut row);
    }
    row
}

#[test]
fn numbers_are_the_same_whatever_digits_are_shown() {
    let kind = ColumnType::Numeric { precision: 10, scale: 2, is_bare: false };
    let of = |unscaled, scale| row(&[(Value::Decimal(Decimal { unscaled, scale }), kind)]);
    assert!(agree(&of(150, 2), &of(15, 1)));
    assert!(!agree(&of(150, 2), &of(151, 2)));
    let columns = [("price".to_owned(), kind)];
    for (unscaled, shown) in [(150, "1.5"), (-12_345_678, "-123456.78"), (7, "0.07"), (0, "0")] {
        assert_eq!(show(&of(unscaled, 2), &columns, false), shown);
    }
}

#[test]
fn what_is_not_known_agrees_with_everything_and_null_with_null_only() {
    let int = |value| row(&[(value, ColumnType::Integer)]);
    let mut open = Vec::new();
    push_open(&mut open);
    assert!(agree(&open, &int(Value::Int(1))));
    assert!(!agree(&int(Value::Null), &int(Value::Int(1))));
    assert!(agree(&int(Value::Null), &int(Value::Null)));
}

#[test]
fn documents_are_compared_by_what_they_say() {
    let of = |text: &str| {
        let mut out = Vec::new();
        push(ColumnType::Jsonb, format!("\u{1}{text}").as_bytes(), &mut out);
        out
    };
    assert_eq!(
        of("{\"b\":1,\"a\":[1, {\"d\":1,\"c\":2}]}"),
        of("{\"a\": [1, {\"c\": 2, \"d\": 1}], \"b\": 1}")
    );
    assert_ne!(of("{\"a\":1}"), of("{\"a\":2}"));
    for (one, other) in [
        ("6e+16", "60000000000000000"),
        ("10.0", "10"),
        ("-0.0", "0"),
        ("5e-19", "0.0000000000000000005"),
    ] {
        assert_eq!(of(one), of(other), "{one}");
    }
    assert_ne!(of("10"), of("1"));
    assert_ne!(of("1"), of("\"1\""));
}

/// What a change has set must come; what it has not may be left out.
#[test]
fn what_had_to_come_and_did_not_disagrees_and_what_need_not_agrees() {
    let text = |text: &str| {
        let mut out = Vec::new();
        push(ColumnType::Text, text.as_bytes(), &mut out);
        out
    };
    let of = |push: fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        push(&mut out);
        out
    };
    let (unsent, absent) = (of(push_unsent), of(push_absent));
    let literal = format!("{{}}{UNAVAILABLE}");
    for (expected, may_be_unsent, may_be_absent) in [
        (text("a"), false, false),
        (text(""), false, false),
        (of(push_null), false, true),
        (of(push_set), false, true),
        (of(push_open), true, true),
        // Who sends what stands for nothing gets it back.
        (text(UNAVAILABLE), true, false),
        (text(&literal), true, false),
    ] {
        for (seen, may_be) in [(&unsent, may_be_unsent), (&absent, may_be_absent)] {
            assert_eq!(agree(&expected, seen), may_be, "{expected:?} {seen:?}");
            assert_eq!(agree(seen, &expected), may_be, "{seen:?} {expected:?}");
        }
        assert!(agree(&of(push_set), &expected));
        // Whoever judges later knows the row, and of the change which columns it has set.
        let row = [text("key"), expected.clone()].concat();
        for (seen, may_be) in [(&unsent, may_be_unsent), (&absent, may_be_absent)] {
            let owed = owed(&[text("key"), seen.clone()].concat());
            assert!(owed.of(0b10, 0b10).is_amiss(&row) != may_be || expected == of(push_open));
            assert!(!owed.of(0b01, 0b01).is_amiss(&row) && !owed.is_none());
        }
    }
    let columns = ["a", "b", "c"].map(|name| (name.to_owned(), ColumnType::Text));
    let row = [unsent, of(push_open), absent].concat();
    assert_eq!(show(&row, &columns, true), "a=(not sent), c=(not there)");
}

/// What a server sends of values that no scenario makes, and others may.
#[test]
fn what_is_no_number_is_not_shown_as_one() {
    let kind = ColumnType::Numeric { precision: 10, scale: 2, is_bare: true };
    let columns = [("price".to_owned(), kind)];
    for (sign, shown) in
        [(0xc000_u16, "NaN"), (0xd000, "Infinity"), (0xf000, "-Infinity"), (0x4000, "0")]
    {
        let mut bytes = [0; 8];
        bytes[4..6].copy_from_slice(&sign.to_be_bytes());
        let mut cells = Vec::new();
        push(kind, &bytes, &mut cells);
        assert_eq!(show(&cells, &columns, false), shown);
    }
}
