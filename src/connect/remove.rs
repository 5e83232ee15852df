//! Takes connectors away again, and how far they were.

use std::time::Duration;

use crate::connect::api::Api;
use crate::connect::api::ConnectError;
use crate::connect::api::place;
use crate::connect::config::MARK;
use crate::connect::config::is_marked;
use crate::connect::config::mark_of;
use crate::connect::register::Cancelled;
use crate::connect::register::Offsets;
use crate::connect::register::drop_offsets;
use crate::connect::register::repeated;

/// A connector that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its name.
    pub name: String,
    /// The slot that it read, and the database of that.
    pub slot: String,
    /// See `slot`.
    pub database: String,
    /// Why Kafka Connect still knows how far it was, if it does.
    pub remembered: Option<String>,
    /// What it was known by.
    mark: String,
}

/// Removes all connectors of a scenario that loadgen has registered, and how far they were, each within `limit`.
/// Their slots stay: nobody reads them any more. Returns those that went, also where one of them did not.
pub fn remove(
    api: &Api,
    scenario: &str,
    (limit, is_cancelled): (Duration, Cancelled<'_>),
) -> (Vec<Removed>, Result<(), ConnectError>) {
    let mark = mark_of(scenario);
    let all = match api.all() {
        Ok(all) => all,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut removed = Vec::new();
    for (name, config) in all {
        if !config[MARK].as_str().is_some_and(|its| its.starts_with(&mark)) {
            continue;
        }
        match remove_one(&api.within(limit), (name, &config), is_cancelled) {
            Ok(gone) => removed.push(gone),
            Err(error) => return (removed, Err(error)),
        }
    }
    (removed, Ok(()))
}

fn remove_one(
    api: &Api,
    (name, config): (String, &serde_json::Value),
    is_cancelled: Cancelled<'_>,
) -> Result<Removed, ConnectError> {
    let remembered = match drop_offsets(api, (&name, true), is_cancelled)? {
        Offsets::Gone | Offsets::Kept => None,
        Offsets::Refused(why) => Some(why.to_string()),
    };
    let at = place(&name);
    let answer = repeated(api, is_cancelled, || api.call("DELETE", &at, None))?;
    if !answer.is_good() && answer.status != 404 {
        return Err(api.refused(&format!("remove the connector `{name}`"), &answer));
    }
    let text = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
    let (slot, database, mark) = (text("slot.name"), text("database.dbname"), text(MARK));
    Ok(Removed { name, slot, database, remembered, mark })
}

impl Removed {
    /// Whether it was registered for this domain of a scenario, which says where its slot is.
    pub fn is_of(&self, scenario: &str, domain: &str) -> bool {
        is_marked(&self.mark, scenario, domain)
    }

    /// As people read it.
    pub fn shown(&self, url: &str) -> String {
        format!("the connector `{}` at `{url}`", self.name)
    }
}
