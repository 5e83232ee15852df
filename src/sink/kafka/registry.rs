//! Schemas of events, where everybody who reads them finds them: Confluent's Schema Registry, or
//! whatever speaks its protocol.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value as Json;
use serde_json::json;
use ureq::Agent;

use crate::scenario::SchemaRegistry;
use crate::sink::http::agent;
use crate::sink::http::basic;
use crate::sink::http::roots;
use crate::sink::kafka::topics::ClusterError;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// The same of one that is asked again.
const SCHEMA_WITHIN: Duration = Duration::from_secs(5);
/// The longest answer that is read, and the longest part of one that is shown.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
const SHOWN_MAX: usize = 300;
const CONTENT: &str = "application/vnd.schemaregistry.v1+json";

/// A registry, and how to reach it.
#[derive(Debug)]
pub(crate) struct Registry {
    at: SchemaRegistry,
    agent: Agent,
}

/// What it said.
struct Answer {
    status: u16,
    /// What it said why, if it was JSON that says so.
    message: String,
    said: Json,
}

/// Why a schema was not told.
#[derive(Debug)]
pub(crate) enum NoSchema {
    /// The registry has none of that number, or none in Avro, for a reason.
    Unknown(String),
    /// It did not answer, or said that it cannot now.
    Away(ClusterError),
    /// It does not answer us.
    Refused(ClusterError),
}

impl Registry {
    /// Connects to nothing yet.
    pub(crate) fn new(at: &SchemaRegistry) -> Result<Self, ClusterError> {
        let roots = roots(&at.url, at.ca.as_deref(), "the `ca` of the schema registry");
        let agent = agent(roots.map_err(ClusterError)?, ANSWER_WITHIN);
        Ok(Self { at: at.clone(), agent })
    }

    /// Whether it is there and lets us in. Changes nothing.
    pub(crate) fn look(&self, subject: &str) -> Result<(), ClusterError> {
        let answer = self.get(&format!("{}/versions", self.of(subject)), ANSWER_WITHIN)?;
        match answer.status {
            // A subject that does not exist is made.
            200..=299 | 404 => Ok(()),
            _ => Err(self.refused(subject, &answer)),
        }
    }

    /// The schema of a number. May be repeated.
    pub(crate) fn schema(&self, number: u32) -> Result<String, NoSchema> {
        let url = format!("{}/schemas/ids/{number}", self.at.url);
        let answer = self.get(&url, SCHEMA_WITHIN).map_err(NoSchema::Away)?;
        let text = |word: &str| answer.said.get(word).and_then(Json::as_str);
        let (url, message) = (&self.at.url, &answer.message);
        // Of a path that it does not know it says 404 alone.
        let code = answer.said.get("error_code").and_then(Json::as_u64).unwrap_or_default();
        match (answer.status, text("schema")) {
            (200..=299, Some(schema)) => match text("schemaType").filter(|it| *it != "AVRO") {
                Some(other) => Err(NoSchema::Unknown(format!("it is one of {other}, not of Avro"))),
                None => Ok(schema.to_owned()),
            },
            (404, _) if code / 100 == 404 => {
                Err(NoSchema::Unknown(format!("`{url}` has none ({message})")))
            }
            (429 | 500..=599, _) => Err(NoSchema::Away(ClusterError(format!(
                "the schema registry at `{url}` cannot tell the schema {number} now: {message}"
            )))),
            (200..=299, None) => Err(NoSchema::Refused(self.is_none("it told no schema"))),
            _ => Err(NoSchema::Refused(self.refused("", &answer))),
        }
    }

    /// The number of a schema under a subject; it is registered if it is not yet. May be repeated.
    pub(crate) fn register(&self, subject: &str, schema: &str) -> Result<u32, ClusterError> {
        let call = self.agent.post(format!("{}/versions", self.of(subject)));
        let call = call.header("accept", CONTENT).header("content-type", CONTENT);
        let call = match self.login() {
            Some(login) => call.header("authorization", login),
            None => call,
        };
        let body = json!({ "schema": schema }).to_string();
        let answer = answer(call.send(body)).map_err(|cause| self.unreachable(&cause))?;
        let id = answer.said.get("id").and_then(Json::as_u64).and_then(|id| u32::try_from(id).ok());
        match (answer.status, id) {
            (200..=299, Some(id)) => Ok(id),
            _ => Err(self.refused(subject, &answer)),
        }
    }

    fn get(&self, url: &str, within: Duration) -> Result<Answer, ClusterError> {
        let call = self.agent.get(url).config().timeout_global(Some(within)).build();
        let call = call.header("accept", CONTENT);
        let call = match self.login() {
            Some(login) => call.header("authorization", login),
            None => call,
        };
        answer(call.call()).map_err(|cause| self.unreachable(&cause))
    }

    fn of(&self, subject: &str) -> String {
        // Topics have no other letters than those that may stand in an address as they are.
        format!("{}/subjects/{subject}", self.at.url)
    }

    fn login(&self) -> Option<String> {
        Some(basic(self.at.user.as_ref()?, self.at.password.as_ref()))
    }

    fn unreachable(&self, cause: &str) -> ClusterError {
        let url = &self.at.url;
        ClusterError(format!(
            "no schema registry answers at `{url}`: {cause}; is it running, and is the address right?"
        ))
    }

    fn refused(&self, subject: &str, answer: &Answer) -> ClusterError {
        let (url, message) = (&self.at.url, &answer.message);
        ClusterError(match answer.status {
            401 | 403 => {
                let login = if self.at.user.is_some() {
                    "look at `user` and `password` of `registry`, and what they may do"
                } else {
                    "write `registry: { url: …, user: …, password: … }`"
                };
                format!("the schema registry at `{url}` refused the login ({message}); {login}")
            }
            404 => return self.is_none(message),
            409 => format!(
                "the schema registry at `{url}` refused the schema of `{subject}`, which does not fit \
                 those registered before: {message}; send the events to another topic, or change the \
                 subject's compatibility"
            ),
            status if subject.is_empty() => {
                format!("the schema registry at `{url}` told no schema: {status}: {message}")
            }
            status => format!(
                "the schema registry at `{url}` did not take the schema of `{subject}`: {status}: \
                 {message}"
            ),
        })
    }

    fn is_none(&self, message: &str) -> ClusterError {
        let url = &self.at.url;
        ClusterError(format!(
            "`{url}` is no schema registry ({message}); is the address right, and its path?"
        ))
    }
}

fn answer(called: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, String> {
    let mut response = called.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).lossy_utf8(true);
    let text = body.read_to_string().map_err(|error| error.to_string())?;
    let said: Json = serde_json::from_str(&text).unwrap_or(Json::Null);
    let mut message = match said.get("message").and_then(Json::as_str) {
        Some(message) => message.to_owned(),
        None => text.trim().lines().next().unwrap_or_default().to_owned(),
    };
    if let Some((end, _)) = message.char_indices().nth(SHOWN_MAX) {
        message.truncate(end);
        let _ = write!(message, "…");
    }
    if message.is_empty() {
        let _ = write!(message, "status {status}");
    }
    Ok(Answer { status, message, said })
}
