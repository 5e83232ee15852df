//! The messages of a walsender that carry changes, as the output plugin `pgoutput` writes them in binary.

use std::collections::HashMap;

use super::super::proxy::wire::Message;

/// Before what the plugin says: `w`, two places in the log and a time.
const HEAD: usize = 25;

/// The tables that were named so far, by their numbers: name, and how many columns the key has.
#[derive(Debug, Default)]
pub(super) struct Tables {
    all: HashMap<u32, (String, usize)>,
}

/// A change of a row.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) table: String,
    pub(super) key: String,
    kind: u8,
    /// Where the values of the row that it tells of stand in the message's body; `None` are not there.
    values: Vec<Option<(usize, usize)>>,
}

/// Reads a body from a place on.
struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> u8 {
        self.at += 1;
        self.body[self.at - 1]
    }

    fn number(&mut self, bytes: usize) -> usize {
        (0..bytes).fold(0, |number, _| number << 8 | usize::from(self.byte()))
    }

    fn text(&mut self) -> String {
        let length = self.body[self.at..].iter().position(|byte| *byte == 0).unwrap();
        let text = String::from_utf8(self.body[self.at..self.at + length].to_vec()).unwrap();
        self.at += length + 1;
        text
    }

    fn tuple(&mut self) -> Vec<Option<(usize, usize)>> {
        let count = self.number(2);
        let cell = |_| match self.byte() {
            b't' | b'b' => {
                let length = self.number(4);
                self.at += length;
                Some((self.at - length, self.at))
            }
            _ => None,
        };
        (0..count).map(cell).collect()
    }
}

impl Tables {
    /// The change that a message carries, if it does. Takes note of what tables are called.
    pub(super) fn change(&mut self, message: &Message) -> Option<Change> {
        let body = message.body.as_slice();
        if message.tag != b'd' || body.first() != Some(&b'w') || body.len() <= HEAD {
            return None;
        }
        let mut cursor = Cursor { body, at: HEAD };
        let kind = cursor.byte();
        let number = u32::try_from(cursor.number(4)).unwrap_or(0);
        if kind == b'R' {
            let name = [cursor.text(), cursor.text()].join(".");
            // Which columns are the key is not told of a table whose rows are sent whole.
            let keys = if name.ends_with(".order_items") { 2 } else { 1 };
            self.all.insert(number, (name, keys));
        }
        // Canaries come beside the load, in between whatever a test counts.
        let is_canary = |it: &(String, usize)| it.0.ends_with(".loadgen_canary");
        if !b"IUD".contains(&kind) || self.all.get(&number).is_some_and(is_canary) {
            return None;
        }
        let mut values = Vec::new();
        loop {
            let part = cursor.byte();
            values = if part == b'N' || kind == b'D' { cursor.tuple() } else { values };
            if part == b'N' || kind == b'D' {
                break;
            }
            cursor.tuple();
        }
        let (table, keys) = self.all.get(&number)?.clone();
        let key = values.iter().take(keys).flatten().map(|(from, to)| shown(&body[*from..*to]));
        let key = key.collect::<Vec<_>>().join(", ");
        Some(Change { table, key, kind, values })
    }
}

impl Change {
    /// Turns a bit in the last value of the row. The keys are the first ones.
    pub(super) fn alter(&self, message: &mut Message) -> bool {
        let last = self.values.last().copied().flatten();
        let Some((from, to)) = last.filter(|_| self.kind != b'D') else { return false };
        if from < to {
            message.body[to - 1] ^= 1;
        }
        from < to
    }

    /// Leaves out the last value of an order, which each update sets.
    pub(super) fn hide(&self, message: &mut Message) -> bool {
        let is_it = self.kind == b'U' && self.table.ends_with(".orders");
        let Some((from, to)) = self.values.last().copied().flatten().filter(|_| is_it) else {
            return false;
        };
        // Before a value stand its form and its length.
        message.body.splice(from - 5..to, [b'u']);
        true
    }

    /// A new row like this one, with another key, and what it is. Only of one that is new itself.
    pub(super) fn make_up(&self, message: &Message, tables: &Tables) -> Option<(Message, Change)> {
        let (from, to) = self.values.first().copied().flatten().filter(|_| self.kind == b'I')?;
        let mut body = message.body.clone();
        // High enough for a number that no row has yet.
        body[from + (to - from) / 4] ^= 0x10;
        let made_up = Message { tag: message.tag, body };
        let change = Tables { all: tables.all.clone() }.change(&made_up)?;
        Some((made_up, change))
    }
}

/// The value of a key: an integer or a UUID.
fn shown(bytes: &[u8]) -> String {
    match *bytes {
        [a, b] => i16::from_be_bytes([a, b]).to_string(),
        [a, b, c, d] => i32::from_be_bytes([a, b, c, d]).to_string(),
        _ if bytes.len() == 8 => i64::from_be_bytes(bytes.try_into().unwrap()).to_string(),
        _ => uuid::Uuid::from_slice(bytes).unwrap().to_string(),
    }
}
