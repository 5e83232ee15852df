//! Domains: their schemas, databases, roles and seeded rows.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Copy;
use crate::scenario::Domain;
use crate::scenario::PostgresTarget;
use crate::scenario::Provision;
use crate::scenario::Roles;
use crate::scenario::Server;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::check::copies::Spread;
use crate::scenario::check::domain_place;
use crate::scenario::check::events;
use crate::scenario::check::external;
use crate::scenario::check::faults;
use crate::scenario::check::history::history;
use crate::scenario::file::DomainFile;
use crate::scenario::file::ScenarioFile;
use crate::schema::Fill;
use crate::schema::Schema;
use crate::schema::check::Checked;
use crate::schema::check::identifier;
use crate::schema::check::unreserved;
use crate::units::parse_count;
use crate::yaml::Spanned;

/// Most rows of a table.
pub(super) const ROWS_MAX: u64 = 1 << 40;

/// The greatest scale of a domain.
const SCALE_MAX: f64 = 10_000.0;

/// All domains whose schema could be read, and the schemas with the names that the domains have in this
/// run. The target of an external one is the one behind the last.
pub(super) fn domains(
    spread: Spread,
    targets: &[Target],
    problems: &mut Problems,
) -> (Vec<Domain>, Spread) {
    let Spread { file, schemas, copies } = spread;
    let entries = &file.domains.value.0;
    if entries.is_empty() {
        problems.add(Problem::new("the scenario has no domains").at(file.domains.place));
    }
    let mut domains = Vec::new();
    let mut named = Vec::new();
    for (((name, domain), checked), copy) in entries.iter().zip(schemas).zip(&copies) {
        identifier(name, "a domain's name", problems);
        let is_external = domain.as_ref().is_some_and(|domain| domain.external.is_some());
        let target = domain.as_ref().and_then(|domain| match &domain.external {
            Some(_) => {
                external::alone(domain, problems);
                Some(targets.len())
            }
            None if file.targets.0.is_some() => target(name, domain, targets, problems),
            None => None,
        });
        let checked = checked.map(|checked| renamed(checked, &name.value));
        let checked = checked.map(|it| if is_external { elsewhere(it) } else { it });
        if let (Some(domain), Some(checked)) = (domain, &checked) {
            let maker = Maker { file: &file, name, domain, schema: &checked.schema, copy };
            let target_index = target.unwrap_or(0);
            let kind = targets.get(target_index).map(|target| &target.kind);
            if let Some(on) = &domain.on {
                let has_events = checked.schema.has_events() && domain.events.is_none();
                fits((&checked.schema, has_events), (on, target.and(kind)), targets, problems);
            }
            let events = events::events(domain, &checked.schema, targets, problems);
            let made = Domain { events, ..maker.domain(target_index, kind, problems) };
            let faults = faults::faults((domain, &made), targets, problems);
            domains.push(Domain { faults, ..made });
        }
        named.push(checked);
    }
    apart(&file, &domains, targets, problems);
    (domains, Spread { file, schemas: named, copies })
}

/// Nothing is done to rows that are kept elsewhere.
fn elsewhere(mut checked: Checked) -> Checked {
    checked.schema.actions.clear();
    checked.is_external = true;
    checked
}

fn target(
    name: &Spanned<String>,
    domain: &DomainFile,
    targets: &[Target],
    problems: &mut Problems,
) -> Option<usize> {
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let first = domain.events.as_ref().and_then(|events| events.value.0.first());
    if let (None, Some(events)) = (&domain.on, first) {
        // That there is none is said where it is found out where events go.
        return targets.iter().position(|target| target.name == events.value);
    }
    let Some(on) = &domain.on else {
        let message = format!("the domain `{}` is on no target", name.value);
        let help = match names.first() {
            Some(first) => format!("write `on: {first}`"),
            None => "write `on`, and a target".to_owned(),
        };
        problems.add(Problem::new(message).at(name.place).help(help));
        return None;
    };
    let found = targets.iter().position(|target| target.name == on.value);
    if found.is_none() {
        let problem = Problem::new(format!("there is no target `{}`", on.value)).at(on.place);
        problems.add(problem.maybe_help(suggest(&on.value, "the targets", &names)));
    }
    found
}

/// A server stores rows, a cluster takes events.
fn fits(
    (schema, is_without): (&Schema, bool),
    (on, kind): (&Spanned<String>, Option<&TargetKind>),
    targets: &[Target],
    problems: &mut Problems,
) {
    let name = &schema.name;
    let (message, help) = match kind {
        Some(TargetKind::Postgres(_)) if is_without => {
            let message = format!("`{name}` has events, and PostgreSQL takes none");
            let taker = targets.iter().find(|target| target.kind.takes_events());
            let help = match taker {
                Some(target) => format!("say where they go: `events: {}`", target.name),
                None => "put it on a target that is `kafka` or `firehose`".to_owned(),
            };
            return problems.add(Problem::new(message).at(on.place).help(help));
        }
        Some(TargetKind::Kafka(_)) if !schema.has_events() => (
            format!("`{name}` has no events, and Kafka stores no tables"),
            "put it on a target that is `postgres`, or write `events` in its schema",
        ),
        Some(TargetKind::Firehose(_)) if !schema.has_events() => (
            format!("`{name}` has no events, and Firehose stores no tables"),
            "put it on a target that is `postgres`, or write `events` in its schema",
        ),
        _ => return,
    };
    problems.add(Problem::new(message).at(on.place).help(help));
}

/// In a run a schema goes by its domain's name, also in references to itself.
fn renamed(mut checked: Checked, name: &str) -> Checked {
    let old = std::mem::replace(&mut checked.schema.name, name.to_owned());
    for table in &mut checked.schema.tables {
        for column in &mut table.columns {
            if let Fill::Reference(reference) = &mut column.fill
                && reference.schema == old
            {
                name.clone_into(&mut reference.schema);
            }
        }
    }
    checked
}

struct Maker<'a> {
    file: &'a ScenarioFile,
    name: &'a Spanned<String>,
    domain: &'a DomainFile,
    schema: &'a Schema,
    copy: &'a Copy,
}

impl Maker<'_> {
    fn domain(&self, target: usize, kind: Option<&TargetKind>, problems: &mut Problems) -> Domain {
        let database = self.domain.database.as_ref();
        if let Some(database) = database {
            identifier(database, "a database's name", problems);
        }
        if let Some(namespace) = &self.domain.namespace {
            identifier(namespace, "a PostgreSQL schema's name", problems);
            let is_taken =
                namespace.value.starts_with("pg_") || namespace.value == "information_schema";
            unreserved(namespace, "a PostgreSQL schema", is_taken, problems);
        }
        let has_schemas = matches!(
            kind,
            Some(TargetKind::Postgres(postgres)) if postgres.provision == Provision::Schemas
        );
        let namespace = match &self.domain.namespace {
            Some(namespace) => namespace.value.clone(),
            None if has_schemas => self.name.value.clone(),
            None => "public".to_owned(),
        };
        Domain {
            target,
            events: Vec::new(),
            database: database.map_or(&self.schema.database, |name| &name.value).clone(),
            namespace,
            roles: self.roles(problems),
            rows: match &self.domain.external {
                Some(external) => external::rows(external, self.schema, problems),
                None => self.rows(problems),
            },
            history: self.domain.history.as_ref().and_then(|written| history(written, problems)),
            faults: None,
            schema: self.schema.clone(),
            copy: self.copy.clone(),
        }
    }

    fn roles(&self, problems: &mut Problems) -> Roles {
        let cdc = self.file.cdc.0.as_ref().and_then(|cdc| cdc.role.as_ref());
        let written = &self.domain.roles;
        let mut seen = BTreeSet::new();
        let mut role = |written: Option<&Spanned<String>>, default: &str| {
            let template = written.map_or(default, |role| role.value.as_str());
            let place = written.map_or(self.name.place, |role| role.place);
            let value = template.replace("{domain}", &self.name.value);
            let name = Spanned { value, place };
            identifier(&name, "a role's name", problems);
            let is_taken =
                name.value.starts_with("pg_") || ["public", "none"].contains(&name.value.as_str());
            unreserved(&name, "a role", is_taken || !seen.insert(name.value.clone()), problems);
            if let Some(at) = name.value.find(['{', '}']) {
                let message = format!("`{}` is not replaced by anything", &name.value[at..]);
                let help = "there is `{domain}`, the domain's name";
                problems.add(Problem::new(message).at(place).help(help));
            }
            name.value
        };
        Roles {
            owner: role(written.owner.as_ref(), "{domain}_owners_group"),
            application: role(written.application.as_ref(), "{domain}_app"),
            capture: role(written.capture.as_ref().or(cdc), "debezium_{domain}"),
        }
    }

    /// How many rows are seeded, for each table of the schema.
    fn rows(&self, problems: &mut Problems) -> Vec<u64> {
        let mut rows = scaled(self.schema, self.domain.scale.as_ref(), problems);
        for (name, count) in self.domain.rows.iter() {
            let Some(table) = self.schema.table(&name.value) else {
                let names: Vec<&str> =
                    self.schema.tables.iter().map(|table| table.name.as_str()).collect();
                let message = format!("`{}` has no table `{}`", self.name.value, name.value);
                let help = suggest(&name.value, "the tables", &names);
                problems.add(Problem::new(message).at(name.place).maybe_help(help));
                continue;
            };
            if let Some(owner) = &self.schema.tables[table].owner {
                let owner = &self.schema.tables[owner.table].name;
                let message = format!("rows of `{}` come with their owners", name.value);
                let help = format!("seed rows of `{owner}` instead");
                problems.add(Problem::new(message).at(name.place).help(help));
                continue;
            }
            match parse_count(&count.value) {
                Ok(count) if count <= ROWS_MAX => rows[table] = count,
                Ok(_) => {
                    let message = format!("a table has at most {ROWS_MAX} rows");
                    problems.add(Problem::new(message).at(count.place));
                }
                Err(message) => problems.add(Problem::new(message).at(count.place)),
            }
        }
        rows
    }
}

/// How many rows `scale` says each table has; none where it does not stand.
pub(super) fn scaled(
    schema: &Schema,
    scale: Option<&Spanned<f64>>,
    problems: &mut Problems,
) -> Vec<u64> {
    let tables = &schema.tables;
    let none = vec![0; tables.len()];
    let Some(scale) = scale else { return none };
    let problem = if !(scale.value > 0.0 && scale.value <= SCALE_MAX) {
        Problem::new(format!("a scale is above 0 and at most {SCALE_MAX}"))
    } else if tables.iter().all(|table| table.rows == 0) {
        let message = format!("no table of `{}` says how many rows it has", schema.name);
        Problem::new(message).help("write `rows` at its tables, or here `rows: { table: 1k }`")
    } else {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and below 2^53"
        )]
        let times = |rows: u64| libm::round(rows as f64 * scale.value) as u64;
        // A table that has rows keeps one at the smallest scale.
        let scaled = tables.iter().map(|table| times(table.rows).max(table.rows.min(1)));
        return scaled.map(|rows| rows.min(ROWS_MAX)).collect();
    };
    problems.add(problem.at(scale.place));
    none
}

/// Two domains must not make the same table.
fn apart(file: &ScenarioFile, domains: &[Domain], targets: &[Target], problems: &mut Problems) {
    if domains.len() != file.domains.value.0.len() {
        return;
    }
    for (number, domain) in domains.iter().enumerate() {
        // Whoever keeps an external one does so elsewhere.
        if domain.target >= targets.len() {
            continue;
        }
        let is_one_database = matches!(
            targets.get(domain.target).map(|target| &target.kind),
            Some(TargetKind::Postgres(postgres)) if postgres.provision == Provision::Schemas
        );
        let clash = domains[..number].iter().find(|other| {
            is_one_server(other.target, domain.target, targets)
                && (is_one_database || other.database == domain.database)
                && other.namespace == domain.namespace
                && other
                    .schema
                    .tables
                    .iter()
                    .any(|table| domain.schema.table(&table.name).is_some())
        });
        if let Some(other) = clash {
            let (name, other) = (&domain.schema.name, &other.schema.name);
            let message = format!("`{name}` and `{other}` would make the same tables");
            let problem = Problem::new(message).at(domain_place(file, number));
            problems.add(problem.help("give one of them another `database` or `namespace`"));
        }
    }
}

/// Whether two targets are one server, as far as their words tell.
fn is_one_server(one: usize, other: usize, targets: &[Target]) -> bool {
    let server = |target: usize| match targets.get(target).map(|target| &target.kind) {
        Some(TargetKind::Postgres(
            PostgresTarget { admin: Some(url), .. }
            | PostgresTarget { server: Server::At(url), .. },
        )) => Some(url),
        _ => None,
    };
    let urls = server(one).zip(server(other));
    one == other || urls.is_some_and(|(one, other)| one.expose_secret() == other.expose_secret())
}
