//! A Kafka Connect of the tests' own: its REST interface, as far as loadgen asks for it. Once it has workers,
//! connectors that are not stopped make their slots and read them.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::connector::Reader;

/// On a thread of its own. With it, its connectors end, and what they read is free; their slots stay.
pub(crate) struct Connect {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    connectors: BTreeMap<String, Connector>,
    /// What `authorization` must be, if somebody must log in.
    login: Option<String>,
    /// What is said to whoever puts a configuration, instead of taking it.
    refusal: Option<(u16, String)>,
    /// What the tasks of all connectors have failed with.
    trace: Option<String>,
    requests: Vec<String>,
    /// What is answered to whatever is asked, with 200, instead of what should be.
    page: Option<String>,
    /// How long each answer takes.
    delay: Duration,
    /// Whether connectors never let go of how far they were.
    is_stuck: bool,
    /// What the next calls to stop a connector are answered with, and how many of them.
    stops: (u16, usize),
    /// The connector that nobody may remove.
    protected: Option<String>,
    has_workers: bool,
    /// Nobody is answered any more.
    is_over: bool,
}

struct Connector {
    config: Value,
    is_stopped: bool,
    task: Option<Reader>,
}

impl Connector {
    /// Begins or ends what it should do; how it should do it may have changed.
    fn assign(&mut self, has_workers: bool, is_changed: bool) {
        if self.is_stopped || !has_workers || is_changed {
            self.task = None;
        }
        if self.task.is_none() && !self.is_stopped && has_workers {
            self.task = Some(Reader::of(&self.config));
        }
    }
}

impl Connect {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().unwrap().is_over {
                    return;
                }
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

    /// From now on no configuration is taken.
    pub(crate) fn refuse(&self, status: u16, message: &str) {
        self.state.lock().unwrap().refusal = Some((status, message.to_owned()));
    }

    /// From now on configurations are taken again.
    pub(crate) fn accept(&self) {
        self.state.lock().unwrap().refusal = None;
    }

    /// From now on this is answered to whatever is asked, with 200.
    pub(crate) fn show(&self, page: Option<&str>) {
        self.state.lock().unwrap().page = page.map(str::to_owned);
    }

    /// From now on each answer takes so long.
    pub(crate) fn dawdle(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
    }

    /// From now on no connector lets go of how far it was.
    pub(crate) fn stick(&self) {
        self.state.lock().unwrap().is_stuck = true;
    }

    /// So many calls to stop a connector are answered with this, and not done.
    pub(crate) fn refuse_stops(&self, status: u16, times: usize) {
        self.state.lock().unwrap().stops = (status, times);
    }

    /// From now on nobody may remove this connector.
    pub(crate) fn protect(&self, name: &str) {
        self.state.lock().unwrap().protected = Some(name.to_owned());
    }

    /// All tasks have failed, or (`None`) run again.
    pub(crate) fn fail(&self, trace: Option<&str>) {
        self.state.lock().unwrap().trace = trace.map(str::to_owned);
    }

    /// From now on connectors are at work, or (`false`) none is.
    pub(crate) fn employ(&self, has_workers: bool) {
        let mut state = self.state.lock().unwrap();
        state.has_workers = has_workers;
        state.connectors.values_mut().for_each(|it| it.assign(has_workers, false));
    }

    /// A connector that somebody has put there.
    pub(crate) fn put(&self, name: &str, config: Value) {
        let connector = Connector { config, is_stopped: false, task: None };
        self.state.lock().unwrap().connectors.insert(name.to_owned(), connector);
    }

    /// Somebody stops a connector.
    pub(crate) fn stop(&self, name: &str) {
        self.state.lock().unwrap().connectors.get_mut(name).unwrap().is_stopped = true;
    }

    pub(crate) fn config(&self, name: &str) -> Option<Value> {
        self.state.lock().unwrap().connectors.get(name).map(|it| it.config.clone())
    }

    /// How often somebody asked how a connector is.
    pub(crate) fn looks(&self) -> usize {
        let state = self.state.lock().unwrap();
        state.requests.iter().filter(|request| request.ends_with("/status")).count()
    }

    /// `PUT /connectors/x/stop` and so on, in order; without those that only ask.
    pub(crate) fn changes(&self) -> Vec<String> {
        let requests = self.state.lock().unwrap().requests.clone();
        requests.into_iter().filter(|request| !request.starts_with("GET")).collect()
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            // Who still asks makes no new ones.
            (state.is_over, state.has_workers) = (true, false);
            state.connectors.clear();
        }
        // It waits for somebody to come.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn answer(mut stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (mut length, mut login) = (0, None);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "authorization" => login = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let delay = state.lock().unwrap().delay;
        std::thread::sleep(delay);
        let (status, said) = {
            let mut state = state.lock().unwrap();
            state.requests.push(format!("{method} {path}"));
            if state.login.is_some() && state.login != login {
                (401, json!({ "message": "User cannot access the resource." }))
            } else {
                of(&mut state, (method, path), &body)
            }
        };
        let text = if said.is_null() { String::new() } else { said.to_string() };
        let page = state.lock().unwrap().page.clone();
        let (status, text) = page.map_or((status, text), |page| (200, page));
        write!(
            stream,
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        )?;
    }
}

fn of(state: &mut State, (method, path): (&str, &str), body: &Value) -> (u16, Value) {
    let bare = path.split('?').next().unwrap_or(path);
    let parts: Vec<&str> = bare.split('/').skip(1).collect();
    let missing = |name: &str| (404, json!({ "message": format!("Connector {name} not found") }));
    match (method, parts.as_slice()) {
        ("GET", ["connectors"]) => {
            let one = |(name, it): (&String, &Connector)| {
                (name.clone(), json!({ "info": { "name": name, "config": it.config } }))
            };
            (200, Value::Object(state.connectors.iter().map(one).collect()))
        }
        ("POST", ["connectors"]) | ("PUT", ["connectors", _, "config"]) => {
            if let Some((status, message)) = &state.refusal {
                return (*status, json!({ "message": message }));
            }
            let is_new = method == "POST";
            let config = if is_new { body["config"].clone() } else { body.clone() };
            let name = config["name"].as_str().unwrap().to_owned();
            let known = state.connectors.remove(&name);
            let was_stopped = known.as_ref().is_some_and(|it| it.is_stopped);
            let is_stopped = was_stopped || body["initial_state"] == "STOPPED";
            let is_changed = known.as_ref().is_none_or(|it| it.config != config);
            let task = known.and_then(|it| it.task);
            let mut connector = Connector { config, is_stopped, task };
            connector.assign(state.has_workers, is_changed);
            state.connectors.insert(name, connector);
            (201, json!({}))
        }
        ("PUT", ["connectors", _, "stop"]) if state.stops.1 > 0 => {
            state.stops.1 -= 1;
            (state.stops.0, json!({ "message": "not now" }))
        }
        ("DELETE", ["connectors", name]) if state.protected.as_deref() == Some(name) => {
            (400, json!({ "message": "it is protected" }))
        }
        (_, ["connectors", name, rest @ ..]) => {
            let (trace, is_stuck) = (state.trace.clone(), state.is_stuck);
            let has_workers = state.has_workers;
            let Some(connector) = state.connectors.get_mut(*name) else { return missing(name) };
            match (method, rest) {
                ("GET", ["config"]) => (200, connector.config.clone()),
                ("GET", ["status"]) => (200, status(connector, trace)),
                ("PUT", ["stop"]) => {
                    connector.is_stopped = true;
                    connector.assign(has_workers, false);
                    (204, Value::Null)
                }
                ("PUT", ["resume"]) => {
                    connector.is_stopped = false;
                    connector.assign(has_workers, false);
                    (202, Value::Null)
                }
                ("POST", ["restart"]) => (204, Value::Null),
                ("DELETE", ["offsets"]) if is_stuck => {
                    (500, json!({ "message": "tasks are still ending" }))
                }
                ("DELETE", ["offsets"]) if connector.is_stopped => {
                    (200, json!({ "message": "reset" }))
                }
                ("DELETE", ["offsets"]) => (400, json!({ "message": "must be STOPPED" })),
                ("DELETE", []) => {
                    state.connectors.remove(*name);
                    (204, Value::Null)
                }
                _ => (405, json!({ "message": "HTTP 405 Method Not Allowed" })),
            }
        }
        _ => (404, json!({ "message": "HTTP 404 Not Found" })),
    }
}

fn status(connector: &Connector, trace: Option<String>) -> Value {
    let state = if connector.is_stopped { "STOPPED" } else { "RUNNING" };
    let task = match trace {
        Some(trace) => json!({ "id": 0, "state": "FAILED", "trace": trace }),
        None => json!({ "id": 0, "state": state }),
    };
    let tasks = if connector.is_stopped { json!([]) } else { json!([task]) };
    json!({ "connector": { "state": state }, "tasks": tasks })
}

#[test]
fn what_its_connectors_read_is_free_when_it_is_gone() {
    use super::machine::wait_for;
    use super::server::TestServer;
    use super::slot::Slot;

    // Where others work, a slot is made only once their transactions have ended.
    let server = &TestServer::start();
    let database = server.fresh_database();
    server.query(&database, "CREATE PUBLICATION all_of_it FOR ALL TABLES");
    let slot = Slot::of(server, "read_by_a_connector");
    // While it is made it is active, too, and gone with whoever makes it.
    let active = format!(
        "SELECT active FROM pg_replication_slots WHERE slot_name = '{}' AND confirmed_flush_lsn IS NOT NULL",
        slot.name()
    );
    let is = |expected: &str| server.query("postgres", &active) == [[expected]];
    let connect = Connect::start();
    connect.put(
        "one",
        json!({
            "database.hostname": "127.0.0.1", "database.port": server.port().to_string(),
            "database.user": "postgres", "database.dbname": database,
            "slot.name": slot.name(), "publication.name": "all_of_it",
        }),
    );
    connect.employ(true);
    wait_for("the slot to be read", || is("t"));
    drop(connect);
    wait_for("the slot to be free", || is("f"));
    // Whoever reads again and again would be back.
    std::thread::sleep(Duration::from_secs(6));
    assert!(is("f"), "it is read again");
}
