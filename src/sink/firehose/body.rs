//! The body of a call, written straight from the records: the SDK would copy each of them, encode it apart, and
//! copy it again.

use std::sync::Arc;
use std::sync::Mutex;

use bytes::Bytes;

use crate::sink::event::json::quoted;
use crate::sink::firehose::state::lock;

/// What stands before, between and behind the records' base64.
const BEFORE: &[u8] = b"{\"DeliveryStreamName\":";
const FIRST: &[u8] = b",\"Records\":[{\"Data\":\"";
const NEXT: &[u8] = b"\"},{\"Data\":\"";
const BEHIND: &[u8] = b"\"}]}";

/// The memory of a body that is larger is not kept for the next.
const KEPT_MAX: usize = 1 << 20;

/// Bodies that are under way, and the memory of those that were: as many as calls at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Bodies(Arc<Mutex<Vec<Vec<u8>>>>);

/// A body until nobody has it any more.
struct Lent {
    body: Vec<u8>,
    home: Bodies,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.body.capacity() <= KEPT_MAX {
            lock(&self.home.0).push(std::mem::take(&mut self.body));
        }
    }
}

impl Bodies {
    /// The body of a call of `PutRecordBatch` to a stream, of one record at least.
    pub(super) fn write<'a>(
        &self,
        stream: &str,
        records: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    ) -> Bytes {
        let mut body = lock(&self.0).pop().unwrap_or_default();
        body.clear();
        let encoded: usize = records.clone().map(|data| data.len().div_ceil(3) * 4).sum();
        let frame = BEFORE.len() + stream.len() + 2 + FIRST.len() + BEHIND.len();
        body.reserve(frame + encoded + records.len() * NEXT.len());
        body.extend_from_slice(BEFORE);
        quoted(stream.as_bytes(), &mut body);
        let mut before = FIRST;
        for data in records {
            body.extend_from_slice(before);
            base64_simd::STANDARD.encode_append(data, &mut body);
            before = NEXT;
        }
        body.extend_from_slice(BEHIND);
        Bytes::from_owner(Lent { body, home: self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the records hold, a reader of JSON and base64 finds it.
        #[test]
        fn records_come_back(records in prop::collection::vec(any::<Vec<u8>>(), 1..20)) {
            let bodies = Bodies::default();
            // The second is written where the first was.
            drop(bodies.write("another", [b"what was there before".as_slice()].into_iter()));
            let body = bodies.write("clicks", records.iter().map(Vec::as_slice));
            prop_assert!(lock(&bodies.0).is_empty());
            let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(&read["DeliveryStreamName"], "clicks");
            let read: Vec<Vec<u8>> = read["Records"]
                .as_array()
                .unwrap()
                .iter()
                .map(|record| STANDARD.decode(record["Data"].as_str().unwrap()).unwrap())
                .collect();
            prop_assert_eq!(read, records);
        }
    }
}
