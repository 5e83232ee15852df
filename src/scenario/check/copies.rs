//! Domains of which there are several: each is written once, and checked as that many.

use std::ops::Range;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Copy;
use crate::scenario::check::LANES_MAX;
use crate::scenario::file::DomainFile;
use crate::scenario::file::ProvisionFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::TargetFile;
use crate::scenario::life::Tables;
use crate::schema::Fill;
use crate::schema::check::Checked;
use crate::yaml::Entries;
use crate::yaml::Spanned;

/// Most copies of a domain: each lane knows the tables of all of them.
const COPIES_MAX: u32 = 256;

/// A scenario file in which each copy stands as a domain of its own.
pub(super) struct Spread {
    /// The file.
    pub(super) file: ScenarioFile,
    /// By domain of that file: its schema, if it could be read.
    pub(super) schemas: Vec<Option<Checked>>,
    /// By domain of that file.
    pub(super) copies: Vec<Copy>,
}

impl Spread {
    /// Writes the copies out.
    pub(super) fn of(
        file: &ScenarioFile,
        schemas: Vec<Option<Checked>>,
        problems: &mut Problems,
    ) -> Self {
        let entries = &file.domains.value.0;
        let names = entries.iter().map(|(name, _)| name.value.clone());
        let counts = entries.iter().map(|(_, domain)| count(domain.as_ref(), problems));
        let counts: Counts = names.zip(counts).collect();
        let mut spread = Self { file: file.clone(), schemas: Vec::new(), copies: Vec::new() };
        spread.file.domains.value.0.clear();
        for (((name, domain), checked), (_, count)) in entries.iter().zip(schemas).zip(&counts) {
            for number in 0..count.unwrap_or(1) {
                let copy = Copy { of: name.value.clone(), number, count: count.unwrap_or(1) };
                let is_one = count.is_none();
                let name = if is_one { name.clone() } else { numbered(name, number) };
                if !is_one && counts.iter().any(|(other, _)| *other == name.value) {
                    let message = format!("there is a domain `{}` already", name.value);
                    problems.add(Problem::new(message).at(name.place).help("call one otherwise"));
                }
                let mut checked = checked.clone();
                if let Some(checked) = &mut checked {
                    refer((checked, &copy), *count, &counts, problems);
                }
                let mut domain = domain.clone();
                if let Some(domain) = domain.as_mut().filter(|_| !is_one) {
                    let database = checked.as_ref().map(|it| it.schema.database.as_str());
                    rename(domain, (&name, database), number, file);
                }
                spread.file.domains.value.0.push((name, domain));
                spread.schemas.push(checked);
                spread.copies.push(copy);
            }
        }
        spread
    }

    /// The numbers of the domains that are made from the one of this name.
    pub(super) fn domains(&self, name: &str) -> Option<Range<usize>> {
        let first = self.copies.iter().position(|copy| copy.of == name)?;
        Some(first..first + self.copies[first].count as usize)
    }
}

/// How many copies there are of each domain, by its name; none where it is the only one.
type Counts = Vec<(String, Option<u32>)>;

fn count(domain: Option<&DomainFile>, problems: &mut Problems) -> Option<u32> {
    // That an external one has none is said elsewhere.
    let domain = domain.filter(|domain| domain.external.is_none());
    let copies = domain?.copies.as_ref()?;
    if !(1..=COPIES_MAX).contains(&copies.value) {
        let message = format!("a domain has 1 to {COPIES_MAX} copies");
        problems.add(Problem::new(message).at(copies.place));
    }
    Some(copies.value.clamp(1, COPIES_MAX))
}

fn numbered(name: &Spanned<String>, number: u32) -> Spanned<String> {
    Spanned { value: format!("{}_{}", name.value, number + 1), place: name.place }
}

/// Each copy has its own database and roles, so their names have its number behind them, too.
fn rename(
    domain: &mut DomainFile,
    (name, database): (&Spanned<String>, Option<&str>),
    number: u32,
    file: &ScenarioFile,
) {
    let own = |value: &str| Spanned { value: value.to_owned(), place: name.place };
    let database = domain.database.clone().or_else(|| database.map(own));
    domain.database = database.map(|database| numbered(&database, number));
    // In a database that all of them share, it is the PostgreSQL schema that keeps them apart.
    if is_in_schemas(domain, file) {
        domain.namespace = domain.namespace.as_ref().map(|name| numbered(name, number));
    }
    let roles = &mut domain.roles;
    for role in [&mut roles.owner, &mut roles.application, &mut roles.capture] {
        if let Some(role) = role.as_mut().filter(|role| !role.value.contains("{domain}")) {
            *role = numbered(role, number);
        }
    }
}

fn is_in_schemas(domain: &DomainFile, file: &ScenarioFile) -> bool {
    let targets = file.targets.0.iter().flat_map(Entries::iter);
    let mut own = targets
        .filter(|(name, _)| domain.on.as_ref().is_some_and(|on| on.value == name.value))
        .map(|(_, target)| target);
    own.any(|target| {
        matches!(target, TargetFile::Postgres(it) if matches!(it.provision, ProvisionFile::Schemas))
    })
}

/// Lets references to a domain that has copies name one of them: the one of the same number.
fn refer(
    (checked, copy): (&mut Checked, &Copy),
    own: Option<u32>,
    counts: &Counts,
    problems: &mut Problems,
) {
    let own_name = checked.schema.name.clone();
    for table in 0..checked.schema.tables.len() {
        for column in 0..checked.schema.tables[table].columns.len() {
            let place = checked.reference_place(table, column);
            let Fill::Reference(reference) = &mut checked.schema.tables[table].columns[column].fill
            else {
                continue;
            };
            let found = counts.iter().find(|(name, _)| *name == reference.schema);
            let Some((name, Some(theirs))) = found.filter(|_| reference.schema != own_name) else {
                continue;
            };
            let is_clear = own == Some(*theirs) || *theirs == 1;
            if !is_clear {
                problems.add(unclear((name, *theirs), copy, place));
            }
            let number = if is_clear && *theirs > 1 { copy.number } else { 0 };
            reference.schema = format!("{name}_{}", number + 1);
        }
    }
}

fn unclear((name, count): (&str, u32), copy: &Copy, place: Place) -> Problem {
    let message = format!("there are {count} copies of `{name}`, and this does not say which");
    let help = format!("write `copies: {count}` at the domain `{}`, too", copy.of);
    Problem::new(message).at(place).help(help)
}

/// Copies share the lanes; where that does not come out even, some would get more of the load.
pub(super) fn even(tables: &Tables<'_>, file: &ScenarioFile, problems: &mut Problems) {
    for (at, _) in tables.all() {
        let copy = &tables.scenario.domains[at.0].copy;
        let lanes = tables.all_lanes(at);
        if copy.number > 0 || lanes.is_multiple_of(copy.count) {
            continue;
        }
        let domain = file.domains.value.0.get(at.0).and_then(|(_, domain)| domain.as_ref());
        let Some(copies) = domain.and_then(|domain| domain.copies.as_ref()) else { continue };
        let more = lanes.next_multiple_of(copy.count);
        let fit = if more > LANES_MAX { more - copy.count } else { more };
        let count = copy.count;
        let message = format!(
            "{lanes} lanes for {count} copies: some would get more of the load than others"
        );
        let help = if tables.has_sessions(at) {
            format!("let there be {fit} sessions at most: each has a lane of its own")
        } else {
            format!("write `lanes: {fit}`")
        };
        problems.add(Problem::new(message).at(copies.place).help(help));
    }
}
