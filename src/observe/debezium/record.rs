//! One record of Debezium: from its bytes to the change of a row.

use serde_json::Value as Json;

use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::observe::RowChange;
use crate::observe::debezium::coded::Coded;
use crate::observe::debezium::coded::Decoder;
use crate::observe::debezium::coded::Unread;
use crate::observe::debezium::coded::headed;
use crate::observe::debezium::columns::Columns;
use crate::observe::debezium::columns::Of;
use crate::observe::debezium::form::Described;
use crate::observe::debezium::mended::mended;
use crate::observe::debezium::node::Node;
use crate::observe::debezium::raw::Raw;
use crate::observe::debezium::side::Side;
use crate::observe::debezium::side::side;
use crate::observe::debezium::side::side_by;
use crate::observe::debezium::side::told;
use crate::observe::reading::Asked;
use crate::observe::reading::Weighs;
use crate::observe::whose::Whose;
use crate::scenario::TopicFormat;
use crate::sink::postgres::replication::Lsn;

/// What a record says of keys, beside its value.
#[derive(Clone, Copy, Default)]
struct Keys<'a> {
    /// Its own, if it can be read.
    own: Option<&'a Coded<'a>>,
    /// That which the row has had, if it can be read.
    old: Option<&'a Coded<'a>>,
    has_old: bool,
    /// Whether the row goes on under another one.
    has_new: bool,
}

/// Where in the log a change is from; at 0 where that is not told, and the row tells which change it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::observe) struct LogPosition {
    pub(in crate::observe) lsn: Lsn,
    pub(in crate::observe) transaction: u32,
}

/// What a record is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::observe) enum Record {
    Change(RowChange, LogPosition),
    /// All rows of the table went.
    Truncated(LogPosition),
    /// A row that was there before, and is no change; and where the log was then, if that is told.
    Snapshot(RowChange, LogPosition),
    /// It says nothing of its own: what follows a delete, a message, the first half of a new key.
    Nothing,
    /// It is not what a connector writes in this format, for a reason.
    Strange(String),
}

impl Weighs for Record {
    fn bytes(&self) -> usize {
        match self {
            Self::Change(change, _) | Self::Snapshot(change, _) => {
                change.key.len() + change.row.len()
            }
            Self::Truncated(_) | Self::Nothing | Self::Strange(_) => 0,
        }
    }
}

/// Reads records of one format.
#[derive(Debug)]
pub(in crate::observe) struct DebeziumReader {
    format: TopicFormat,
    pub(in crate::observe) decoder: Decoder,
    pub(in crate::observe) columns: Columns,
    /// A delete is told by a row that says so: then nothing new is said behind it.
    rewrites: bool,
}

impl DebeziumReader {
    pub(in crate::observe) fn new(format: TopicFormat, decoder: Decoder) -> Self {
        Self { format, decoder, columns: Columns::default(), rewrites: false }
    }

    /// Columns may be absent where they have no value.
    pub(in crate::observe) fn sparse(mut self) -> Self {
        self.columns.are_sparse = true;
        self
    }

    /// What a record of a table is. An error says why nobody can tell, nor of those behind it.
    pub(in crate::observe) fn read(
        &mut self,
        catalog: &Catalog,
        table: TableId,
        (raw, asked): (Raw<'_>, &Asked),
    ) -> Result<Record, String> {
        let own = raw.key.filter(|key| self.asks_key((catalog, table), key, raw));
        let (old, own) = (self.key(raw.old_key, asked)?, self.key(own, asked)?);
        let (has_old, has_new) = (raw.old_key.is_some(), raw.has_new_key);
        let keys = Keys { own: own.as_ref(), old: old.as_ref(), has_old, has_new };
        let Some(value) = raw.value else {
            return Ok(self.tombstone((catalog, table), own.as_ref().and_then(side), keys));
        };
        match self.decoder.read(value, asked) {
            Ok(coded) => Ok(self.read_side((catalog, table), side(&coded), keys)),
            Err(Unread::Strange(why)) => match text_of(value).and_then(mended) {
                // What is no text spoils the value that has it, and no other.
                Some(value) => {
                    self.read(catalog, table, (Raw { value: Some(&value), ..raw }, asked))
                }
                None => Ok(Record::Strange(format!("its value is {why}"))),
            },
            Err(Unread::Unknown(why)) => Err(why),
        }
    }

    /// A key; `None` if there is none that can be read.
    fn key<'a>(
        &mut self,
        key: Option<&'a [u8]>,
        asked: &Asked,
    ) -> Result<Option<Coded<'a>>, String> {
        match key.map(|key| self.decoder.read(key, asked)) {
            Some(Ok(key)) => Ok(Some(key)),
            Some(Err(Unread::Unknown(why))) => Err(why),
            Some(Err(Unread::Strange(_))) | None => Ok(None),
        }
    }

    /// Whether the key of a record is read. Beside a value it need not be one that anybody can read: it may be written
    /// otherwise.
    fn asks_key(&self, (catalog, table): (&Catalog, TableId), key: &[u8], raw: Raw<'_>) -> bool {
        match raw.value {
            Some(_) => !catalog.table(table).key.is_empty() && self.decoder.may_read(key),
            None => self.is_told_by_key(catalog, table),
        }
    }

    /// Whether what follows a delete may be all that is left of one, and nothing else tells of it: so it is of rows that
    /// are flattened.
    fn is_told_by_key(&self, catalog: &Catalog, table: TableId) -> bool {
        let info = catalog.table(table);
        let is_all = self.format == TopicFormat::Flattened && !self.rewrites;
        is_all && info.markers().is_some() && !info.key.is_empty()
    }

    /// Behind a delete, for those who keep the last record of each key.
    fn tombstone(
        &mut self,
        (catalog, table): (&Catalog, TableId),
        key: Option<Side<'_>>,
        keys: Keys<'_>,
    ) -> Record {
        if key.is_none() {
            return Record::Nothing;
        }
        self.change(Of::new(catalog, table), "d", (key, None), (LogPosition::default(), keys))
    }

    /// What a value of a table is that was found elsewhere.
    pub(in crate::observe) fn read_value(
        &mut self,
        catalog: &Catalog,
        table: TableId,
        (described, value): (Described<'_>, &Json),
    ) -> Record {
        let coded = self.decoder.json(Node::Tree(value).fields());
        self.read_side((catalog, table), side_by(&coded, described), Keys::default())
    }

    /// What a key of a table is that was found elsewhere, and no value beside it.
    pub(in crate::observe) fn read_key(
        &mut self,
        catalog: &Catalog,
        table: TableId,
        (described, key): (Described<'_>, &Json),
    ) -> Record {
        if !self.is_told_by_key(catalog, table) {
            return Record::Nothing;
        }
        let coded = self.decoder.json(Node::Tree(key).fields());
        self.tombstone((catalog, table), side_by(&coded, described), Keys::default())
    }

    fn read_side(
        &mut self,
        (catalog, table): (&Catalog, TableId),
        side: Option<Side<'_>>,
        keys: Keys<'_>,
    ) -> Record {
        let Some((body, described)) = side else { return Record::Nothing };
        let of = Of::new(catalog, table);
        match self.format {
            TopicFormat::Debezium => self.enveloped(of, (body, described), keys),
            // Tables of our own have no columns that tell of changes.
            TopicFormat::Flattened
                if catalog.is_marked() && of.is_own && body.get("__op").is_none() =>
            {
                Record::Nothing
            }
            TopicFormat::Flattened => self.flattened(of, (body, described), keys),
        }
    }

    fn enveloped(&mut self, of: Of<'_>, (body, described): Side<'_>, keys: Keys<'_>) -> Record {
        let Some(op) = body.get("op").and_then(Node::as_str) else {
            return strange("it has no `op`: is it `format: flattened`?");
        };
        if op == "m" {
            return Record::Nothing;
        }
        let source = body.object("source");
        let number = |name: &str| source.as_ref().and_then(|source| source.get(name)?.as_u64());
        // What is there before the log is read is from no place in it.
        let sequence = || source.as_ref()?.get("sequence").and_then(read_up_to);
        let lsn = number("lsn").or_else(|| (op == "r").then(|| sequence().unwrap_or(0)));
        let Some(lsn) = lsn else { return strange("it has no `source.lsn`") };
        let transaction = number("txId").unwrap_or(0);
        let origin = origin(lsn, transaction);
        if op == "t" {
            return Record::Truncated(origin);
        }
        // Of what was before, little is asked for.
        let is_asked = op == "d" || of.info.key.is_empty();
        let rows = (body.object("before").filter(|_| is_asked), body.object("after"));
        let before = rows.0.as_ref().map(|row| (row, described.field("before")));
        let after = rows.1.as_ref().map(|row| (row, described.field("after")));
        self.change(of, &op, (before, after), (origin, keys))
    }

    /// As `ExtractNewRecordState` leaves it, with `add.fields=op,lsn,txId` at least.
    fn flattened(&mut self, of: Of<'_>, (body, described): Side<'_>, keys: Keys<'_>) -> Record {
        let first = |names: &[&str]| names.iter().find_map(|name| body.get(name));
        let deleted = body.get("__deleted");
        let is_text = |it: Node<'_>| it.as_str().map(|text| text == "true");
        let is_deleted = deleted.and_then(|it| it.as_bool().or_else(|| is_text(it)));
        let is_deleted = is_deleted.unwrap_or(false);
        let op = body.get("__op").and_then(Node::as_str);
        self.rewrites |= deleted.is_some();
        let told = told(of.info, body);
        let by_row = told.map(|(_, version)| if version == 1 { "c" } else { "u" });
        let Some(op) = op.as_deref().or(is_deleted.then_some("d")).or(by_row) else {
            return strange(
                "it has no `__op`, so nobody can tell an insert from an update; let \
                 `ExtractNewRecordState` have `add.fields=op,lsn,txId`, or write `cdc: { trace: columns }`",
            );
        };
        let lsn = first(&["__lsn", "__source_lsn"]).and_then(Node::as_u64);
        // A row that was seeded, and nobody has changed.
        let is_seeded = lsn.is_none() && told.is_some_and(|(run, _)| run == 0);
        let op = if is_seeded { "r" } else { op };
        let is_told = op == "r" || of.info.markers().is_some();
        let sequence = || first(&["__sequence", "__source_sequence"]).and_then(read_up_to);
        let Some(lsn) = lsn.or_else(|| is_told.then(|| sequence().unwrap_or(0))) else {
            return strange(
                "it has no `__lsn`, so nobody can tell what came twice; let `ExtractNewRecordState` \
                 have `add.fields=op,lsn,txId`, or write `cdc: { trace: columns }`",
            );
        };
        let transaction = first(&["__txId", "__source_txId"]).and_then(Node::as_u64).unwrap_or(0);
        let side = Some((body, described));
        let op = if is_deleted { "d" } else { op };
        let sides = if op == "d" { (side, None) } else { (None, side) };
        self.change(of, op, sides, (origin(lsn, transaction), keys))
    }

    fn change(
        &mut self,
        of: Of<'_>,
        op: &str,
        (before, after): (Option<Side<'_>>, Option<Side<'_>>),
        (origin, keys): (LogPosition, Keys<'_>),
    ) -> Record {
        let (change, row) = match (op, before, after) {
            // The row goes on, as the record behind this one says.
            ("d", ..) if keys.has_new => return Record::Nothing,
            ("c", _, Some(after)) if keys.has_old => (Change::Update, after),
            ("c" | "r", _, Some(after)) => (Change::Insert, after),
            ("u", _, Some(after)) => (Change::Update, after),
            ("d", Some(before), _) => (Change::Delete, before),
            ("c" | "u" | "r", ..) => return strange("it has no `after`"),
            ("d", ..) => return strange("it has no `before`"),
            (op, ..) => return strange(&format!("`{op}` is no operation")),
        };
        let (info, mut all) = (of.info, Vec::new());
        for column in 0..info.columns.len() {
            self.columns.push((of, column), row, change, &mut all);
        }
        let old = keys.old.and_then(side);
        // Where an update says what the row was, that tells which row it is.
        let had = match change {
            Change::Update => old.or(before.filter(|_| info.key.is_empty())),
            Change::Insert | Change::Delete => None,
        };
        // Without a key, all that it has tells a row.
        let without = if info.key.is_empty() { info.columns.len() } else { 0 };
        // Whoever keeps rows by the records' keys has it under that one, whatever its values say.
        let own = keys.own.and_then(side).filter(|_| had.is_none() && without == 0);
        let mut key = Vec::new();
        for at in (0..without).chain(info.key.iter().copied()) {
            if !own.is_some_and(|own| self.columns.push_told((info, at), own, &mut key)) {
                self.columns.push_key((info, at), had.unwrap_or(row), &mut key);
            }
        }
        if change == Change::Delete {
            all.clear();
        }
        let (key, row, whose) = (key.into(), all.into(), Whose::Untold);
        let change = RowChange { table: of.table, change, key, row, whose };
        if op == "r" { Record::Snapshot(change, origin) } else { Record::Change(change, origin) }
    }
}

/// What is JSON, or should be.
fn text_of(value: &[u8]) -> Option<&[u8]> {
    Some(value).filter(|_| std::str::from_utf8(value).is_err() && headed(value).is_none())
}

/// How far a connector had read the log, as it says beside a row of a snapshot: `["24023128","24023160"]`, the last commit
/// and the last change. Either may be null.
fn read_up_to(sequence: Node<'_>) -> Option<u64> {
    let places: Vec<Option<String>> = serde_json::from_str(&sequence.as_str()?).ok()?;
    places.iter().flatten().filter_map(|place| place.parse().ok()).max()
}

fn origin(lsn: u64, transaction: u64) -> LogPosition {
    // Transactions have 32 bits, and come around.
    let transaction = u32::try_from(transaction & u64::from(u32::MAX)).unwrap_or(0);
    LogPosition { lsn: Lsn(lsn), transaction }
}

fn strange(why: &str) -> Record {
    Record::Strange(why.to_owned())
}
