//! Kafka Connect's REST interface, as much of it as is needed.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use secrecy::ExposeSecret as _;
use serde_json::Value;
use thiserror::Error;
use ureq::Agent;

use crate::connect::secrets::Secrets;
use crate::scenario::cdc::Connect;
use crate::sink::http::agent;
use crate::sink::http::basic;
use crate::sink::http::escaped;
use crate::sink::http::roots;

/// How long an answer may take: a worker that is busy with another connector holds requests for a while.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// With less time than that nothing more is asked.
const LAST: Duration = Duration::from_millis(300);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Letters of an answer, or of a trace, that are shown at most.
const SHOWN_MAX: usize = 600;

/// What Kafka Connect does not do, or why nobody heard of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConnectError(pub(super) String);

impl ConnectError {
    /// What somebody else did not do.
    pub fn of(error: &impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A Kafka Connect, and how to reach it.
#[derive(Debug, Clone)]
pub struct Api {
    url: String,
    login: Option<String>,
    agent: Agent,
    secrets: Arc<Secrets>,
    /// How long an answer may take.
    patience: Duration,
    /// When nothing more is waited for.
    until: Option<Instant>,
}

/// What it said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) said: Value,
    /// What it said why, if something is wrong.
    message: String,
}

impl Answer {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// How a connector is, by what Kafka Connect says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It and its tasks run.
    Running,
    /// It is not, or not all of it is, at work: what it is instead.
    Waiting(String),
    /// It, or a task of it, has failed: the first line of why.
    Failed(String),
}

impl Standing {
    /// Whether it has let go of all that it had, and stays so until somebody says otherwise.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self, Self::Waiting(what) if what == "STOPPED")
    }
}

impl Api {
    /// At an address; connects to nothing yet.
    pub fn new(url: &str, connect: &Connect) -> Result<Self, ConnectError> {
        let roots = roots(url, connect.ca.as_deref(), "the `ca` of `connect`");
        let agent = agent(roots.map_err(ConnectError)?, ANSWER_WITHIN);
        let login = connect.user.as_ref().map(|user| basic(user, connect.password.as_ref()));
        let secrets = Arc::<Secrets>::default();
        connect.password.iter().for_each(|password| secrets.add(password.expose_secret()));
        Ok(Self {
            url: url.to_owned(),
            login,
            agent,
            secrets,
            patience: ANSWER_WITHIN,
            until: None,
        })
    }

    /// The same, which waits for nothing any more when so much time has passed.
    pub(super) fn within(&self, limit: Duration) -> Self {
        Self { until: Instant::now().checked_add(limit), ..self.clone() }
    }

    /// The same, for whose answers one waits so long at most.
    pub(super) fn answering(&self, limit: Duration) -> Self {
        Self { patience: limit, ..self.clone() }
    }

    /// How much time is left for an answer.
    pub(super) fn left(&self) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(self.patience, |left| left.min(self.patience))
    }

    /// Whether no time is left for another answer.
    pub(super) fn is_over(&self) -> bool {
        self.left() < LAST
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Of one connector: how it is. `None`: there is no such connector, or it is not yet known how it is.
    pub fn standing(&self, name: &str) -> Result<Option<Standing>, ConnectError> {
        let answer = self.call("GET", &format!("{}/status", place(name)), None)?;
        match answer.status {
            404 | 409 => Ok(None),
            _ if answer.is_good() => {
                let status = self.object(answer)?;
                Ok(Some(standing(&status, |trace| self.secrets.cover(trace))))
            }
            _ => Err(self.refused(&format!("tell how `{name}` is"), &answer)),
        }
    }

    /// A connector's configuration; `None`: there is no such connector.
    pub(super) fn config(&self, name: &str) -> Result<Option<Value>, ConnectError> {
        let answer = self.call("GET", &format!("{}/config", place(name)), None)?;
        match answer.status {
            404 => Ok(None),
            _ if answer.is_good() => self.object(answer).map(Some),
            _ => Err(self.refused(&format!("show `{name}`"), &answer)),
        }
    }

    /// The names and configurations of all connectors.
    pub(super) fn all(&self) -> Result<Vec<(String, Value)>, ConnectError> {
        let answer = self.call("GET", "/connectors?expand=info", None)?;
        if !answer.is_good() {
            return Err(self.refused("list its connectors", &answer));
        }
        let all = self.object(answer)?;
        let config = |info: &Value| info["info"]["config"].clone();
        let all = all.as_object().into_iter().flatten();
        Ok(all.map(|(name, info)| (name.clone(), config(info))).collect())
    }

    /// What was said, where that must be an object: a proxy or somebody else's page is none.
    fn object(&self, answer: Answer) -> Result<Value, ConnectError> {
        if answer.said.is_object() {
            return Ok(answer.said);
        }
        let (url, message) = (&self.url, &answer.message);
        Err(ConnectError(format!(
            "`{url}` is no Kafka Connect: what it answers is not what was asked for ({message}); is the \
             address right, and its path?"
        )))
    }

    /// A call, and what was said. An error if nobody answered, or nobody whom it concerns.
    pub(super) fn call(
        &self,
        method: &str,
        at: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ConnectError> {
        let request =
            ureq::http::Request::builder().method(method).uri(format!("{}{at}", self.url));
        let request = request.header("accept", "application/json");
        let request = match &self.login {
            Some(login) => request.header("authorization", login),
            None => request,
        };
        let request = request.header("content-type", "application/json");
        if let Some(body) = body {
            self.secrets.note(body);
        }
        let text = body.map(Value::to_string).unwrap_or_default();
        let sent = request.body(text).map_err(|error| error.to_string());
        let answered = sent.and_then(|request| {
            // What has no time left at all would wait for ever.
            let limit = self.left().max(Duration::from_millis(1));
            let request = self.agent.configure_request(request).timeout_global(Some(limit)).build();
            let answered = self.agent.run(request).map_err(|error| error.to_string());
            answered.and_then(|answer| read(answer, &self.secrets))
        });
        let answer = answered.map_err(|cause| {
            let url = &self.url;
            if self.is_over() {
                return ConnectError(format!(
                    "the Kafka Connect at `{url}` did not answer within the time that it had: `within`"
                ));
            }
            ConnectError(format!(
                "no Kafka Connect answers at `{url}`: {cause}; is it running, and is the address right?"
            ))
        })?;
        match answer.status {
            401 | 403 => Err(ConnectError(format!(
                "the Kafka Connect at `{}` refused the login ({}); look at `user` and `password` of \
                 `cdc: {{ connect: … }}`",
                self.url, answer.message
            ))),
            _ => Ok(answer),
        }
    }

    /// What was asked for and not done.
    pub(super) fn refused(&self, doing: &str, answer: &Answer) -> ConnectError {
        let (url, status, message) = (&self.url, answer.status, &answer.message);
        ConnectError(match status {
            404 => format!(
                "`{url}` is no Kafka Connect ({message}); is the address right, and its path?"
            ),
            400 => format!("the Kafka Connect at `{url}` did not {doing}: {message}"),
            _ => format!("the Kafka Connect at `{url}` did not {doing}: {status}: {message}"),
        })
    }
}

/// Of a status: the tasks are what works, so they decide.
fn standing(status: &Value, covered: impl Fn(&str) -> String) -> Standing {
    let tasks = status["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (what, part) in [("connector", &status["connector"])]
        .into_iter()
        .chain(tasks.iter().map(|task| ("task", task)))
    {
        if part["state"].as_str() == Some("FAILED") {
            let trace = covered(part["trace"].as_str().unwrap_or_default());
            let line =
                cause(&trace).unwrap_or_else(|| format!("its {what} failed, and does not say why"));
            return Standing::Failed(line);
        }
    }
    let state = |part: &Value| part["state"].as_str().unwrap_or("UNKNOWN").to_owned();
    let of_connector = state(&status["connector"]);
    if of_connector != "RUNNING" {
        return Standing::Waiting(of_connector);
    }
    match tasks.iter().map(state).find(|state| state != "RUNNING") {
        Some(waits) => Standing::Waiting(waits),
        None if tasks.is_empty() => Standing::Waiting("without a task".to_owned()),
        None => Standing::Running,
    }
}

/// What people want to know of a trace: its first line, and what it was caused by first of all, if that says
/// something else.
fn cause(trace: &str) -> Option<String> {
    let mut lines = trace.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    let last = lines.rfind(|line| line.starts_with("Caused by: "));
    let last = last.and_then(|line| line.strip_prefix("Caused by: "));
    let mut text = match last {
        Some(last) if !first.contains(last) => format!("{first} ({last})"),
        _ => first.to_owned(),
    };
    if let Some((end, _)) = text.char_indices().nth(SHOWN_MAX) {
        text.truncate(end);
        text.push('…');
    }
    Some(text)
}

fn read(
    mut response: ureq::http::Response<ureq::Body>,
    secrets: &Secrets,
) -> Result<Answer, String> {
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).lossy_utf8(true);
    let text = body.read_to_string().map_err(|error| error.to_string())?;
    let said: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    secrets.note(&said);
    // Covered as a whole: of what is cut, a part would be left.
    let mut message = match said["message"].as_str() {
        Some(message) => secrets.cover(message).split_whitespace().collect::<Vec<_>>().join(" "),
        None => secrets.cover(&text).trim().lines().next().unwrap_or_default().to_owned(),
    };
    if let Some((end, _)) = message.char_indices().nth(SHOWN_MAX) {
        message.truncate(end);
        message.push('…');
    }
    if message.is_empty() {
        message = format!("status {status}");
    }
    Ok(Answer { status, said, message })
}

/// Where a connector is, by its name.
pub(super) fn place(name: &str) -> String {
    format!("/connectors/{}", escaped(name, b""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Standing;
    use super::cause;
    use super::place;
    use super::standing;

    #[test]
    fn a_connector_runs_when_its_tasks_do() {
        let of = |connector: &str, tasks: &[&str]| {
            let tasks =
                tasks.iter().map(|state| json!({ "state": state, "trace": "it broke\n\tat x" }));
            let tasks: Vec<_> = tasks.collect();
            let status = json!({ "connector": { "state": connector }, "tasks": tasks });
            standing(&status, str::to_owned)
        };
        assert_eq!(of("RUNNING", &["RUNNING"]), Standing::Running);
        assert_eq!(of("RUNNING", &[]), Standing::Waiting("without a task".to_owned()));
        assert_eq!(
            of("RUNNING", &["RUNNING", "UNASSIGNED"]),
            Standing::Waiting("UNASSIGNED".to_owned())
        );
        assert_eq!(of("PAUSED", &["PAUSED"]), Standing::Waiting("PAUSED".to_owned()));
        assert_eq!(of("RUNNING", &["FAILED"]), Standing::Failed("it broke".to_owned()));
    }

    #[test]
    fn of_a_trace_the_first_line_and_its_cause_are_told() {
        let trace = "a.B: outer\n\tat x.y(Z.java:1)\nCaused by: c.D: middle\n\tat q\nCaused by: e.F: root\n\t... 3 more\n";
        assert_eq!(cause(trace).unwrap(), "a.B: outer (e.F: root)");
        assert_eq!(cause("a.B: outer"), Some("a.B: outer".to_owned()));
        assert_eq!(cause(""), None);
        assert_eq!(place("loadgen-ö x"), "/connectors/loadgen-%C3%B6%20x");
    }
}
