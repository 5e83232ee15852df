//! Texts that are none: half a character, or bytes that are no UTF-8. Whoever wrote them has spoilt what they stand for, and
//! the rest of their record is as it was.

/// In JSON, the character that is in no text of the server.
const NONE: &[u8] = b"\\u0000";

/// JSON with [`NONE`] in the place of all that is no character; `None` if all is.
pub(in crate::observe) fn mended(json: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(json.len() + NONE.len());
    let mut is_mended = false;
    for chunk in json.utf8_chunks() {
        is_mended |= mend(chunk.valid(), &mut whole);
        if !chunk.invalid().is_empty() {
            whole.extend_from_slice(NONE);
            is_mended = true;
        }
    }
    is_mended.then_some(whole)
}

/// The same of what is UTF-8, appended. Returns whether there was something to mend.
fn mend(mut json: &str, out: &mut Vec<u8>) -> bool {
    let mut is_mended = false;
    while let Some(at) = json.find('\\') {
        let (before, escape) = json.split_at(at);
        out.extend_from_slice(before.as_bytes());
        let length = match half(escape) {
            // Both halves make one.
            Some(0xd800..0xdc00) if matches!(half(&escape[6..]), Some(0xdc00..0xe000)) => 12,
            Some(0xd800..0xe000) => {
                out.extend_from_slice(NONE);
                is_mended = true;
                json = &escape[6..];
                continue;
            }
            _ => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (escape, behind) = escape.split_at(length);
        out.extend_from_slice(escape.as_bytes());
        json = behind;
    }
    out.extend_from_slice(json.as_bytes());
    is_mended
}

/// The number behind `\u`, if that is what a text begins with.
fn half(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn what_is_no_character_becomes_one_that_no_text_has() {
        let cases: [(&[u8], &str); 8] = [
            (br#""a\ud800""#, "a\0"),
            (br#""\udc00z\ud800""#, "\0z\0"),
            (br#""\ud83d\ude00\ud83d""#, "\u{1f600}\0"),
            (br#""\ud800\ud83d\ude00""#, "\0\u{1f600}"),
            (br#""\\ud800 \ud800""#, "\\ud800 \0"),
            (b"\"a\xffb\"", "a\0b"),
            (b"\"gr\xc3\xb6\xc3\"", "gr\u{f6}\0"),
            (b"\"\xed\xa0\x80\"", "\0\0\0"),
        ];
        for (json, expected) in cases {
            let mended = mended(json).unwrap();
            let read: Json = serde_json::from_slice(&mended).unwrap();
            assert_eq!(read, expected, "{:?}", String::from_utf8_lossy(json));
        }
    }

    #[test]
    fn what_is_whole_stays_as_it_is() {
        for whole in
            [r#""größe \"\\ \u00e4 \ud83d\ude00""#, "7", r#"{"a":"\\ud800"}"#, "\"\\u00\"", "\\"]
        {
            assert_eq!(mended(whole.as_bytes()), None, "{whole}");
        }
    }
}
