//! What a schema's words claim of the rows that stand in the databases.

use crate::scenario::Domain;
use crate::scenario::Scenario;
use crate::schema::Column;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Moment;
use crate::schema::Reference;
use crate::schema::Through;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::quote::qualified;

/// Rows of a table, each named by a key, with what is to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Index of the domain in the scenario.
    pub domain: usize,
    /// The table, as SQL names it.
    pub table: String,
    /// The column that names the parent, or the parent's key: as SQL names it.
    pub key: String,
    /// What is compared: an SQL expression, if anything is.
    pub value: Option<String>,
}

/// How rows of the child must be to the row of the parent that they name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// It is there.
    Exists,
    /// If it is there, both values are the same text; or the child's may be NULL.
    Agrees {
        /// Whether it may.
        may_be_null: bool,
    },
    /// If it is there, the child's value (a whole number) is not below the parent's.
    NotBefore,
    /// If it is there, the child's value (microseconds since 1970) lies in its opening hours.
    Open,
}

/// Something that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// In words.
    pub text: String,
    /// The rows that name others.
    pub child: Side,
    /// The rows that are named.
    pub parent: Side,
    /// What must hold.
    pub rule: Rule,
}

/// All that a scenario's schemas claim, in their order. What an action may change behind the back of a
/// claim makes none: a value that was copied and then updated may differ.
pub fn claims(scenario: &Scenario) -> Vec<Claim> {
    let mut all = Vec::new();
    let domains = scenario.domains.iter().enumerate();
    for (number, domain) in domains.filter(|(_, domain)| !scenario.is_external(domain)) {
        for table in 0..domain.schema.stored().len() {
            let maker = Maker { scenario, domain, number, table };
            (0..domain.schema.tables[table].columns.len()).for_each(|at| maker.of(at, &mut all));
        }
    }
    all
}

/// Makes the claims of a table.
struct Maker<'a> {
    scenario: &'a Scenario,
    domain: &'a Domain,
    number: usize,
    table: usize,
}

/// The row that a reference names: where it is, and the reference's own column.
struct Named<'a> {
    reference: &'a Reference,
    through: &'a Column,
    number: usize,
    domain: &'a Domain,
    table: usize,
}

impl<'a> Maker<'a> {
    fn column(&self, at: usize) -> &'a Column {
        &self.domain.schema.tables[self.table].columns[at]
    }

    /// The claims of a column.
    fn of(&self, at: usize, all: &mut Vec<Claim>) {
        match &self.column(at).fill {
            Fill::Reference(reference) if !reference.stays => all.extend(self.exists(at)),
            Fill::Lookup { through, column } => all.extend(self.agrees(at, *through, column)),
            Fill::Moment(moment) => {
                all.extend(self.since(at, moment));
                all.extend(self.open(at, moment));
            }
            _ => {}
        }
    }

    fn exists(&self, at: usize) -> Option<Claim> {
        let named = self.named(at)?;
        let text = format!("{} names a row of {}", self.name(at), named.name());
        Some(self.claim(text, &named, Rule::Exists, (None, None)))
    }

    fn agrees(&self, at: usize, through: usize, column: &str) -> Option<Claim> {
        let named = self.named(through)?;
        if self.is_changed(at) {
            return None;
        }
        let text = format!(
            "{} is the {column} of the row of {} that {} names",
            self.name(at),
            named.name(),
            self.column(through).name
        );
        let values = (identifier(&self.column(at).name), identifier(column));
        let rule = Rule::Agrees { may_be_null: self.column(at).null_rate > 0.0 };
        Some(self.claim(text, &named, rule, (Some(values.0), Some(values.1))))
    }

    fn since(&self, at: usize, moment: &Moment) -> Option<Claim> {
        let (named, other) = self.led(at, moment.since.as_ref()?)?;
        let own = self.column(at);
        let is_day = [own.kind, other.kind].contains(&ColumnType::Date);
        let text = format!("{} is not before {} of {}", self.name(at), other.name, named.name());
        let values = if moment.is_year {
            (identifier(&own.name), format!("extract(year FROM {})", identifier(&other.name)))
        } else {
            (microseconds(&own.name, is_day), microseconds(&other.name, is_day))
        };
        Some(self.claim(text, &named, Rule::NotBefore, (Some(values.0), Some(values.1))))
    }

    fn open(&self, at: usize, moment: &Moment) -> Option<Claim> {
        let (named, hours) = self.led(at, moment.week.as_ref()?.within.as_ref()?)?;
        let own = self.column(at);
        if moment.is_year || own.kind == ColumnType::Date {
            return None;
        }
        let text = format!("{} lies in the {} of {}", self.name(at), hours.name, named.name());
        let values = (microseconds(&own.name, false), identifier(&hours.name));
        Some(self.claim(text, &named, Rule::Open, (Some(values.0), Some(values.1))))
    }

    /// What a column of this table is compared with, unless an action sets one of the two anew.
    fn led(&self, at: usize, through: &Through) -> Option<(Named<'a>, &'a Column)> {
        let named = self.named(through.through)?;
        let domain = named.domain;
        let schema = &domain.schema;
        let other = schema.tables[named.table].column(&through.column)?;
        if self.is_changed(at) || schema.changer(named.table, other).is_some() {
            return None;
        }
        let column = &schema.tables[named.table].columns[other];
        Some((named, column))
    }

    /// Whether an action sets a column of this table anew.
    fn is_changed(&self, at: usize) -> bool {
        self.domain.schema.changer(self.table, at).is_some()
    }

    fn named(&self, through: usize) -> Option<Named<'a>> {
        let through = self.column(through);
        let Fill::Reference(reference) = &through.fill else { return None };
        let number = self.scenario.domain(&reference.schema)?;
        let domain = &self.scenario.domains[number];
        let table = domain.schema.table(&reference.table)?;
        // Nobody can look at what only loadgen knows.
        domain.schema.stored().get(table)?;
        Some(Named { reference, through, number, domain, table })
    }

    fn name(&self, at: usize) -> String {
        let schema = &self.domain.schema;
        format!("{}.{}.{}", schema.name, schema.tables[self.table].name, self.column(at).name)
    }

    fn claim(
        &self,
        text: String,
        named: &Named<'_>,
        rule: Rule,
        (own, other): (Option<String>, Option<String>),
    ) -> Claim {
        let table = &self.domain.schema.tables[self.table].name;
        Claim {
            text,
            child: Side {
                domain: self.number,
                table: qualified(&self.domain.namespace, table),
                key: identifier(&named.through.name),
                value: own,
            },
            parent: Side {
                domain: named.number,
                table: qualified(&named.domain.namespace, &named.reference.table),
                key: identifier(&named.reference.column),
                value: other,
            },
            rule,
        }
    }
}

impl Named<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.reference.schema, self.reference.table)
    }
}

/// A time as a whole number of microseconds since 1970; of its day, if days are compared.
fn microseconds(column: &str, is_day: bool) -> String {
    let cast = if is_day { "::date" } else { "" };
    format!("(extract(epoch FROM {}{cast}) * 1000000)::bigint", identifier(column))
}
