//! Values that no setting of a connector makes of what a column holds: whoever wrote them has spoilt it.

use serde_json::Value as Json;

use crate::schema::ColumnType;

/// Whether a value of JSON can stand for none that a column holds, however it is written. Of other types, and where there
/// is a doubt, it says no.
pub(super) fn is_unfit(kind: ColumnType, value: &Json) -> bool {
    let is_scalar = !matches!(value, Json::Array(_) | Json::Object(_));
    match kind {
        ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint => match value {
            Json::Number(number) => number.as_f64().is_some_and(|number| number.fract() != 0.0),
            Json::String(text) => !text.trim().bytes().any(|byte| byte.is_ascii_digit()),
            _ => true,
        },
        ColumnType::Boolean
        | ColumnType::Text
        | ColumnType::Varchar(_)
        | ColumnType::Char(_)
        | ColumnType::Citext
        | ColumnType::Enum(_) => !is_scalar,
        ColumnType::Timestamptz | ColumnType::TimestamptzTo(_) => match value {
            Json::String(text) => !text.bytes().any(|byte| byte.is_ascii_digit()),
            value => !value.is_number(),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_leaves_no_doubt_is_unfit() {
        let unfit = [
            (ColumnType::Integer, json!(7.5)),
            (ColumnType::Bigint, json!([7])),
            (ColumnType::Smallint, json!({})),
            (ColumnType::Integer, json!("seven")),
            (ColumnType::Text, json!(["a"])),
            (ColumnType::Timestamptz, json!("nonsense")),
            (ColumnType::Timestamptz, json!(true)),
        ];
        for (kind, value) in unfit {
            assert!(is_unfit(kind, &value), "{kind:?} {value}");
        }
        let doubtful = [
            (ColumnType::Integer, json!(7.0)),
            (ColumnType::Timestamptz, json!("23.11.2026 05:00")),
            (ColumnType::Timestamptz, json!(1_795_408_181_720_i64)),
            (ColumnType::Boolean, json!(1)),
            (ColumnType::Bytea, json!([1, 2])),
            (ColumnType::Jsonb, json!({ "a": 1 })),
        ];
        for (kind, value) in doubtful {
            assert!(!is_unfit(kind, &value), "{kind:?} {value}");
        }
    }
}
