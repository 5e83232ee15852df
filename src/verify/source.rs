//! Claims held against the rows of databases: two lists in the order of their keys, gone through
//! together, so that nothing is held in memory and the two may be on different servers.

use tokio_postgres::Client;
use tokio_postgres::Row;

use crate::generate::Hours;
use crate::scenario::Domain;
use crate::schema::Checks;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::quote::literal;
use crate::verify::Claim;
use crate::verify::Finding;
use crate::verify::Rule;
use crate::verify::Side;
use crate::verify::read::Group;
use crate::verify::read::Groups;
use crate::verify::read::failed;

/// Makes all that a session reads from now on stand still, and lets times mean what we write. Returns
/// by which name another session of the database sees the same: given there as `seen`.
pub async fn hold_still(client: &Client, seen: Option<&str>) -> Result<String, SetupError> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    client.batch_execute(begin).await.map_err(|error| failed(&error))?;
    if let Some(seen) = seen {
        let sql = format!("SET TRANSACTION SNAPSHOT {}", literal(seen));
        client.batch_execute(&sql).await.map_err(|error| failed(&error))?;
    }
    // Others may lock a table for as long as they like, and it would be waited for without a word.
    let sql = "SET LOCAL TimeZone = 'UTC'; SET LOCAL statement_timeout = 0; \
               SET LOCAL idle_in_transaction_session_timeout = 0; \
               SELECT set_config('lock_timeout', '60s', true) WHERE current_setting('lock_timeout') = '0'";
    client.batch_execute(sql).await.map_err(|error| failed(&error))?;
    let row = client.query_one("SELECT pg_export_snapshot()", &[]).await;
    Ok(row.map_err(|error| failed(&error))?.get(0))
}

/// What the checks of a domain's schema say of its rows.
pub async fn ask(domain: &Domain, client: &Client) -> Result<Vec<Finding>, SetupError> {
    let Some(Checks { file, sql }) = &domain.schema.checks else { return Ok(Vec::new()) };
    let path = format!("SET LOCAL search_path TO {}", identifier(&domain.namespace));
    client.batch_execute(&path).await.map_err(|error| failed(&error))?;
    // As a part of another query it can only ask.
    let sql =
        format!("SELECT claim::text, wrong::bigint FROM (\n{sql}\n) AS checks (claim, wrong)");
    let rows = client.query(&sql, &[]).await.map_err(|error| {
        let name = &domain.schema.name;
        SetupError::Local(format!(
            "the checks of the domain `{name}` in `{file}`: {}: write one query whose rows say what must \
             hold, and how many rows break it",
            failed(&error)
        ))
    })?;
    let finding = |row: &Row| {
        let claim = row.get::<_, Option<String>>(0).unwrap_or_default();
        let wrong = row.get::<_, Option<i64>>(1).unwrap_or_default().unsigned_abs();
        let claim = format!("{}: {claim}", domain.schema.name);
        Finding { claim, rows: 0, wrong, unjudged: 0, example: None }
    };
    Ok(rows.iter().map(finding).collect())
}

/// How many rows a table has.
pub async fn count(client: &Client, table: &str) -> Result<u64, SetupError> {
    let row = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await;
    Ok(row.map_err(|error| failed(&error))?.get::<_, i64>(0).unsigned_abs())
}

/// Of a claim whose parents are elsewhere, only how many rows it is about can be told.
pub async fn pass_over(claim: &Claim, child: &Client) -> Result<Finding, SetupError> {
    let Side { table, key, .. } = &claim.child;
    let sql = format!("SELECT count({key}) FROM {table}");
    let row = child.query_one(&sql, &[]).await.map_err(|error| failed(&error))?;
    let unjudged = row.get::<_, i64>(0).unsigned_abs();
    let claim = claim.text.clone();
    Ok(Finding { claim, rows: 0, wrong: 0, unjudged, example: None })
}

/// Judges a claim by the rows of its child and of its parent: two sessions, in [`hold_still`].
pub async fn judge(
    claim: &Claim,
    (child, parent): (&Client, &Client),
) -> Result<Finding, SetupError> {
    let mut children = Groups::of(child, &claim.child).await?;
    let mut parents = Groups::of(parent, &claim.parent).await?;
    let mut named = parents.next().await?;
    let claimed = claim.text.clone();
    let mut finding = Finding { claim: claimed, rows: 0, wrong: 0, unjudged: 0, example: None };
    while let Some(group) = children.next().await? {
        while named.as_ref().is_some_and(|named| named.key < group.key) {
            named = parents.next().await?;
        }
        let found = named.as_ref().filter(|named| named.key == group.key);
        match holds(claim.rule, &group, found) {
            None => finding.unjudged += group.rows,
            Some(true) => finding.rows += group.rows,
            Some(false) => {
                finding.rows += group.rows;
                finding.wrong += group.rows;
                finding.example.get_or_insert_with(|| example(&group, found));
            }
        }
    }
    Ok(finding)
}

/// Whether rows keep a rule; `None` where it cannot be told: the parent is gone, or says nothing.
fn holds(rule: Rule, child: &Group, parent: Option<&Group>) -> Option<bool> {
    if rule == Rule::Exists {
        return Some(parent.is_some());
    }
    let parent = parent?;
    match rule {
        Rule::Exists => None,
        Rule::Agrees { may_be_null: true } if child.value.is_none() => None,
        Rule::Agrees { .. } => Some(child.value == parent.value),
        Rule::NotBefore => Some(number(child)? >= number(parent)?),
        Rule::Open => {
            let hours = Hours::read(parent.value.as_deref()?)?;
            Some(hours.is_open_at(number(child)?))
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

    fn held(rule: Rule, child: Option<&str>, parent: Option<&str>) -> Option<bool> {
        holds(rule, &group(child), Some(&group(parent)))
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        assert_eq!(held(Rule::Exists, None, None), Some(true));
        assert_eq!(holds(Rule::Exists, &group(None), None), Some(false));
        let agrees = Rule::Agrees { may_be_null: false };
        assert_eq!(held(agrees, Some("x"), Some("x")), Some(true));
        assert_eq!(held(agrees, Some("x"), Some("y")), Some(false));
        assert_eq!(held(agrees, None, Some("y")), Some(false));
        assert_eq!(held(Rule::Agrees { may_be_null: true }, None, Some("y")), None);
        assert_eq!(holds(agrees, &group(Some("x")), None), None, "who is gone proves nothing");
        assert_eq!(held(Rule::NotBefore, Some("5"), Some("5")), Some(true));
        assert_eq!(held(Rule::NotBefore, Some("4"), Some("5")), Some(false));
        assert_eq!(held(Rule::NotBefore, Some("-5"), Some("-4")), Some(false));
        assert_eq!(held(Rule::NotBefore, Some("soon"), Some("5")), None);
        let monday = Some(r#"{"Monday": "9:0-17:0"}"#);
        // 5 January 1970 was a Monday.
        assert_eq!(held(Rule::Open, Some("378000000000"), monday), Some(true));
        assert_eq!(held(Rule::Open, Some("345600000000"), monday), Some(false));
        assert_eq!(held(Rule::Open, Some("345600000000"), Some("{}")), None, "it says nothing");
    }
}
