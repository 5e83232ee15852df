//! Claims held against the rows of databases: two lists in the order of their keys, gone through
//! together, so that nothing is held in memory and the two may be on different servers.

use tokio_postgres::Client;

use crate::generate::Hours;
use crate::sink::postgres::provision::SetupError;
use crate::verify::Claim;
use crate::verify::Finding;
use crate::verify::Rule;
use crate::verify::read::Group;
use crate::verify::read::Groups;
use crate::verify::read::failed;

/// Makes all that a session reads from now on stand still, and lets times mean what we write.
pub async fn hold_still(client: &Client) -> Result<(), SetupError> {
    let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL TimeZone = 'UTC'; \
               SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    client.batch_execute(sql).await.map_err(|error| failed(&error))
}

/// How many rows a table has.
pub async fn count(client: &Client, table: &str) -> Result<u64, SetupError> {
    let row = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await;
    Ok(row.map_err(|error| failed(&error))?.get::<_, i64>(0).unsigned_abs())
}

/// Judges a claim by the rows of its child and of its parent: two sessions, in [`hold_still`].
pub async fn judge(
    claim: &Claim,
    (child, parent): (&Client, &Client),
) -> Result<Finding, SetupError> {
    let mut children = Groups::of(child, &claim.child).await?;
    let mut parents = Groups::of(parent, &claim.parent).await?;
    let mut named = parents.next().await?;
    let mut finding = Finding { claim: claim.text.clone(), rows: 0, wrong: 0, example: None };
    while let Some(group) = children.next().await? {
        while named.as_ref().is_some_and(|named| named.key < group.key) {
            named = parents.next().await?;
        }
        let found = named.as_ref().filter(|named| named.key == group.key);
        finding.rows += group.rows;
        if !holds(claim.rule, &group, found) {
            finding.wrong += group.rows;
            finding.example.get_or_insert_with(|| example(&group, found));
        }
    }
    Ok(finding)
}

/// What cannot be judged (a value that is NULL, a parent that is gone) breaks no rule but the first.
fn holds(rule: Rule, child: &Group, parent: Option<&Group>) -> bool {
    let Some(parent) = parent else { return rule != Rule::Exists };
    let numbers = || Some((number(child)?, number(parent)?));
    match rule {
        Rule::Exists => true,
        Rule::Agrees => child.value == parent.value,
        Rule::NotBefore => numbers().is_none_or(|(child, parent)| child >= parent),
        Rule::Open => {
            let hours = parent.value.as_deref().and_then(Hours::read);
            let at = number(child);
            hours.zip(at).is_none_or(|(hours, at)| hours.is_open_at(at))
        }
    }
}

fn number(group: &Group) -> Option<i64> {
    group.value.as_deref()?.parse().ok()
}

fn example(child: &Group, parent: Option<&Group>) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    match parent {
        None => format!("`{}` is not there", child.key),
        Some(parent) => {
            format!("of `{}`: {} beside {}", child.key, shown(&child.value), shown(&parent.value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(value: Option<&str>) -> Group {
        Group { key: "a".to_owned(), value: value.map(str::to_owned), rows: 1 }
    }

    fn is_held(rule: Rule, child: Option<&str>, parent: Option<&str>) -> bool {
        holds(rule, &group(child), Some(&group(parent)))
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        assert!(is_held(Rule::Exists, None, None));
        assert!(!holds(Rule::Exists, &group(None), None));
        assert!(is_held(Rule::Agrees, Some("x"), Some("x")));
        assert!(!is_held(Rule::Agrees, Some("x"), Some("y")));
        assert!(!is_held(Rule::Agrees, None, Some("y")));
        assert!(holds(Rule::Agrees, &group(Some("x")), None), "who is gone proves nothing");
        assert!(is_held(Rule::NotBefore, Some("5"), Some("5")));
        assert!(!is_held(Rule::NotBefore, Some("4"), Some("5")));
        assert!(!is_held(Rule::NotBefore, Some("-5"), Some("-4")));
        let monday = Some(r#"{"Monday": "9:0-17:0"}"#);
        // 5 January 1970 was a Monday.
        assert!(is_held(Rule::Open, Some("378000000000"), monday));
        assert!(!is_held(Rule::Open, Some("345600000000"), monday));
        assert!(is_held(Rule::Open, Some("345600000000"), Some("{}")), "it says nothing");
    }
}
