//! The bytes of a record, and what they say: JSON, with its schema beside it or without; or Avro behind the number of a
//! schema, which a registry has.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;

use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::observe::avro::Cursor;
use crate::observe::avro::Shape;
use crate::observe::debezium::form::Described;
use crate::observe::debezium::form::Form;
use crate::observe::debezium::node::Fields;
use crate::observe::debezium::node::Node;
use crate::observe::reading::Asked;
use crate::sink::kafka::registry::NoSchema;
use crate::sink::kafka::registry::Registry;
use crate::units::format_duration;

/// What stands before Avro, and is nothing that JSON could begin with.
const MAGIC: u8 = 0;
/// How long a registry that does not answer is asked, and how long one waits between questions at first and at most.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How soon one who waits sees that nobody listens any more.
const SOON: Duration = Duration::from_millis(20);
/// Schemas that are kept, and types of one.
const SCHEMAS_MAX: usize = 1_000;
const TYPES_MAX: usize = 1 << 16;
/// Bytes of schemas that stand beside records and are kept.
const BESIDE_MAX: usize = 8 << 20;

/// Reads what records hold.
#[derive(Debug, Default)]
pub(in crate::observe) struct Decoder {
    registry: Option<Registry>,
    /// By number; an error says why nothing can be read by it.
    schemas: BTreeMap<u32, Result<Arc<Schema>, String>>,
    beside: Beside,
}

/// What is read by one schema.
#[derive(Debug)]
pub(in crate::observe) struct Schema {
    shape: Shape,
    form: Arc<Form>,
}

/// What a record holds: its fields, if it is an object, and what is said of them.
#[derive(Debug, Default)]
pub(in crate::observe) struct Coded<'a> {
    pub(super) form: Option<Arc<Form>>,
    pub(super) fields: Option<Fields<'a>>,
}

/// Why it cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::observe) enum Unread {
    /// It is not what it should be: `no JSON`.
    Strange(String),
    /// Nobody can tell what it is, nor those behind it.
    Unknown(String),
}

impl Coded<'_> {
    /// What is said of its form.
    pub(super) fn described(&self) -> Described<'_> {
        Described::of(self.form.as_deref())
    }

    /// All of it; null if it is no object.
    pub(in crate::observe) fn whole(self) -> Json {
        self.fields.map_or(Json::Null, Fields::whole)
    }
}

/// What a record in JSON is itself, if its schema stands beside it or not.
pub(in crate::observe) fn payload(whole: &Json) -> &Json {
    let is_wrapped = Node::Tree(whole).fields().is_some_and(|it| is_wrapped(&it));
    whole.get("payload").filter(|_| is_wrapped).unwrap_or(whole)
}

/// Whether there is a schema beside it, or room for one. A row may have columns of these names.
fn is_wrapped(fields: &Fields<'_>) -> bool {
    let is_schema = |it: Node<'_>| it.is_object() || it.is_null();
    let has_schema = || fields.get("schema").is_some_and(is_schema);
    fields.len() == 2 && fields.get("payload").is_some() && has_schema()
}

/// What schemas say that stand beside records: mostly it is the same beside the next one.
#[derive(Debug, Default)]
struct Beside {
    /// By a number of each; `None` where it cannot be read.
    forms: BTreeMap<u64, (Box<str>, Option<Arc<Form>>)>,
    /// What they take.
    bytes: usize,
}

impl Beside {
    fn form(&mut self, schema: Node<'_>) -> Option<Arc<Form>> {
        if schema.is_null() {
            return None;
        }
        let text = schema.source();
        let number = half(hash(0, text.as_bytes()));
        if let Some((_, form)) = self.forms.get(&number).filter(|it| *it.0 == *text) {
            return form.clone();
        }
        let form = schema.whole().map(|schema| Arc::new(Form::beside(&schema)));
        // Who changes schemas so often begins anew.
        if self.bytes + text.len() > BESIDE_MAX {
            *self = Self::default();
        }
        self.bytes += text.len();
        self.forms.insert(number, (text.into(), form.clone()));
        form
    }
}

impl Schema {
    /// Makes of a schema what its values are read by.
    pub(in crate::observe) fn of(schema: &Json) -> Result<Self, String> {
        let shape = Shape::read(schema)?;
        let form = Form::of(&shape, &mut TYPES_MAX.clone())?.into();
        Ok(Self { shape, form })
    }

    fn read(text: &str) -> Result<Self, String> {
        Self::of(&serde_json::from_str(text).map_err(|_| "its schema is no JSON")?)
    }

    pub(in crate::observe) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What it says of a value.
    pub(in crate::observe) fn described(&self) -> Described<'_> {
        Described::By(&self.form)
    }
}

impl Decoder {
    /// One that asks a registry for schemas.
    pub(in crate::observe) fn new(registry: Option<Registry>) -> Self {
        Self { registry, ..Self::default() }
    }

    /// One that knows these schemas, and can ask nobody.
    #[cfg(test)]
    pub(super) fn knowing(schemas: &[(u32, &str)]) -> Self {
        let read = |text: &str| Schema::read(text).map(Arc::new);
        let schemas = schemas.iter().map(|(number, text)| (*number, read(text))).collect();
        Self { schemas, ..Self::default() }
    }

    /// Whether somebody can tell what some bytes are.
    pub(super) fn may_read(&self, bytes: &[u8]) -> bool {
        let is_known = |number| self.registry.is_some() || self.schemas.contains_key(&number);
        headed(bytes).is_none_or(|(number, _)| is_known(number))
    }

    /// Reads a value or a key. Whoever asks for the end of the reading ends a wait for the registry.
    pub(in crate::observe) fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        asked: &Asked,
    ) -> Result<Coded<'a>, Unread> {
        let Some((number, body)) = headed(bytes) else {
            let fields = Fields::read(bytes);
            return Ok(self.json(fields.map_err(|why| Unread::Strange(why.to_owned()))?));
        };
        let schema = self.schema(number, asked)?;
        let schema = schema.map_err(|why| unreadable(number, &why))?;
        let mut at = Cursor::new(body);
        let value = at.value(&schema.shape).map_err(|why| unreadable(number, &why))?;
        if !at.is_at_end() {
            return Err(unreadable(number, "there is more behind it"));
        }
        let fields = match value {
            Json::Object(fields) => Some(Fields::Tree(Cow::Owned(fields))),
            Json::Null => None,
            _ => return Err(Unread::Strange("no record of Avro".to_owned())),
        };
        Ok(Coded { form: Some(Arc::clone(&schema.form)), fields })
    }

    /// What is in JSON, with its schema beside it or without.
    pub(super) fn json<'a>(&mut self, fields: Option<Fields<'a>>) -> Coded<'a> {
        let Some(whole) = fields.as_ref().filter(|it| is_wrapped(it)) else {
            return Coded { form: None, fields };
        };
        let schema = whole.get("schema");
        let form = schema.and_then(|schema| self.beside.form(schema));
        Coded { form, fields: fields.and_then(|it| it.into_object("payload")) }
    }

    fn schema(
        &mut self,
        number: u32,
        asked: &Asked,
    ) -> Result<Result<Arc<Schema>, String>, Unread> {
        if let Some(known) = self.schemas.get(&number) {
            return Ok(known.clone());
        }
        let Some(registry) = &self.registry else {
            return Err(Unread::Unknown(format!(
                "it holds Avro by the schema {number} of a registry; name that by `registry`"
            )));
        };
        let schema = ask(registry, number, asked).map_err(Unread::Unknown)?;
        let schema = schema.and_then(|text| Schema::read(&text).map(Arc::new));
        // Who changes schemas so often begins anew.
        if self.schemas.len() >= SCHEMAS_MAX {
            self.schemas.clear();
        }
        self.schemas.insert(number, schema.clone());
        Ok(schema)
    }
}

/// The number of a schema, and what is written by it.
pub(super) fn headed(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, body) = bytes.split_first_chunk::<5>()?;
    let [MAGIC, number @ ..] = *head else { return None };
    Some((u32::from_be_bytes(number), body))
}

fn unreadable(number: u32, why: &str) -> Unread {
    Unread::Strange(format!("not what the schema {number} of the registry says: {why}"))
}

/// Asks until there is an answer, or nobody waits for one any more. What there is, or why there is none.
fn ask(registry: &Registry, number: u32, asked: &Asked) -> Result<Result<String, String>, String> {
    let (begun, mut pause) = (Instant::now(), PAUSE);
    loop {
        let error = match registry.schema(number) {
            Ok(text) => return Ok(Ok(text)),
            Err(NoSchema::Unknown(why)) => return Ok(Err(why)),
            Err(NoSchema::Refused(error)) => return Err(error.to_string()),
            Err(NoSchema::Away(error)) => error,
        };
        let until = Instant::now() + pause;
        if asked.to_stop() || begun.elapsed() + pause > PATIENCE {
            let patience = format_duration(PATIENCE);
            return Err(format!("the schema {number} was not to be had for {patience}: {error}"));
        }
        while Instant::now() < until && !asked.to_stop() {
            std::thread::sleep(SOON);
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
