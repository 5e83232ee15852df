//! What must be in the tables after a run, from its account alone: every lane's decisions are taken
//! again, those that did not take effect are left out, and the rows are folded, column by column.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use loadgen::action::Action;
use loadgen::action::Assign;
use loadgen::action::Assignment;
use loadgen::action::Change;
use loadgen::action::Operation;
use loadgen::action::StatementKind;
use loadgen::action::TableId;
use loadgen::action::TableInfo;
use loadgen::action::write_value;
use loadgen::generate::Lane;
use loadgen::generate::World;
use loadgen::scenario::Overrides;
use loadgen::scenario::Scenario;
use loadgen::scenario::Start;
use loadgen::schema::ColumnType;
use serde_json::Value;

use super::loadgen::Ended;
use super::loadgen::scenario;
use super::server::TestServer;

/// The rows that must be there.
#[derive(Debug)]
pub(crate) struct Replay {
    world: Arc<World>,
    tables: Vec<Rows>,
}

/// The rows of a table, by key; keys and values as text.
#[derive(Debug, Default, Clone)]
struct Rows {
    rows: HashMap<String, Vec<String>>,
    /// Rows by the value of the column that refers to their owner.
    owned: HashMap<String, Vec<String>>,
    /// Rows whose fate nobody knows.
    doubtful: HashSet<String>,
}

impl Replay {
    /// A scenario of the source, as seeding leaves it.
    pub(crate) fn seeded(file: &str, set: &[&str]) -> Replay {
        let set = set.iter().map(ToString::to_string).collect();
        let overrides = Overrides { set, ..Overrides::default() };
        let path = scenario(file);
        let scenario = Scenario::read(path.to_str().unwrap(), &overrides);
        let scenario = scenario.unwrap_or_else(|problems| panic!("{}", problems.draw(false)));
        let Start::At(start_us) = scenario.start else { panic!("the start must be fixed") };
        let world = Arc::new(World::new(&scenario, start_us));
        let tables = vec![Rows::default(); world.table_count()];
        let mut replay = Replay { world, tables };
        let mut action = Action::default();
        for table in replay.world.seeding_order() {
            for number in 0..replay.world.seeded_rows(table) {
                replay.world.render_seeded(table, number, &mut action);
                replay.apply(&action);
            }
        }
        replay
    }

    /// What it is made of.
    pub(crate) fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    /// The same after a run that left this account.
    pub(crate) fn of_run(file: &str, set: &[&str], account: &Value) -> Replay {
        let mut replay = Replay::seeded(file, set);
        for lane in account["lanes"].as_array().unwrap() {
            replay.run_lane(lane);
        }
        replay
    }

    /// The first row that the first lane that inserts any inserts into a table.
    pub(crate) fn first_insert(file: &str, set: &[&str], table: &str) -> Vec<String> {
        let world = Replay::seeded(file, set).world;
        let mut action = Action::default();
        for index in 0..world.lanes {
            let mut lane = Lane::new(&world, 0, index);
            while let Some(decision) = lane.decide() {
                world.render(&decision, &mut action);
                let is_it = |operation: &&Operation| {
                    let name = &world.catalog.table(operation.table).name;
                    operation.change == Change::Insert && name == table
                };
                if let Some(insert) = action.operations().iter().find(is_it) {
                    return texts(&action, insert);
                }
            }
        }
        panic!("nothing is inserted into `{table}`")
    }

    fn run_lane(&mut self, account: &Value) {
        assert_eq!(account["more"], 0, "the account does not name all exceptions");
        let number = |name: &str| account[name].as_u64().unwrap();
        let (group, index) = (number("group"), number("lane"));
        let world = Arc::clone(&self.world);
        let group = usize::try_from(group).unwrap();
        let mut lane = Lane::new(&world, group, u32::try_from(index).unwrap());
        let exceptions: HashMap<(u64, u64), (&str, u64)> = account["exceptions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| {
                let slot = (each["stream"].as_u64().unwrap(), each["slot"].as_u64().unwrap());
                (slot, (each["fate"].as_str().unwrap(), each["parts"].as_u64().unwrap_or(0)))
            })
            .collect();
        let mut action = Action::default();
        while lane.decided() < number("decided") {
            let decision = lane.decide().expect("a lane ends before its account does");
            let exception = exceptions.get(&(u64::from(decision.stream), decision.slot)).copied();
            let Some((fate, parts)) = exception else {
                world.render(&decision, &mut action);
                self.apply(&action);
                continue;
            };
            for part in 0..usize::try_from(parts).unwrap() {
                world.render_part(&decision, part, &mut action);
                self.apply(&action);
            }
            world.render_from(&decision, usize::try_from(parts).unwrap(), &mut action);
            match fate {
                "short" => self.apply(&action),
                "failed" | "missed" | "unsent" | "abandoned" | "late" => {}
                "unknown" => self.doubt(&action),
                other => panic!("nobody knows `{other}`"),
            }
        }
    }

    fn apply(&mut self, action: &Action) {
        for operation in action.operations() {
            self.change(action, operation);
        }
    }

    fn change(&mut self, action: &Action, operation: &Operation) {
        let world = Arc::clone(&self.world);
        let info = world.catalog.table(operation.table);
        let values = texts(action, operation);
        match &world.catalog.statement(operation.statement).kind {
            StatementKind::Insert => {
                let owner = self.owner_column(operation.table);
                let rows = &mut self.tables[usize::from(operation.table.0)];
                let key = key(info, &values);
                if let Some(owner) = owner {
                    rows.owned.entry(values[owner].clone()).or_default().push(key.clone());
                }
                let before = rows.rows.insert(key, values);
                assert!(before.is_none(), "two rows of `{}` have one key", info.name);
            }
            StatementKind::Update { set, .. } => {
                let key = values[values.len() - info.key.len()..].join("\t");
                let rows = &mut self.tables[usize::from(operation.table.0)];
                let Some(row) = rows.rows.get_mut(&key) else { return };
                assign(row, set, values);
            }
            StatementKind::Upsert { set, .. } => {
                let rows = &mut self.tables[usize::from(operation.table.0)];
                let (row, changes) = values.split_at(info.columns.len());
                let key = key(info, row);
                let found = rows.rows.get_mut(&key);
                let is_new = operation.change == Change::Insert;
                assert_eq!(found.is_none(), is_new, "{} {key}", info.name);
                match found {
                    Some(row) => assign(row, set, changes.to_vec()),
                    None => drop(rows.rows.insert(key, row.to_vec())),
                }
            }
            StatementKind::Delete => {
                self.tables[usize::from(operation.table.0)].rows.remove(&values.join("\t"));
            }
            StatementKind::DeleteOwned { .. } => {
                let rows = &mut self.tables[usize::from(operation.table.0)];
                for key in rows.owned.remove(&values[0]).unwrap_or_default() {
                    rows.rows.remove(&key);
                }
            }
        }
    }

    /// What an action of unknown fate touches is not judged.
    fn doubt(&mut self, action: &Action) {
        for operation in action.operations() {
            let info = self.world.catalog.table(operation.table);
            let values = texts(action, operation);
            let rows = &mut self.tables[usize::from(operation.table.0)];
            match &self.world.catalog.statement(operation.statement).kind {
                StatementKind::Insert | StatementKind::Upsert { .. } => {
                    rows.doubtful.extend([key(info, &values)]);
                }
                StatementKind::DeleteOwned { .. } => {
                    let owned = rows.owned.get(&values[0]).cloned();
                    rows.doubtful.extend(owned.unwrap_or_default());
                }
                StatementKind::Update { .. } | StatementKind::Delete => {
                    rows.doubtful.extend([values[values.len() - info.key.len()..].join("\t")]);
                }
            }
        }
    }

    fn owner_column(&self, table: TableId) -> Option<usize> {
        self.world.catalog.statements.iter().find_map(|statement| match statement.kind {
            StatementKind::DeleteOwned { column } if statement.table == table => Some(column),
            _ => None,
        })
    }

    /// Holds the rows that are there against those that must be, in both directions and with all
    /// their columns. Returns how many there are, or what differs.
    pub(crate) fn compare(&self, server: &TestServer) -> Result<usize, String> {
        let tables = self.world.catalog.tables.iter().zip(&self.tables);
        let mut differences = Vec::new();
        let mut count = 0;
        for (info, expected) in tables {
            let mut found = HashMap::new();
            for row in server.query(&info.database, &select(info)) {
                found.insert(key(info, &row), row);
            }
            count += found.len();
            let is_judged = |key: &&String| !expected.doubtful.contains(*key);
            let mut note = |what: &str, keys: Vec<&String>| {
                if let Some(first) = keys.iter().min() {
                    let (name, count) = (&info.name, keys.len());
                    let (old, new) = (expected.rows.get(*first), found.get(*first));
                    differences.push(format!("{name}: {count} {what}: {first}: {old:?} {new:?}"));
                }
            };
            let missing = expected.rows.keys().filter(|key| !found.contains_key(*key));
            note("missing", missing.filter(is_judged).collect());
            let extra = found.keys().filter(|key| !expected.rows.contains_key(*key));
            note("too many", extra.filter(is_judged).collect());
            let differs =
                |key: &&String| expected.rows.get(*key).is_some_and(|row| *row != found[*key]);
            note("wrong", found.keys().filter(differs).filter(is_judged).collect());
        }
        if differences.is_empty() { Ok(count) } else { Err(differences.join("\n")) }
    }
}

/// Fails unless the summary, the account and the tables agree on every row. Returns how many rows
/// there are in all tables.
pub(crate) fn assert_exact(server: &TestServer, file: &str, set: &[&str], ended: &Ended) -> usize {
    let summary = &ended.summary;
    assert_eq!(summary["invalid_because"], serde_json::json!([]), "{}", ended.said);
    for table in summary["tables"].as_array().unwrap() {
        let text = |name: &str| table[name].as_str().unwrap();
        let sql = format!("SELECT count(*) FROM {}", text("table"));
        let count = server.query(text("database"), &sql);
        if table["unknown"] == 0 {
            assert_eq!(count[0][0], table["alive"].to_string(), "{}: {table:#}", text("table"));
        }
    }
    let replay = Replay::of_run(file, set, &ended.account);
    replay.compare(server).unwrap_or_else(|differences| panic!("{differences}\n{}", ended.said))
}

/// Makes of a row what assignments say.
fn assign(row: &mut [String], set: &[Assignment], values: Vec<String>) {
    for (assignment, value) in set.iter().zip(values) {
        let column = &mut row[assignment.column];
        *column = match assignment.how {
            Assign::Value => value,
            Assign::Add => sum(column, &value),
            _ => panic!("the drills' schemas have no such assignment"),
        };
    }
}

fn texts(action: &Action, operation: &Operation) -> Vec<String> {
    let text = |value| {
        let mut text = String::new();
        write_value(value, action, &mut text);
        text
    };
    action.values(operation).iter().map(|value| text(*value)).collect()
}

fn key(info: &TableInfo, row: &[String]) -> String {
    let key: Vec<&str> = info.key.iter().map(|column| row[*column].as_str()).collect();
    key.join("\t")
}

/// All columns, printed as [`write_value`] does.
fn select(info: &TableInfo) -> String {
    let printed = |(name, kind): &(String, ColumnType)| {
        let format = "'YYYY-MM-DD HH24:MI:SS.US\"+00\"'";
        match kind {
            ColumnType::Timestamp => format!("to_char({name}, {format})"),
            ColumnType::Timestamptz => format!("to_char({name} AT TIME ZONE 'UTC', {format})"),
            _ => format!("{name}::text"),
        }
    };
    let columns: Vec<_> = info.columns.iter().map(printed).collect();
    format!("SELECT {} FROM {}.{}", columns.join(", "), info.namespace, info.name)
}

/// The sum of two exact numbers, written with the same number of digits after the point.
fn sum(one: &str, other: &str) -> String {
    let parts = |text: &str| {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        (format!("{whole}{part}").parse::<i64>().unwrap(), part.len())
    };
    let ((one, scale), (other, of_other)) = (parts(one), parts(other));
    assert_eq!(scale, of_other, "numbers of different scales");
    let digits = format!("{:0>width$}", one + other, width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    if scale == 0 { whole.to_owned() } else { format!("{whole}.{part}") }
}
