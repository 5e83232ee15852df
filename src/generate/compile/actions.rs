//! Actions made ready: steps get their places among a decision's picks, updates their statements.

use crate::action::Assign;
use crate::action::Assignment;
use crate::action::Catalog;
use crate::action::TableId;
use crate::action::Value;
use crate::generate::column::Constant;
use crate::generate::compile::Names;
use crate::generate::compile::fills;
use crate::generate::compile::parts;
use crate::generate::compile::update_statement;
use crate::generate::compile::upsert_statement;
use crate::generate::world::Action;
use crate::generate::world::Choice;
use crate::generate::world::ParentChoice;
use crate::generate::world::SetValue;
use crate::generate::world::Step;
use crate::generate::world::StepKind;
use crate::generate::world::Table;
use crate::generate::world::Then;
use crate::scenario::Scenario;
use crate::schema;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Otherwise;
use crate::schema::Pick;
use crate::schema::Set;

/// All actions of all domains, then one plain insert for each table; and where those begin.
pub(super) fn all(
    scenario: &Scenario,
    names: &Names<'_>,
    tables: &[Table],
    catalog: &mut Catalog,
) -> (Vec<Action>, usize) {
    let mut actions = Vec::new();
    for (domain, each) in scenario.domains.iter().enumerate() {
        for action in &each.schema.actions {
            let name = format!("{}.{}", each.schema.name, action.name);
            let mut maker = Maker { names, tables, catalog, domain, steps: Vec::new(), next: 0 };
            for step in &action.steps {
                maker.add(step, &each.schema);
            }
            let steps = maker.steps;
            let then = action.then.iter().filter_map(|then| follow_up(names, domain, then, &steps));
            let then = then.collect();
            let parts = parts::of(&steps, tables, catalog);
            let skew_ns = action.skew_ns;
            actions.push(Action { name, steps, skew_ns, then, parts });
        }
    }
    let fallbacks = actions.len();
    for (number, made) in tables.iter().enumerate() {
        let table = TableId::of(number);
        let parents = vec![ParentChoice::AsDeclared; made.decided.len()];
        let step = Step { table, at: 0, kind: StepKind::Insert { parents, earlier: 0 } };
        let name = format!("insert {}", catalog.table(table).name);
        let steps = vec![step];
        let parts = parts::of(&steps, tables, catalog);
        actions.push(Action { name, steps, skew_ns: (0, 0), then: Vec::new(), parts });
    }
    (actions, fallbacks)
}

fn follow_up(
    names: &Names<'_>,
    domain: usize,
    then: &schema::Then,
    steps: &[Step],
) -> Option<Then> {
    let table = names.table(domain, then.table);
    let actions = &names.scenario.domains[domain].schema.actions;
    let is_again = actions[then.action].then.iter().any(|next| next.action == then.action);
    Some(Then {
        action: u16::try_from(names.action(domain, then.action)).ok()?,
        table,
        at: steps.iter().find(|step| step.table == table)?.at,
        share: then.share,
        min_ns: then.min_ns,
        max_ns: then.max_ns,
        is_again,
        states: then.states.clone(),
    })
}

struct Maker<'a> {
    names: &'a Names<'a>,
    tables: &'a [Table],
    catalog: &'a mut Catalog,
    domain: usize,
    steps: Vec<Step>,
    next: usize,
}

impl Maker<'_> {
    fn add(&mut self, step: &schema::Step, schema: &schema::Schema) {
        match step {
            schema::Step::Insert { table } => self.insert(self.names.table(self.domain, *table)),
            schema::Step::Update { table, pick: meant, set, otherwise } => {
                let id = self.names.table(self.domain, *table);
                let walks = set.iter().any(|(_, set)| *set == Set::Walk);
                let Changes { assignments, set, state, evidence } =
                    changes(&schema.tables[*table], meant, set);
                let statement = update_statement(self.catalog, id, assignments, evidence);
                let states = self.tables[usize::from(id.0)].states.as_ref();
                let on_way = states.map(|states| Pick::State((0..states.count).collect()));
                // Who has come to the end of its walk does not walk on.
                let pick = on_way.filter(|_| walks && *meant == Pick::Uniform);
                let choice = self.choice(id, pick.as_ref().unwrap_or(meant), *otherwise);
                let kind = StepKind::Update { statement, state, walks, set, choice };
                self.push(id, kind, 1 + usize::from(walks));
            }
            schema::Step::Upsert { table, pick, existing, set } => {
                let id = self.names.table(self.domain, *table);
                let Changes { assignments, set, state, evidence } =
                    changes(&schema.tables[*table], pick, set);
                let statement = upsert_statement(self.catalog, id, assignments, evidence);
                let (parents, pick, existing) = (self.parents(id), pick.clone(), *existing);
                let places = 2 + parents.len();
                let kind = StepKind::Upsert { statement, state, set, parents, pick, existing };
                self.push(id, kind, places);
            }
            schema::Step::Delete { table, pick, otherwise } => {
                let id = self.names.table(self.domain, *table);
                let choice = self.choice(id, pick, *otherwise);
                self.push(id, StepKind::Delete { choice }, 1);
            }
        }
    }

    /// Rows of owned tables come with their owner, so a step of their own adds nothing.
    fn insert(&mut self, id: TableId) {
        let table = &self.tables[usize::from(id.0)];
        if table.owner.is_some() {
            return;
        }
        let parents = self.parents(id);
        let walks = table.states.as_ref().is_some_and(|states| states.walk.is_some());
        let places = 1 + parents.len() + usize::from(walks) + table.watched.len();
        let is_insert =
            |step: &&Step| step.table == id && matches!(step.kind, StepKind::Insert { .. });
        let earlier = self.steps.iter().filter(is_insert).count() as u64;
        self.push(id, StepKind::Insert { parents, earlier }, places);
    }

    /// Each is the row of an earlier step, if there is one on its table. Of a shared table, the n-th
    /// reference names the row of the n-th step on it.
    fn parents(&self, id: TableId) -> Vec<ParentChoice> {
        let decided = &self.tables[usize::from(id.0)].decided;
        let row_of = |place: usize| {
            let table = decided[place].table;
            let before = decided[..place].iter().filter(|parent| parent.table == table).count();
            let nth = if self.tables[usize::from(table.0)].shared { before } else { 0 };
            self.rows_of(table).nth(nth)
        };
        let places = 0..decided.len();
        places.map(|at| row_of(at).map_or(ParentChoice::AsDeclared, ParentChoice::Same)).collect()
    }

    fn push(&mut self, table: TableId, kind: StepKind, places: usize) {
        self.steps.push(Step { table, at: self.next, kind });
        self.next += places;
    }

    /// Where the rows of earlier steps on a table stand.
    fn rows_of(&self, table: TableId) -> impl Iterator<Item = usize> {
        self.steps.iter().filter(move |step| step.table == table).map(|step| step.at)
    }

    fn choice(&self, table: TableId, pick: &Pick, otherwise: Otherwise) -> Choice {
        if self.tables[usize::from(table.0)].shared {
            return Choice::Shared(pick.clone(), self.rows_of(table).collect());
        }
        match self.rows_of(table).next() {
            Some(at) => Choice::Same(at),
            None => Choice::Pick(pick.clone(), otherwise),
        }
    }
}

/// What `set` comes to.
struct Changes {
    assignments: Vec<Assignment>,
    set: Vec<SetValue>,
    state: Option<usize>,
    evidence: Option<usize>,
}

fn changes(table: &schema::Table, pick: &Pick, set: &[(usize, Set)]) -> Changes {
    let made = set.iter().map(|(column, set)| assignment(table, *column, set));
    let (assignments, values) = made.unzip();
    let state = set.iter().find_map(|(_, set)| match set {
        Set::State(state) => Some(*state),
        _ => None,
    });
    let is_evident =
        |(column, set): &(usize, Set)| is_evidence(set, table.columns[*column].kind, pick);
    Changes { assignments, set: values, state, evidence: set.iter().position(is_evident) }
}

/// Whether the new value is certain to differ from the old: the row leaves one state for another,
/// or gets the action's own time, which rises from action to action of a lane.
fn is_evidence(set: &Set, kind: ColumnType, pick: &Pick) -> bool {
    match (set, pick) {
        (Set::State(state), Pick::State(from) | Pick::Oldest(from)) => {
            !from.is_empty() && !from.contains(state)
        }
        (Set::Fill(Fill::EventTime { offset_min: 0, offset_max: 0 }), _) => {
            matches!(kind, ColumnType::Timestamp | ColumnType::Timestamptz)
        }
        _ => false,
    }
}

fn assignment(table: &schema::Table, column: usize, set: &Set) -> (Assignment, SetValue) {
    let kind = table.columns[column].kind;
    let constant = |literal: &Literal| SetValue::Constant(fills::constant(literal, kind));
    let (how, value) = match set {
        Set::Fill(fill) => {
            let filler = fills::filler(fill, kind, table);
            (Assign::Value, SetValue::Draw(Box::new(fills::made(column, kind, 0.0, filler))))
        }
        Set::State(state) => {
            let name = table.states.as_ref().and_then(|states| states.names.get(*state));
            (Assign::Value, constant(&Literal::Text(name.cloned().unwrap_or_default())))
        }
        Set::Add(literal) => (Assign::Add, constant(literal)),
        Set::Multiply(factor) => {
            (Assign::Multiply, SetValue::Constant(Constant::Value(Value::Decimal(*factor))))
        }
        Set::Append(text) => (Assign::Append, constant(&Literal::Text(text.clone()))),
        Set::Walk => {
            let names = table.states.iter().flat_map(|states| &states.names);
            let names = names.map(|name| Constant::Text(name.as_str().into()));
            (Assign::Value, SetValue::Walk(names.collect()))
        }
        Set::Toggle => (Assign::Toggle, SetValue::Nothing),
        Set::Next(list) => (Assign::Next(list.clone()), SetValue::Nothing),
    };
    (Assignment { column, how }, value)
}
