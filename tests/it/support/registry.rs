//! A schema registry of the tests' own, and a reader of what was written by its schemas.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// A registry that lives as long as the test, on a thread of its own.
#[derive(Clone)]
pub(crate) struct Registry {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What `authorization` must be, if somebody must log in.
    login: Option<String>,
    /// What is said to whoever registers, instead of a number.
    refusal: Option<(u16, String)>,
    /// With which status, and how often, nobody is told a schema.
    silence: (u16, usize),
    /// Schemas by their numbers, which begin at 7.
    schemas: Vec<Value>,
    /// The number of each subject's schema.
    subjects: BTreeMap<String, usize>,
    requests: Vec<String>,
}

const FIRST: usize = 7;

impl Registry {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(&stream.unwrap(), &shared);
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on somebody must log in by that header.
    pub(crate) fn require(&self, login: &str) {
        self.state.lock().unwrap().login = Some(login.to_owned());
    }

    /// From now on nothing is registered, for that reason.
    pub(crate) fn refuse(&self, status: u16, message: &str) {
        self.state.lock().unwrap().refusal = Some((status, message.to_owned()));
    }

    /// The next so many who ask for a schema by its number are told that status.
    pub(crate) fn be_silent(&self, status: u16, count: usize) {
        self.state.lock().unwrap().silence = (status, count);
    }

    /// The number of a schema, which it has from now on.
    pub(crate) fn number(&self, schema: &Value) -> u32 {
        u32::try_from(self.state.lock().unwrap().number(schema)).unwrap()
    }

    /// What was asked so far: method and path.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The schema of a subject.
    pub(crate) fn schema(&self, subject: &str) -> Value {
        let state = self.state.lock().unwrap();
        state.schemas[state.subjects[subject] - FIRST].clone()
    }

    /// What a record holds: by the schema whose number stands before it.
    pub(crate) fn read(&self, record: &[u8]) -> Value {
        assert_eq!(record[0], 0, "the magic byte");
        let number = u32::from_be_bytes(record[1..5].try_into().unwrap()) as usize;
        let schema = self.state.lock().unwrap().schemas[number - FIRST].clone();
        let (mut rest, mut named) = (&record[5..], BTreeMap::new());
        collect(&schema, &mut named);
        let value = decode(&schema, &named, &mut rest);
        assert!(rest.is_empty(), "{} bytes are left", rest.len());
        value
    }
}

fn answer(mut stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut parts = line.split(' ');
    let (method, path) = (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned());
    let (mut length, mut login) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => login = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, said) = state.lock().unwrap().answer(&method, &path, login.as_ref(), &body);
    let said = said.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{said}",
        said.len()
    )
}

impl State {
    fn answer(
        &mut self,
        method: &str,
        path: &str,
        login: Option<&String>,
        body: &[u8],
    ) -> (u16, Value) {
        self.requests.push(format!("{method} {path}"));
        if self.login.is_some() && self.login.as_ref() != login {
            return (401, json!({ "error_code": 40101, "message": "Unauthorized" }));
        }
        if let Some(number) = path.strip_prefix("/schemas/ids/") {
            return self.told(number.parse().unwrap());
        }
        let subject = path.strip_prefix("/subjects/").and_then(|it| it.strip_suffix("/versions"));
        let Some(subject) = subject else {
            return (404, json!({ "error_code": 404, "message": "HTTP 404 Not Found" }));
        };
        if method == "GET" {
            return match self.subjects.get(subject) {
                Some(_) => (200, json!([1])),
                None => (404, json!({ "error_code": 40401, "message": "Subject not found" })),
            };
        }
        if let Some((status, message)) = &self.refusal {
            return (*status, json!({ "error_code": status, "message": message }));
        }
        let body: Value = serde_json::from_slice(body).unwrap();
        let schema: Value = serde_json::from_str(body["schema"].as_str().unwrap()).unwrap();
        let number = self.number(&schema);
        self.subjects.insert(subject.to_owned(), number);
        (200, json!({ "id": number }))
    }

    fn number(&mut self, schema: &Value) -> usize {
        let known = self.schemas.iter().position(|known| known == schema);
        FIRST
            + known.unwrap_or_else(|| {
                self.schemas.push(schema.clone());
                self.schemas.len() - 1
            })
    }

    /// What is said to whoever asks for a schema.
    fn told(&mut self, number: usize) -> (u16, Value) {
        if self.silence.1 > 0 {
            self.silence.1 -= 1;
            let status = self.silence.0;
            return (status, json!({ "error_code": status, "message": "Not now" }));
        }
        match number.checked_sub(FIRST).and_then(|at| self.schemas.get(at)) {
            Some(schema) => (200, json!({ "schema": schema.to_string() })),
            None => (
                404,
                json!({ "error_code": 40403, "message": format!("Schema {number} not found") }),
            ),
        }
    }
}

/// Types that are called by their names where they come up again.
type Named = BTreeMap<String, Value>;

fn collect(schema: &Value, named: &mut Named) {
    match schema {
        Value::Array(all) => all.iter().for_each(|each| collect(each, named)),
        Value::Object(of) => {
            if of.get("type").is_some_and(|kind| kind == "enum") {
                let part = |key: &str| of[key].as_str().unwrap();
                named.insert(format!("{}.{}", part("namespace"), part("name")), schema.clone());
            }
            of.values().for_each(|each| collect(each, named));
        }
        _ => {}
    }
}

/// Reads a value as the specification of Avro says, knowing nothing but the schema.
fn decode(schema: &Value, named: &Named, rest: &mut &[u8]) -> Value {
    match schema {
        Value::Array(options) => {
            let chosen = usize::try_from(long(rest)).unwrap();
            decode(&options[chosen], named, rest)
        }
        Value::String(name) if named.contains_key(name) => decode(&named[name], named, rest),
        Value::String(plain) => decode_plain(plain, schema, named, rest),
        Value::Object(of) => {
            let value = decode_plain(of["type"].as_str().unwrap(), schema, named, rest);
            match of.get("logicalType").and_then(Value::as_str) {
                Some("decimal") => decimal(&value, of["scale"].as_u64().unwrap()),
                _ => value,
            }
        }
        other => panic!("{other} is no schema"),
    }
}

fn decode_plain(kind: &str, schema: &Value, named: &Named, rest: &mut &[u8]) -> Value {
    match kind {
        "null" => Value::Null,
        "boolean" => json!(take(rest, 1)[0] == 1),
        "int" | "long" => json!(long(rest)),
        "float" => json!(f32::from_le_bytes(take(rest, 4).try_into().unwrap())),
        "double" => json!(f64::from_le_bytes(take(rest, 8).try_into().unwrap())),
        "bytes" => {
            let length = usize::try_from(long(rest)).unwrap();
            json!(take(rest, length))
        }
        "string" => {
            let length = usize::try_from(long(rest)).unwrap();
            json!(String::from_utf8(take(rest, length).to_vec()).unwrap())
        }
        "enum" => schema["symbols"][usize::try_from(long(rest)).unwrap()].clone(),
        "array" => {
            let mut all = Vec::new();
            loop {
                match long(rest) {
                    0 => return json!(all),
                    count => {
                        for _ in 0..count {
                            all.push(decode(&schema["items"], named, rest));
                        }
                    }
                }
            }
        }
        "record" => {
            let fields = schema["fields"].as_array().unwrap().iter();
            let field = |field: &Value| {
                (field["name"].as_str().unwrap().to_owned(), decode(&field["type"], named, rest))
            };
            Value::Object(fields.map(field).collect::<Map<_, _>>())
        }
        other => panic!("`{other}` is no type"),
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(length);
    *rest = left;
    taken
}

fn long(rest: &mut &[u8]) -> i64 {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let byte = take(rest, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let value = i64::from_ne_bytes(value.to_ne_bytes());
            return ((value >> 1) & i64::MAX) ^ -(value & 1);
        }
        shift += 7;
    }
}

/// Two's complement, big-endian; as text.
fn decimal(bytes: &Value, scale: u64) -> Value {
    let bytes: Vec<u8> = serde_json::from_value(bytes.clone()).unwrap();
    let sign = if bytes[0] >= 0x80 { -1_i128 } else { 0 };
    let value = bytes.iter().fold(sign, |value, byte| (value << 8) | i128::from(*byte));
    let digits = format!("{:0>1$}", value.abs(), usize::try_from(scale).unwrap() + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::try_from(scale).unwrap());
    json!(format!("{}{whole}.{part}", if value < 0 { "-" } else { "" }))
}
