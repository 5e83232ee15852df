//! What contention came to: what was tried again, and the sums of shared tables.

use crate::measure::Retries;
use crate::measure::SharedSum;

use super::closing::Colour;
use super::text::Align;
use super::text::columns;
use super::text::exact;
use super::text::shorten;

/// Retries by what they came after; nothing where there were none.
pub(super) fn retries(retries: &Retries) -> Vec<String> {
    let Retries { deadlock, serialization, connection } = *retries;
    let reasons = [
        ("after deadlocks", deadlock),
        ("after serialization failures", serialization),
        ("after lost connections", connection),
    ];
    let reasons = reasons.into_iter().filter(|(_, count)| *count > 0);
    reasons.map(|(reason, count)| format!("{} {reason}", exact(count))).collect()
}

/// The sums of shared tables, and whether they are what was acknowledged.
pub(super) fn sums(shared: &[SharedSum], colour: Colour) -> Vec<String> {
    if shared.is_empty() {
        return Vec::new();
    }
    let head = ["sum of", "before", "added", "after", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for sum in shared {
        let SharedSum { database, table, column, before, added, after, exact, .. } = sum;
        let table = table.strip_prefix("public.").unwrap_or(table);
        let known = |sum: &Option<String>| sum.clone().unwrap_or_else(|| "unknown".to_owned());
        let mark = match exact {
            Some(true) => colour.good("✓"),
            Some(false) => colour.bad("✗"),
            None => "?".to_owned(),
        };
        let name = shorten(&format!("{database}.{table}.{column}"), 40);
        rows.push(vec![name, known(before), added.clone(), known(after), mark]);
    }
    let mut align = [Align::Right; 5];
    align[0] = Align::Left;
    columns(&align, &rows).into_iter().map(|line| format!("  {line}")).collect()
}
