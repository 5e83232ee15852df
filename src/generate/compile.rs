//! A checked scenario becomes a [`World`]: names become numbers, weights become cumulated shares,
//! statements get their parameters.

use std::sync::Arc;

use crate::action::Assign;
use crate::action::Assignment;
use crate::action::Catalog;
use crate::action::EventInfo;
use crate::action::Statement;
use crate::action::StatementId;
use crate::action::StatementKind;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::generate::column::ParentRow;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::key::mix64;
use crate::generate::permute::Permutation;
use crate::generate::seeding;
use crate::generate::walk::Walk;
use crate::generate::world::Owner;
use crate::generate::world::Parent;
use crate::generate::world::Relation;
use crate::generate::world::States;
use crate::generate::world::StepKind;
use crate::generate::world::Stream;
use crate::generate::world::Table;
use crate::generate::world::World;
use crate::generate::world::actions_of;
use crate::pace::Plan;
use crate::scenario::Scenario;
use crate::scenario::TraceBy;
use crate::scenario::life::Tables;
use crate::schema;
use crate::schema::ColumnType;
use crate::schema::order::parents_first;

pub(super) mod actions;
mod copies;
mod events;
mod own;
pub(in crate::generate) mod fills;
mod parts;
mod typed;

impl World {
    /// Makes a scenario ready. `start_us` is the run's start in the data: the scenario's own, or
    /// what the caller has resolved `start: now` to.
    pub fn new(scenario: &Scenario, start_us: i64) -> Self {
        Self::beside(scenario, start_us, &[])
    }

    /// The same for tables that hold rows of others: keys, addresses and whatever else is unique is
    /// made from numbers beyond `taken` (by table; 0 where there is none).
    pub fn beside(scenario: &Scenario, start_us: i64, taken: &[u64]) -> Self {
        let names = Names::of(scenario);
        let mut tables = Vec::new();
        let mut catalog = Catalog::default();
        for (domain, each) in scenario.domains.iter().enumerate() {
            for number in 0..each.schema.tables.len() {
                tables.push(table(scenario, &names, (domain, number), &mut catalog));
            }
        }
        tables.iter_mut().zip(taken).for_each(|(table, taken)| table.taken = *taken);
        tables.iter_mut().zip(0..).for_each(|(table, number)| table.root(scenario.seed, number));
        relate(&mut tables);
        events::further(scenario, &mut tables, &mut catalog);
        let (actions, fallbacks) = actions::all(scenario, &names, &tables, &mut catalog);
        let streams = streams(scenario, &names);
        let number = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let follow_ups: Vec<_> = scenario
            .follow_ups()
            .iter()
            .map(|it| (number(it.stream), number(names.action(it.domain, it.action))))
            .collect();
        let has_deletes = (0..streams.len()).any(|stream| {
            let mut all = actions_of(&actions, &streams, &follow_ups, stream);
            all.any(|action| {
                action.steps.iter().any(|step| matches!(step.kind, StepKind::Delete { .. }))
            })
        });
        catalog.ranks = seeding::ranks(&tables);
        catalog.own = own::tables(scenario);
        catalog.has_messages = scenario.cdc.trace == TraceBy::Message;
        if scenario.cdc.trace != TraceBy::Xid {
            catalog.run = run(scenario, start_us);
        }
        let ways = scenario.ways();
        let groups = names.tables.groups();
        let copies = scenario.domains.iter().map(|it| (it.copy.number, it.copy.count));
        let mut world = Self {
            seed: scenario.seed,
            has_deletes,
            lanes: scenario.lanes,
            start_us,
            catalog: Arc::new(catalog),
            groups,
            tables,
            actions,
            firsts: copies::firsts(scenario, &names),
            copies: copies.collect(),
            ways: ways.iter().map(|way| way.domain).collect(),
            streams,
            follow_ups,
            series: scenario.series(),
            fallbacks,
        };
        world.spread();
        world
    }
}

/// What tells a run from others: as all content, it follows from scenario, seed and start, so that a run that goes
/// on where another stopped, and each of several shards, finds the same.
fn run(scenario: &Scenario, start_us: i64) -> i64 {
    let start = mix64(start_us.cast_unsigned() ^ mix64(scenario.seed));
    let schemas = scenario.domains.iter().flat_map(|domain| domain.schema.content.bytes());
    let named = scenario.name.bytes().chain(schemas);
    let run = named.fold(start, |run, byte| mix64(run ^ u64::from(byte))) >> 1;
    run.cast_signed().max(1)
}

/// Finds tables and actions of all domains by name.
#[derive(Debug)]
pub(super) struct Names<'a> {
    scenario: &'a Scenario,
    tables: Tables<'a>,
    /// The number of the first table, and of the first action, of each domain.
    first: Vec<(usize, usize)>,
}

impl<'a> Names<'a> {
    fn of(scenario: &'a Scenario) -> Self {
        let mut first = Vec::new();
        let mut next = (0, 0);
        for domain in &scenario.domains {
            first.push(next);
            next = (next.0 + domain.schema.tables.len(), next.1 + domain.schema.actions.len());
        }
        Self { scenario, tables: Tables::new(scenario), first }
    }

    /// A table by the number of its domain and its number there.
    pub(super) fn table(&self, domain: usize, table: usize) -> TableId {
        TableId::of(self.first[domain].0 + table)
    }

    /// The states of a table, if this column of it shows where a row is on its walk.
    pub(super) fn walk(&self, table: TableId, column: usize) -> Option<&'a schema::States> {
        let table = self.meant(table)?;
        table.states.as_ref().filter(|_| table.is_walk(column))
    }

    /// The columns of a table that this one is made from, and it, in the order in which they are
    /// filled; `None` if it needs no others.
    pub(super) fn made_from(&self, table: TableId, column: usize) -> Option<Vec<usize>> {
        let table = self.meant(table)?;
        let fill = &table.columns[column].fill;
        let needed = table.made_from(column).filter(|_| !fill.is_pure())?;
        let sources = |at: usize| match table.made_from(at) {
            Some(all) => all.into_iter().filter(|source| *source != at).collect(),
            None => Vec::new(),
        };
        let order = parents_first(table.columns.len(), sources).ok()?;
        Some(order.into_iter().filter(|at| needed.contains(at)).collect())
    }

    pub(super) fn meant(&self, table: TableId) -> Option<&'a schema::Table> {
        let number = usize::from(table.0);
        let domain = self.first.iter().rposition(|(first, _)| *first <= number)?;
        self.scenario.domains[domain].schema.tables.get(number - self.first[domain].0)
    }

    /// A column by the names of its schema, table and column. `check` has seen that it exists.
    pub(super) fn column(&self, reference: &schema::Reference) -> Option<(TableId, usize)> {
        let domains = &self.scenario.domains;
        let domain = domains.iter().position(|each| each.schema.name == reference.schema)?;
        let tables = &domains[domain].schema.tables;
        let table = tables.iter().position(|each| each.name == reference.table)?;
        let column = tables[table].columns.iter().position(|each| each.name == reference.column)?;
        Some((self.table(domain, table), column))
    }

    pub(super) fn action(&self, domain: usize, action: usize) -> usize {
        self.first[domain].1 + action
    }
}

fn table(
    scenario: &Scenario,
    names: &Names<'_>,
    (domain, number): (usize, usize),
    catalog: &mut Catalog,
) -> Table {
    let place = &scenario.domains[domain];
    let written = &place.schema.tables[number];
    let id = names.table(domain, number);
    let fills::Made { mut columns, decided, watched } = fills::columns(names, written);
    fills::touch(&mut columns, place, number);
    let (insert, delete) = row_statements(catalog, id, written);
    let way = match written.event {
        Some(_) => scenario.event_ways(domain).first().copied().unwrap_or(domain),
        None => domain,
    };
    catalog.tables.push(TableInfo {
        target: scenario.ways()[way].target,
        domain,
        way,
        same_as: None,
        database: place.database.clone(),
        namespace: place.namespace.clone(),
        name: written.name.clone(),
        columns: written.columns.iter().map(|each| (each.name.clone(), each.kind)).collect(),
        hidden: hidden(written),
        key: written.key.clone(),
        shared: written.shared,
        is_sent: written.event.is_some() || written.stored && scenario.is_stored(place),
        event: written.event.map(|event| EventInfo { key: event.key }),
    });
    let mortal = names.tables.is_mortal((domain, number));
    Table {
        taken: 0,
        stems: Vec::new(),
        proof: 0,
        lanes: names.tables.lanes((domain, number)),
        offset: place.copy.number,
        stride: place.copy.count,
        numbers_max: names.tables.numbers_max((domain, number)),
        history: place.history,
        seeded: if written.owner.is_some() { 0 } else { place.rows[number] },
        order: fills::order(&columns),
        keeps_hours: fills::keeps_hours(&columns),
        is_straight: fills::is_straight(&columns),
        columns,
        key: written.key.clone(),
        owner: written.owner.as_ref().map(|owner| Owner {
            table: names.table(domain, owner.table),
            min: owner.min,
            max: owner.max,
        }),
        owned: Vec::new(),
        relations: Vec::new(),
        decided,
        states: written.states.as_ref().map(states),
        watched,
        sent_as: Vec::new(),
        faults: None,
        insert,
        delete,
        shuffle: Permutation::of_all(key(scenario.seed, id.0, Purpose::Shuffle, 0)),
        mortal,
        shared: written.shared,
    }
}

/// The columns of an event that are not sent.
fn hidden(table: &schema::Table) -> Vec<usize> {
    let columns = table.columns.iter().enumerate();
    columns.filter(|(_, column)| column.hidden).map(|(number, _)| number).collect()
}

/// The statements that insert and delete a row of a table.
fn row_statements(
    catalog: &mut Catalog,
    table: TableId,
    written: &schema::Table,
) -> (StatementId, StatementId) {
    let kinds: Vec<_> = written.columns.iter().map(|column| column.kind).collect();
    let delete = match &written.owner {
        Some(owner) => {
            (StatementKind::DeleteOwned { column: owner.column }, vec![kinds[owner.column]])
        }
        None => (StatementKind::Delete, written.key.iter().map(|column| kinds[*column]).collect()),
    };
    let insert = add_statement(catalog, table, StatementKind::Insert, kinds);
    (insert, add_statement(catalog, table, delete.0, delete.1))
}

/// Appends a statement to the catalog.
pub(super) fn add_statement(
    catalog: &mut Catalog,
    table: TableId,
    kind: StatementKind,
    parameters: Vec<ColumnType>,
) -> StatementId {
    let id = StatementId::of(catalog.statements.len());
    catalog.statements.push(Statement { table, kind, parameters });
    id
}

/// An update's statement.
pub(super) fn update_statement(
    catalog: &mut Catalog,
    table: TableId,
    set: Vec<Assignment>,
    evidence: Option<usize>,
) -> StatementId {
    let info = catalog.table(table);
    let mut parameters = parameters(info, &set);
    parameters.extend(info.key.iter().map(|column| info.columns[*column].1));
    add_statement(catalog, table, StatementKind::Update { set, evidence }, parameters)
}

/// An upsert's statement.
pub(super) fn upsert_statement(
    catalog: &mut Catalog,
    table: TableId,
    set: Vec<Assignment>,
    evidence: Option<usize>,
) -> StatementId {
    let info = catalog.table(table);
    let mut kinds: Vec<_> = info.columns.iter().map(|(_, kind)| *kind).collect();
    kinds.extend(parameters(info, &set));
    add_statement(catalog, table, StatementKind::Upsert { set, evidence }, kinds)
}

fn parameters(info: &TableInfo, set: &[Assignment]) -> Vec<ColumnType> {
    let kind_of = |assignment: &Assignment| info.columns[assignment.column].1;
    set.iter().filter_map(|each| parameter(&each.how, kind_of(each))).collect()
}

/// The type of an assignment's parameter, if it has one.
fn parameter(how: &Assign, kind: ColumnType) -> Option<ColumnType> {
    match (how, kind) {
        _ if !how.has_parameter() => None,
        (Assign::Multiply, _) => {
            Some(ColumnType::Numeric { precision: 18, scale: 9, is_bare: false })
        }
        (Assign::Append, _) => Some(ColumnType::Text),
        _ => Some(kind),
    }
}

/// Oldest first: the last state's rows, then those of the state before it, down to the first.
fn states(written: &schema::States) -> States {
    let total: f64 = written.seeded.iter().sum();
    let mut sum = 0.0;
    let mut seeded = Vec::new();
    for (state, weight) in written.seeded.iter().enumerate().rev() {
        sum += weight;
        let share = if total > 0.0 { sum / total } else { 1.0 };
        seeded.push((state, share));
    }
    if let Some(last) = seeded.last_mut() {
        last.1 = 1.0;
    }
    if total <= 0.0 {
        seeded = vec![(0, 1.0)];
    }
    let walk = written.walk.as_ref().map(Walk::new);
    States { count: written.names.len(), seeded, walk }
}

/// Tells each table who refers to it and what it owns.
fn relate(tables: &mut [Table]) {
    for child in 0..tables.len() {
        let id = TableId::of(child);
        if let Some(owner) = tables[child].owner {
            tables[usize::from(owner.table.0)].owned.push(id);
        }
        let parents: Vec<Parent> = tables[child].decided.clone();
        for (place, parent) in parents.iter().enumerate().filter(|(_, parent)| !parent.stays) {
            let parent = &mut tables[usize::from(parent.table.0)];
            if parent.mortal {
                parent.relations.push(Relation { child: id, place });
            }
        }
    }
}

fn streams(scenario: &Scenario, names: &Names<'_>) -> Vec<Stream> {
    let load = &scenario.load;
    load.streams
        .iter()
        .map(|stream| Stream {
            mixes: copies::mixes(scenario, names, &stream.mix),
            plan: Plan::new(&stream.pacing, load.warmup, stream.limit),
        })
        .collect()
}

/// Whether a lane must pick the row of a reference: the rows of the table come and go, or an action
/// that refers to one may have changed it.
pub(super) fn parent_row(
    names: &Names<'_>,
    reference: &schema::Reference,
    place: usize,
) -> ParentRow {
    let tables = &names.tables;
    let is_free = |parent| {
        let walks = tables.table(parent).states.as_ref().is_some_and(|it| it.walk.is_some());
        tables.is_still(parent) && !tables.is_shared(parent) && !walks
    };
    if tables.target(reference).is_none_or(is_free) {
        ParentRow::Still { pick: reference.pick.clone(), unlike: reference.unlike }
    } else {
        ParentRow::Decided(place)
    }
}
