//! What a connector hands over beside the changes of rows: messages that were written into the log, and what it tells
//! of transactions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::Value as Json;

use crate::action::message;
use crate::action::message::Said;
use crate::observe::debezium::values::digits;
use crate::sink::postgres::replication::Lsn;

/// What a transaction says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::observe) struct Message {
    /// The transaction's number, its lower half.
    pub(in crate::observe) transaction: u32,
    pub(in crate::observe) said: Said,
}

/// Reads a record of the messages' topic; `None` if it is another's message. An error says why it is none at all.
pub(in crate::observe) fn message(body: &Json) -> Result<Option<Message>, String> {
    let said = body.get("message").ok_or("it has no `message`")?;
    if said.get("prefix").and_then(Json::as_str) != Some(message::PREFIX) {
        return Ok(None);
    }
    let text = said.get("content").and_then(Json::as_str).unwrap_or_default();
    // As `binary.handling.mode` has it. What is none of ours in one form is none in any.
    let forms = [STANDARD.decode(text).ok(), URL_SAFE.decode(text).ok(), digits(text)];
    let Some(said) = forms.into_iter().flatten().find_map(|it| message::read(&it)) else {
        return Ok(None);
    };
    let transaction = body.get("source").and_then(|source| source.get("txId")?.as_u64());
    let transaction = lower(transaction.ok_or("it has no `source.txId`")?);
    Ok(Some(Message { transaction, said }))
}

/// What is told at the end of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::observe) struct Ended {
    /// The transaction's number, its lower half.
    pub(in crate::observe) transaction: u32,
    /// Where in the log it is; at 0 if that is not told.
    pub(in crate::observe) lsn: Lsn,
    /// How many events it had.
    pub(in crate::observe) all: u64,
    /// And how many of each table, `schema.table`, or of what else there is.
    pub(in crate::observe) collections: Vec<(String, u64)>,
}

/// Reads a record of the transactions' topic; `None` if it tells of a beginning.
pub(in crate::observe) fn ended(body: &Json) -> Result<Option<Ended>, String> {
    match body.get("status").and_then(Json::as_str) {
        Some("END") => {}
        Some("BEGIN") => return Ok(None),
        _ => return Err("it has no `status`".to_owned()),
    }
    // `854:69074768`, the second being a place in the log.
    let id = body.get("id").and_then(Json::as_str).unwrap_or_default();
    let mut parts = id.split(':').map(|part| part.parse().ok());
    let (number, lsn) = (parts.next().flatten(), parts.next().flatten().unwrap_or(0));
    let number = number.ok_or("its `id` is no transaction's")?;
    let count = |of: &Json| of.get("event_count").and_then(Json::as_u64);
    let all = count(body).ok_or("it has no `event_count`")?;
    let collections = body.get("data_collections").and_then(Json::as_array);
    let collection =
        |it: &Json| Some((it.get("data_collection")?.as_str()?.to_owned(), count(it)?));
    let collections = collections.into_iter().flatten().filter_map(collection).collect();
    Ok(Some(Ended { transaction: lower(number), lsn: Lsn(lsn), all, collections }))
}

/// Of a transaction's number what travels with changes.
fn lower(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::format_hex;

    /// As Debezium 3.6 writes one, with what is not read left out.
    #[test]
    fn a_message_is_read_in_every_form_of_its_bytes() {
        let text = "action 3f 100000007";
        let hex = format_hex(text.as_bytes());
        let expected = message::read(text.as_bytes()).unwrap();
        for content in [STANDARD.encode(text), URL_SAFE.encode(text), hex] {
            let record = serde_json::json!({
                "op": "m", "ts_ms": 5, "source": { "db": "shop", "txId": 4_294_967_303_u64, "lsn": 9 },
                "message": { "prefix": "loadgen", "content": content },
            });
            let read = message(&record).unwrap();
            assert_eq!(read, Some(Message { transaction: 7, said: expected.clone() }), "{content}");
        }
    }

    /// As Debezium 3.7 writes one: the message that a transaction begins with is counted as well.
    #[test]
    fn the_end_of_a_transaction_is_read() {
        let record = serde_json::json!({
            "status": "END", "id": "4294968150:69074768", "event_count": 7, "ts_ms": 5,
            "data_collections": [
                { "data_collection": "io.debezium.Message@77146bed", "event_count": 1 },
                { "data_collection": "public.orders", "event_count": 6 },
            ],
        });
        let ended = ended(&record).unwrap().unwrap();
        assert_eq!((ended.transaction, ended.lsn, ended.all), (854, Lsn(69_074_768), 7));
        assert_eq!(ended.collections[1], ("public.orders".to_owned(), 6));
        let of = |text: &str| super::ended(&serde_json::from_str(text).unwrap());
        assert_eq!(of(r#"{"status":"BEGIN","id":"854:1"}"#), Ok(None));
        assert_eq!(
            of(r#"{"status":"END","id":"x"}"#),
            Err("its `id` is no transaction's".to_owned())
        );
        assert_eq!(of("{}"), Err("it has no `status`".to_owned()));
    }

    #[test]
    fn those_of_others_are_left_out_and_what_is_no_message_is_said() {
        let of = |prefix: &str, content: &str| {
            let content = STANDARD.encode(content);
            let message = serde_json::json!({ "prefix": prefix, "content": content });
            serde_json::json!({ "source": { "txId": 7 }, "message": message })
        };
        assert_eq!(message(&of("other", "action 3f 1")), Ok(None));
        assert_eq!(message(&of("loadgen", "fence 12ab")), Ok(None));
        assert_eq!(message(&serde_json::json!({})), Err("it has no `message`".to_owned()));
    }
}
