//! Does a Debezium connector tell of all that happens to the tables of its database? Judged by its configuration,
//! as Kafka Connect gives it; what the properties mean is in Debezium's documentation of its PostgreSQL connector.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::doctor::Check;
use crate::scenario::listed;
use crate::scenario::literal;

pub(super) const NAME: &str = "connector";
/// The publication that Debezium reads unless told otherwise.
const ITS_OWN: &str = "dbz_publication";
/// Where a connector says in which table it listens.
const SIGNALS: &str = "signal.data.collection";

/// A connector's configuration, by property.
pub type Settings = BTreeMap<String, String>;

/// What a connector must hand on.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The tables of its database that change, as `schema.table`.
    pub tables: Vec<String>,
    /// The table of the canary that nobody asked for: it need not come.
    pub unasked: Option<String>,
    /// The table of heartbeats, and who knows by it how far it is, if anybody does.
    pub beats: Option<(String, String)>,
    /// What `table.include.list` would be of a connector of ours.
    pub include: String,
    /// The publication of the scenario.
    pub publication: String,
    /// Whether tables are emptied at once: that must be told, too.
    pub truncations: bool,
    /// The table of signals in which a snapshot is asked for, if one is: `schema.table`.
    pub signals: Option<String>,
}

impl Check {
    /// Of Kafka Connect, which has so many connectors that capture so many databases, or does not answer.
    pub fn connect(answer: Result<(usize, usize), String>) -> Self {
        let name = "Kafka Connect";
        let counted =
            |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        match answer {
            Ok((connectors, databases)) => {
                let (connectors, databases) =
                    (counted(connectors, "connector"), counted(databases, "database"));
                Self::ok(name, format!("it answers, and captures {databases} by {connectors}"))
            }
            Err(why) => Self::critical(name, why)
                .remedy("start it, or leave `connect` out of `cdc` (LOADGEN_CONNECT out of the environment)"),
        }
    }

    /// Of a database that no connector captures.
    pub fn uncaptured(database: &str) -> Self {
        let found =
            "no connector captures it yet: a run registers one, or `loadgen connector --register`";
        Self::info(NAME, found).at(database)
    }

    /// Of a connector that runs, or does not.
    pub fn standing(standing: Result<String, String>, name: &str) -> Self {
        match standing {
            Ok(found) => Self::ok(NAME, found),
            Err(why) => Self::critical(NAME, why).remedy(format!(
                "curl -X POST 'URL/connectors/{name}/restart?includeTasks=true' -- once what it says is mended"
            )),
        }
    }
}

/// What is to be said of a connector, but for whether it runs.
pub fn connector(settings: &Settings, wanted: &Wanted) -> Vec<Check> {
    let Wanted { publication, truncations, signals, .. } = wanted;
    let said = |key: &str| settings.get(key).map_or("", String::as_str);
    let mut all = Vec::new();
    all.extend(left_out(settings, wanted));
    all.extend(operations(said("skipped.operations"), *truncations));
    all.extend(signals.as_ref().and_then(|table| unheard(said(SIGNALS), table)));
    all.extend(tolerance(settings));
    all.extend(lossy(settings));
    all.extend(columns(settings));
    let read = Some(said("publication.name")).filter(|name| !name.is_empty()).unwrap_or(ITS_OWN);
    if read != publication {
        let found = format!("it reads the publication `{read}`, not `{publication}`");
        all.push(
            Check::warning(NAME, found).remedy(format!("\"publication.name\": \"{publication}\"")),
        );
    }
    if matches!(said("heartbeat.interval.ms"), "" | "0") {
        let found =
            "no heartbeat: while nothing happens in its database, its slot holds back the log";
        all.push(Check::warning(NAME, found).remedy("\"heartbeat.interval.ms\": \"5000\""));
    }
    if said("provide.transaction.metadata") != "true" {
        let found = "it tells of no transactions: torn ones cannot be seen";
        all.push(Check::info(NAME, found).remedy("\"provide.transaction.metadata\": \"true\""));
    }
    all.extend(flattened(settings));
    all
}

/// Whether it does not listen where a snapshot is asked for.
fn unheard(listens: &str, table: &str) -> Option<Check> {
    (listens != table).then(|| {
        let found = match listens {
            "" => format!("it listens to no signals, and a snapshot is asked for in {table}"),
            other => {
                format!("it listens to signals in {other}, and a snapshot is asked for in {table}")
            }
        };
        Check::critical(NAME, found).remedy(format!("\"{SIGNALS}\": \"{table}\""))
    })
}

/// What its filters leave out: tables that change, those of capture that somebody needs, and a canary.
fn left_out(settings: &Settings, wanted: &Wanted) -> Vec<Check> {
    let mut filters = Vec::new();
    let mut untold = None;
    for (key, has_to) in [("table.include.list", true), ("table.exclude.list", false)] {
        let Some(written) = settings.get(key).filter(|it| !it.is_empty()) else { continue };
        let patterns: Option<Vec<String>> = listed(written).into_iter().map(literal).collect();
        match patterns {
            Some(patterns) => filters.push((patterns, has_to)),
            None => untold = Some(key),
        }
    }
    let is_lost = |table: &String| {
        filters.iter().any(|(patterns, has_to)| patterns.contains(table) != *has_to)
    };
    let mut remedy = format!("\"table.include.list\": {}", Value::from(wanted.include.as_str()));
    if settings.get("table.exclude.list").is_some_and(|it| !it.is_empty()) {
        remedy.push_str(" -- and no `table.exclude.list`");
    }
    let lost: Vec<&str> =
        wanted.tables.iter().filter(|it| is_lost(it)).map(String::as_str).collect();
    let mut all = Vec::new();
    if !lost.is_empty() {
        all.push(Check::critical(NAME, format!("its filters leave out {}", lost.join(", "))));
    }
    if let Some((table, observer)) = wanted.beats.as_ref().filter(|(table, _)| is_lost(table)) {
        let found =
            format!("its filters leave out {table}, by which `{observer}` knows how far it is");
        all.push(Check::critical(NAME, found));
    }
    if let Some(table) = wanted.signals.as_ref().filter(|table| is_lost(table)) {
        let found = format!("its filters leave out {table}, in which a snapshot is asked for");
        all.push(Check::critical(NAME, found));
    }
    if let Some(table) = wanted.unasked.as_ref().filter(|table| is_lost(table)) {
        let found =
            format!("its filters leave out {table}: no canary comes, and nobody asked for one");
        all.push(Check::info(NAME, found));
    }
    let mut all: Vec<Check> = all.into_iter().map(|check| check.remedy(remedy.as_str())).collect();
    all.extend(untold.filter(|_| all.is_empty()).map(|key| {
        Check::info(NAME, format!("`{key}` has patterns: whether they fit is not looked at"))
    }));
    all
}

fn operations(skipped: &str, truncations: bool) -> Option<Check> {
    let names = [("c", "inserts"), ("u", "updates"), ("d", "deletes"), ("t", "truncations")];
    // Unless it is set.
    let skipped = if skipped.trim().is_empty() { "t" } else { skipped };
    let is_lost = |(letter, _): &(&str, &str)| {
        let is_wanted = *letter != "t" || truncations;
        is_wanted && skipped.split(',').any(|it| it.trim() == *letter)
    };
    let lost: Vec<&str> = names.into_iter().filter(is_lost).map(|(_, name)| name).collect();
    if !lost.is_empty() {
        let found = format!("`skipped.operations` leaves out {}", lost.join(" and "));
        return Some(Check::critical(NAME, found).remedy("\"skipped.operations\": \"none\""));
    }
    let is_whole = skipped.trim() == "none";
    (!is_whole)
        .then(|| Check::info(NAME, "TRUNCATE is not told: `skipped.operations` is `t` unless set"))
}

/// Settings by which what cannot be written is left out without a word.
fn tolerance(settings: &Settings) -> Option<Check> {
    let hides = [
        ("event.processing.failure.handling.mode", ["warn", "skip", "ignore"].as_slice(), "fail"),
        ("errors.tolerance", &["all"], "none"),
    ];
    let (key, _, good) = hides.into_iter().find(|(key, bad, _)| {
        settings.get(*key).is_some_and(|value| bad.contains(&value.as_str()))
    })?;
    let found =
        format!("`{key}` is `{}`: what it cannot write is lost without a word", settings[key]);
    Some(Check::critical(NAME, found).remedy(format!("\"{key}\": \"{good}\"")))
}

/// Settings by which values lose what they had.
fn lossy(settings: &Settings) -> Vec<Check> {
    let modes = [
        ("decimal.handling.mode", "double", "digits of numbers", "string"),
        ("time.precision.mode", "connect", "microseconds of times", "adaptive"),
    ];
    let is_so = |(key, value, _, _): &(&str, &str, &str, &str)| {
        settings.get(*key).is_some_and(|it| it == value)
    };
    let check = |(key, value, what, good): (&str, &str, &str, &str)| {
        let found = format!("`{key}` is `{value}`: {what} are lost, and not compared");
        Check::warning(NAME, found).remedy(format!("\"{key}\": \"{good}\""))
    };
    modes.into_iter().filter(is_so).map(check).collect()
}

fn columns(settings: &Settings) -> Option<Check> {
    let keys = ["column.include.list", "column.exclude.list"];
    let key = keys.into_iter().find(|key| settings.get(*key).is_some_and(|it| !it.is_empty()))?;
    let found = format!("`{key}` leaves columns out: their values are not compared");
    Some(Check::warning(NAME, found))
}

/// The key of the transform of a class, if messages go through one.
pub(super) fn transform<'a>(settings: &'a Settings, class: &str) -> Option<&'a str> {
    let mut transforms = settings.iter().filter(|(_, value)| value.ends_with(class));
    transforms.find_map(|(key, _)| key.strip_suffix(".type"))
}

/// Of what is flattened, operation and place in the log must be asked for.
fn flattened(settings: &Settings) -> Option<Check> {
    let transform = transform(settings, "ExtractNewRecordState")?;
    let key = format!("{transform}.add.fields");
    let added = settings.get(&key).map_or("", String::as_str);
    let has = |name: &str| added.split(',').any(|it| it.trim().split(':').next() == Some(name));
    if has("op") && has("lsn") && has("txId") {
        return None;
    }
    let found =
        "it flattens records, and leaves out their operation, transaction or place in the log";
    let remedy = format!("\"{key}\": \"op,table,lsn,txId,source.ts_us,source.sequence\"");
    Some(Check::warning(NAME, found).remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;
    use crate::scenario::pattern;

    fn found(settings: &[(&str, &str)], truncations: bool) -> Vec<(Severity, String)> {
        let good = [("heartbeat.interval.ms", "5000"), ("provide.transaction.metadata", "true")];
        let all = good.iter().chain(settings);
        let all = all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let wanted = Wanted {
            tables: vec!["public.orders".to_owned(), "public.items".to_owned()],
            publication: "debezium".to_owned(),
            truncations,
            ..Wanted::default()
        };
        let checks = connector(&all, &wanted);
        checks.into_iter().map(|check| (check.severity, check.found)).collect()
    }

    #[test]
    fn what_a_connector_leaves_out_is_told() {
        use Severity::Critical;
        use Severity::Info;
        use Severity::Warning;
        for (settings, severity, words) in [
            (("table.include.list", "public\\.orders"), Critical, "leave out public.items"),
            (("table.exclude.list", "public.orders"), Critical, "leave out public.orders"),
            (("table.include.list", "public\\..*"), Info, "patterns"),
            (("table.include.list", "public\\.orders$"), Info, "patterns"),
            (("skipped.operations", "t,d"), Critical, "leaves out deletes"),
            (("errors.tolerance", "all"), Critical, "without a word"),
            (("event.processing.failure.handling.mode", "warn"), Critical, "without a word"),
            (("decimal.handling.mode", "double"), Warning, "digits"),
            (("column.exclude.list", "public.orders.x"), Warning, "leaves columns out"),
            (("publication.name", "other"), Warning, "`other`"),
            (("heartbeat.interval.ms", "0"), Warning, "no heartbeat"),
            (("provide.transaction.metadata", "false"), Info, "no transactions"),
            (
                ("transforms.flat.type", "io.debezium.transforms.ExtractNewRecordState"),
                Warning,
                "flattens",
            ),
        ] {
            let found = found(&[settings], false);
            let is_it = |(is, said): &(Severity, String)| *is == severity && said.contains(words);
            assert!(found.iter().any(is_it), "{settings:?}: {found:?}");
        }
    }

    #[test]
    fn one_that_tells_all_gives_nothing_to_look_at() {
        let good = [
            ("table.include.list", "public\\.orders,public\\.items"),
            ("skipped.operations", "none"),
            ("publication.name", "debezium"),
            ("decimal.handling.mode", "string"),
        ];
        assert_eq!(found(&good, true), []);
    }

    #[test]
    fn a_snapshot_that_nobody_hears_of_is_told() {
        let found = |listens: Option<&str>| {
            let settings = listens.map(|table| (SIGNALS.to_owned(), table.to_owned()));
            let signals = Some("public.debezium_signal".to_owned());
            let wanted = Wanted { signals, ..Wanted::default() };
            let checks = connector(&settings.into_iter().collect(), &wanted);
            checks.into_iter().find(|it| it.found.contains("a snapshot is asked for"))
        };
        assert_eq!(found(Some("public.debezium_signal")), None);
        for (listens, words) in
            [(None, "to no signals"), (Some("other.signals"), "in other.signals")]
        {
            let check = found(listens).unwrap();
            assert!(
                check.severity == Severity::Critical && check.found.contains(words),
                "{check:?}"
            );
        }
    }

    #[test]
    fn filters_leave_out_what_nobody_needs_and_their_remedy_nothing() {
        let wanted = Wanted {
            tables: vec!["public.orders".to_owned()],
            unasked: Some("public.loadgen_canary".to_owned()),
            beats: Some(("public.debezium_heartbeat".to_owned(), "lake".to_owned())),
            include: "public\\.orders,public\\.debezium_heartbeat".to_owned(),
            ..Wanted::default()
        };
        let found = |tables: &str| {
            let settings = [("table.include.list".to_owned(), tables.to_owned())];
            left_out(&settings.into_iter().collect(), &wanted)
        };
        let lost = found("public.other");
        let severities: Vec<Severity> = lost.iter().map(|check| check.severity).collect();
        assert_eq!(severities, [Severity::Critical, Severity::Critical, Severity::Info]);
        assert!(lost[1].found.contains("by which `lake` knows"), "{}", lost[1].found);
        let remedy = r#""table.include.list": "public\\.orders,public\\.debezium_heartbeat""#;
        assert!(lost.iter().all(|check| check.remedy.as_deref() == Some(remedy)), "{lost:?}");
        let unasked = found("public.orders,public.debezium_heartbeat");
        assert_eq!(unasked.len(), 1);
        assert_eq!(unasked[0].severity, Severity::Info);
    }

    #[test]
    fn tables_are_looked_for_by_their_names_whatever_signs_those_have() {
        let (one, other) = ("public.my-table", "public.pay$,all");
        let found = |list: &str| {
            let tables = vec![one.to_owned(), other.to_owned()];
            let wanted = Wanted { tables, ..Wanted::default() };
            let settings = [("table.include.list".to_owned(), list.to_owned())];
            let found = left_out(&settings.into_iter().collect(), &wanted);
            found.into_iter().map(|it| (it.severity, it.found)).collect::<Vec<_>>()
        };
        let (first, second) = (pattern(one), pattern(other));
        assert_eq!(found(&format!("{first},{second}")), []);
        let lost = format!("its filters leave out {other}");
        assert_eq!(found(&first), [(Severity::Critical, lost)]);
        // What ends there may be one of them.
        let is_told = found(&format!("{first}$,{second}$"));
        assert!(matches!(is_told.as_slice(), [(Severity::Info, _)]), "{is_told:?}");
    }

    #[test]
    fn connectors_that_write_each_change_twice_are_told() {
        assert_eq!(Check::shared("shop", &[("a", "p")]), None);
        let twice = Check::shared("shop", &[("a", "p"), ("b", "p")]).unwrap();
        assert_eq!(twice.severity, Severity::Warning);
        assert!(twice.found.contains("`a` and `b` capture it") && twice.found.contains("doubled"));
        let apart = Check::shared("shop", &[("a", "p"), ("b", "q")]).unwrap();
        assert_eq!(apart.severity, Severity::Info);
        let counted = Check::connect(Ok((2, 1)));
        assert_eq!(counted.found, "it answers, and captures 1 database by 2 connectors");
    }

    #[test]
    fn truncations_that_nobody_is_told_of_are_missed_where_there_are_any() {
        let missed = |truncations| {
            let found = found(&[], truncations).into_iter();
            found.into_iter().find(|it| it.1.to_lowercase().contains("trunca"))
        };
        assert_eq!(missed(false).map(|it| it.0), Some(Severity::Info));
        assert_eq!(missed(true).map(|it| it.0), Some(Severity::Critical));
    }
}
