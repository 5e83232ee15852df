//! What a connector hands over beside the changes of rows: messages that were written into the log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::Value as Json;

use crate::action::message;
use crate::action::message::Said;
use crate::observe::debezium::values::digits;

/// What a transaction says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::observe) struct Message {
    /// The transaction's number, its lower half.
    pub(in crate::observe) transaction: u32,
    pub(in crate::observe) said: Said,
}

/// Reads a record of the messages' topic; `None` if it is another's message. An error says why it is none at all.
pub(in crate::observe) fn message(value: &[u8]) -> Result<Option<Message>, String> {
    let whole: Json = serde_json::from_slice(value).map_err(|_| "it is no JSON".to_owned())?;
    let body = whole.get("payload").filter(|_| whole.get("schema").is_some()).unwrap_or(&whole);
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
    let transaction = transaction.ok_or("it has no `source.txId`")?;
    let transaction = u32::try_from(transaction & u64::from(u32::MAX)).unwrap_or(0);
    Ok(Some(Message { transaction, said }))
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
            let read = message(record.to_string().as_bytes()).unwrap();
            assert_eq!(read, Some(Message { transaction: 7, said: expected.clone() }), "{content}");
            let described = serde_json::json!({ "schema": {}, "payload": record });
            assert_eq!(message(described.to_string().as_bytes()).unwrap(), read);
        }
    }

    #[test]
    fn those_of_others_are_left_out_and_what_is_no_message_is_said() {
        let of = |prefix: &str, content: &str| {
            let content = STANDARD.encode(content);
            let message = serde_json::json!({ "prefix": prefix, "content": content });
            serde_json::json!({ "source": { "txId": 7 }, "message": message }).to_string()
        };
        assert_eq!(message(of("other", "action 3f 1").as_bytes()), Ok(None));
        assert_eq!(message(of("loadgen", "fence 12ab").as_bytes()), Ok(None));
        assert_eq!(message(b"{}"), Err("it has no `message`".to_owned()));
        assert_eq!(message(b"x"), Err("it is no JSON".to_owned()));
    }
}
