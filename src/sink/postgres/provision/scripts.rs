//! The files of `sql/`, each by its name.

use crate::sink::postgres::script::Script;

macro_rules! scripts {
    ($($constant:ident = $file:literal;)*) => {
        $(pub(in crate::sink::postgres) const $constant: Script =
            Script::new($file, include_str!(concat!("../../../../sql/", $file)));)*
        #[cfg(test)]
        const FILES: &[&str] = &[$($file),*];
    };
}

scripts! {
    OWNER = "owner.sql";
    LOGIN = "login.sql";
    PASSWORD = "password.sql";
    REPLICATION = "replication.sql";
    REPLICATION_RDS = "replication_rds.sql";
    JOIN_OWNER = "join_owner.sql";
    DATABASE = "database.sql";
    DATABASE_NAME = "database_name.sql";
    DATABASE_ACCESS = "database_access.sql";
    NAMESPACE = "namespace.sql";
    NAMESPACE_MARK = "namespace_mark.sql";
    BOOKS = "books.sql";
    MARK = "mark.sql";
    SIGNAL = "signal.sql";
    SIGNAL_ACCESS = "signal_access.sql";
    HEARTBEAT = "heartbeat.sql";
    HEARTBEAT_ACCESS = "heartbeat_access.sql";
    STRESS = "stress.sql";
    CANARY = "canary.sql";
    ACCESS = "access.sql";
    ACCESS_LATER = "access_later.sql";
    PUBLICATION = "publication.sql";
    PUBLICATION_OWNER = "publication_owner.sql";
    PUBLICATION_TABLE = "publication_table.sql";
    PUBLICATION_WITHOUT = "publication_without.sql";
    CLEAN_SLOT = "clean_slot.sql";
    CLEAN_DATABASE = "clean_database.sql";
    CLEAN_ROLE = "clean_role.sql";
    CLEAN_PUBLICATION = "clean_publication.sql";
    CLEAN_SCHEMA = "clean_schema.sql";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_sql_is_used() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
        let files: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "sql"))
            .collect();
        assert_eq!(files, FILES.iter().map(|&name| name.to_owned()).collect());
    }
}
