//! How loadgen knows its own: comments on shared objects, and for each PostgreSQL schema that holds
//! a domain's tables a second one, `loadgen_<schema>`, with the books: whose tables they are and how
//! far seeding and load got. One scheme for a database of our own and for schemas in another's.

pub mod shards;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::Digest as _;
use sha2::Sha256;
use tokio_postgres::GenericClient;

use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote;
use crate::units::format_hex;

use shards::Begun;

/// What the comment on everything that loadgen made begins with.
const PREFIX: &str = "loadgen/1 ";

/// The comment for what is made for a domain of a scenario.
pub(crate) fn comment(scenario: &str, domain: &str) -> String {
    format!("{PREFIX}scenario={} domain={}", escaped(scenario), escaped(domain))
}

/// Whether an object with this comment was made by loadgen, for whichever scenario.
pub(super) fn is_ours(comment: Option<&str>) -> bool {
    comment.is_some_and(|comment| comment.starts_with(PREFIX))
}

/// The name under which a database is made, until it carries its mark.
pub(super) fn making_name(database: &str) -> String {
    format!("loadgen_making_{}", short_hash(database))
}

/// Values of a comment hold no blanks, so that it stays a list of `key=value`.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        if character.is_whitespace() || character.is_control() || character == '%' {
            for byte in character.to_string().bytes() {
                // Writing to a String cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        } else {
            text.push(character);
        }
    }
    text
}

/// 16 hexadecimal digits of a name that is too long to be part of another.
fn short_hash(name: &str) -> String {
    format_hex(&Sha256::digest(name.as_bytes())[..8])
}

/// How far a domain got. A later stage is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Its tables are there and hold nothing of ours.
    Made,
    /// Rows are being seeded; finished chunks are in the books.
    Seeding,
    /// All rows are seeded.
    Seeded,
    /// A run changes, or changed, its rows.
    Loading,
    /// A run came to its end.
    Loaded,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Made, Self::Seeding, Self::Seeded, Self::Loading, Self::Loaded];

    /// Its name in the mark.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Seeding => "seeding",
            Self::Seeded => "seeded",
            Self::Loading => "loading",
            Self::Loaded => "loaded",
        }
    }
}

/// What the books say about a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The scenario that made it.
    pub scenario: String,
    /// That scenario's [`crate::scenario::Scenario::hash`].
    pub hash: String,
    /// Its seed.
    pub seed: u64,
    /// The start of the data that is seeded, in microseconds since 1970.
    pub start_us: i64,
    /// Its lanes.
    pub lanes: u32,
    /// How far it got.
    pub stage: Stage,
    /// The last run that loaded it.
    pub run: Option<String>,
    /// How far each lane got, as the JSON text that [`Books::set_lanes_at`] was given.
    pub lanes_at: Option<String>,
    /// The tables that were made in the domain's PostgreSQL schema.
    pub tables: Vec<String>,
    /// The shards that have begun to load it; `None` where the books have no place for them.
    pub shards: Option<Vec<Begun>>,
}

/// The books of one domain: the tables `mark` (one row) and `seeded` in a schema of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    namespace: String,
}

impl Books {
    /// The books kept beside the PostgreSQL schema `namespace`.
    pub fn beside(namespace: &str) -> Self {
        let full = format!("loadgen_{namespace}");
        let namespace = if full.len() <= quote::NAME_BYTES_MAX {
            full
        } else {
            format!("loadgen_{}", short_hash(namespace))
        };
        Self { namespace }
    }

    /// The PostgreSQL schema that holds them.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What they say; `None` where there are none.
    pub async fn read(&self, client: &impl GenericClient) -> Result<Option<Mark>, SetupError> {
        let failed = |error| self.failed("read", &error);
        let there = "SELECT to_regclass($1::text) IS NOT NULL";
        let there = client.query_one(there, &[&self.table("mark")]).await.map_err(failed)?;
        if !there.get::<_, bool>(0) {
            return Ok(None);
        }
        let sql = format!(
            "SELECT scenario, hash, seed::text, start_us, lanes, stage, run, lanes_at::text, tables FROM {}",
            self.table("mark")
        );
        let Some(row) = client.query_opt(&sql, &[]).await.map_err(failed)? else {
            return Ok(None);
        };
        let stage = row.get::<_, &str>(5);
        let unreadable = || SetupError::Books {
            namespace: self.namespace.clone(),
            what: format!("they hold something that this version does not know (stage `{stage}`)"),
        };
        Ok(Some(Mark {
            scenario: row.get(0),
            hash: row.get(1),
            seed: row.get::<_, &str>(2).parse().map_err(|_| unreadable())?,
            start_us: row.get(3),
            lanes: u32::try_from(row.get::<_, i32>(4)).map_err(|_| unreadable())?,
            stage: Stage::ALL
                .into_iter()
                .find(|known| known.name() == stage)
                .ok_or_else(unreadable)?,
            run: row.get(6),
            lanes_at: row.get(7),
            tables: row.get(8),
            shards: self.shards(client).await?,
        }))
    }

    /// Sets the stage. The application login may do it.
    pub async fn set_stage(
        &self,
        client: &impl GenericClient,
        stage: Stage,
    ) -> Result<(), SetupError> {
        let sql = format!("UPDATE {} SET stage = $1", self.table("mark"));
        self.one_row(client.execute(&sql, &[&stage.name()]).await)
    }

    /// Goes on to a stage from one of these, in one step: of two that try at once, one does. Returns
    /// whether this one did.
    pub async fn advance(
        &self,
        client: &impl GenericClient,
        from: &[Stage],
        to: Stage,
    ) -> Result<bool, SetupError> {
        let from: Vec<&str> = from.iter().map(|stage| stage.name()).collect();
        let mark = self.table("mark");
        let sql = format!("UPDATE {mark} SET stage = $1 WHERE stage = ANY($2)");
        let changed = client.execute(&sql, &[&to.name(), &from]).await;
        Ok(changed.map_err(|error| self.failed("write", &error))? == 1)
    }

    /// Lets a run load the domain from now on where another stopped, in one step: of two that try at once,
    /// one does. `lanes` is where they stand, as in [`Books::set_lanes_at`]. Returns whether this one did.
    pub async fn take_over(
        &self,
        client: &impl GenericClient,
        (from, run): (&str, &str),
        lanes: &str,
    ) -> Result<bool, SetupError> {
        let (loading, loaded) = (Stage::Loading.name(), Stage::Loaded.name());
        let mark = self.table("mark");
        let sql = format!(
            "UPDATE {mark} SET stage = $1, run = $2, lanes_at = $3::text::jsonb \
             WHERE run = $4 AND stage IN ($1, $5)"
        );
        let changed = client.execute(&sql, &[&loading, &run, &lanes, &from, &loaded]).await;
        Ok(changed.map_err(|error| self.failed("write", &error))? == 1)
    }

    /// Sets the name of the run that loads the domain from now on.
    pub async fn set_run(&self, client: &impl GenericClient, run: &str) -> Result<(), SetupError> {
        let sql = format!("UPDATE {} SET run = $1", self.table("mark"));
        self.one_row(client.execute(&sql, &[&run]).await)
    }

    /// Sets how far each lane got, as a JSON text.
    pub async fn set_lanes_at(
        &self,
        client: &impl GenericClient,
        json: &str,
    ) -> Result<(), SetupError> {
        let sql = format!("UPDATE {} SET lanes_at = $1::text::jsonb", self.table("mark"));
        self.one_row(client.execute(&sql, &[&json]).await)
    }

    /// The chunks of a table that are seeded, each with its row count.
    pub async fn seeded_chunks(
        &self,
        client: &impl GenericClient,
        table: &str,
    ) -> Result<BTreeMap<i64, i64>, SetupError> {
        let seeded = self.table("seeded");
        let sql = format!("SELECT chunk, rows FROM {seeded} WHERE table_name = $1");
        let rows =
            client.query(&sql, &[&table]).await.map_err(|error| self.failed("read", &error))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The statement that enters a chunk, to be run in the transaction that copies it: `$1` is the
    /// table's name (text), `$2` the chunk and `$3` its row count (both bigint).
    pub fn enter_chunk_sql(&self) -> String {
        let seeded = self.table("seeded");
        format!("INSERT INTO {seeded} (table_name, chunk, rows) VALUES ($1, $2, $3)")
    }

    fn table(&self, name: &str) -> String {
        quote::qualified(&self.namespace, name)
    }

    fn one_row(&self, changed: Result<u64, tokio_postgres::Error>) -> Result<(), SetupError> {
        match changed.map_err(|error| self.failed("write", &error))? {
            1 => Ok(()),
            _ => Err(self.gone()),
        }
    }

    fn gone(&self) -> SetupError {
        let what = "their mark is gone; `--fresh` makes it again".to_owned();
        SetupError::Books { namespace: self.namespace.clone(), what }
    }

    fn failed(&self, what: &str, error: &tokio_postgres::Error) -> SetupError {
        SetupError::server(format!("{what} the books in `{}`", self.namespace), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_known_again_and_holds_no_stray_blanks() {
        let comment = comment("my run", "orders\n50%");
        assert_eq!(comment, "loadgen/1 scenario=my%20run domain=orders%0A50%25");
        assert!(is_ours(Some(&comment)));
        assert!(!is_ours(Some("made with loadgen/1 ")));
        assert!(!is_ours(None));
    }

    #[test]
    fn names_made_of_long_names_stay_within_the_limit() {
        let long = "ü".repeat(31);
        assert!(Books::beside(&long).namespace().len() <= quote::NAME_BYTES_MAX);
        assert_ne!(Books::beside(&long), Books::beside(&"ö".repeat(31)));
        assert_eq!(Books::beside("public").namespace(), "loadgen_public");
        assert_eq!(making_name("orders").len(), 31);
    }
}
