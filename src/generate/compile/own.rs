//! Tables of our own beside the domains': no lane works on them, and nothing of them is generated.

use crate::action::TableInfo;
use crate::scenario::Domain;
use crate::scenario::OwnTable;
use crate::scenario::Scenario;
use crate::schema::ColumnType;

/// Those of all domains; of domains that share a PostgreSQL schema, the first has them.
pub(super) fn tables(scenario: &Scenario) -> Vec<TableInfo> {
    let mut all: Vec<TableInfo> = Vec::new();
    for (number, domain) in scenario.domains.iter().enumerate() {
        for own in scenario.own_tables(domain) {
            let table = table((number, domain), own);
            let place = |it: &TableInfo| {
                (it.target, it.database.clone(), it.namespace.clone(), it.name.clone())
            };
            if !all.iter().any(|it| place(it) == place(&table)) {
                all.push(table);
            }
        }
    }
    all
}

fn table((number, domain): (usize, &Domain), own: OwnTable) -> TableInfo {
    let columns = match own {
        // As `sql/stress.sql` has them; the last one comes and goes.
        OwnTable::Stress => [
            ("id", ColumnType::Bigint),
            ("step", ColumnType::Text),
            ("n", ColumnType::Integer),
            ("body", ColumnType::Text),
            ("extra", ColumnType::Integer),
        ]
        .as_slice(),
        // As `sql/canary.sql` has them.
        OwnTable::Canary => &[("id", ColumnType::Bigint), ("n", ColumnType::Integer)],
    };
    TableInfo {
        target: domain.target,
        domain: number,
        database: domain.database.clone(),
        namespace: domain.namespace.clone(),
        name: own.name().to_owned(),
        columns: columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
        hidden: Vec::new(),
        key: vec![0],
        shared: false,
        way: number,
        same_as: None,
        is_sent: true,
        event: None,
    }
}
