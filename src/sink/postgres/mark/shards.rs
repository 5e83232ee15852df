//! Which shards of a run have begun to load a domain, and which have ended: in the books, so that each
//! shard plays once, and no other run comes between.

use tokio_postgres::Client;
use tokio_postgres::GenericClient;

use crate::pace::Shard;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::mark::Stage;
use crate::sink::postgres::provision::SetupError;

/// A shard that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Which.
    pub shard: Shard,
    /// The name of its run.
    pub run: String,
    /// Whether it came to its end.
    pub has_ended: bool,
}

/// What a shard is told that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The run of the shard that began first: it names the run of all.
    pub first: String,
    /// Whether this one is the first.
    pub is_first: bool,
}

/// Why a shard may not begin where these have; `None` if it may.
pub fn refusal(begun: &[Begun], shard: Shard) -> Option<String> {
    if let Some(other) = begun.iter().find(|begun| begun.shard.of != shard.of) {
        return Some(format!(
            "it is loaded in {} shards (`{}`), and this is one of {}",
            other.shard.of, other.run, shard.of
        ));
    }
    let same = begun.iter().find(|begun| begun.shard.number == shard.number)?;
    let what = if same.has_ended { "has changed its rows" } else { "has begun to load it" };
    Some(format!("shard {shard} (`{}`) {what}", same.run))
}

impl Books {
    /// The shards that have begun; `None` in books of an older version, which have no place for them.
    pub async fn shards(
        &self,
        client: &impl GenericClient,
    ) -> Result<Option<Vec<Begun>>, SetupError> {
        let failed = |error| self.failed("read", &error);
        let there = "SELECT to_regclass($1::text) IS NOT NULL";
        let there = client.query_one(there, &[&self.table("shards")]).await.map_err(failed)?;
        if !there.get::<_, bool>(0) {
            return Ok(None);
        }
        let shards = self.table("shards");
        let sql =
            format!("SELECT shard, shards, run, has_ended FROM {shards} ORDER BY begun_at, shard");
        let rows = client.query(&sql, &[]).await.map_err(failed)?;
        let number = |number: i32| u32::try_from(number).unwrap_or(0);
        let begun = rows.iter().map(|row| Begun {
            shard: Shard { number: number(row.get(0)), of: number(row.get(1)) },
            run: row.get(2),
            has_ended: row.get(3),
        });
        Ok(Some(begun.collect()))
    }

    /// Enters a shard, in the run of this name, as one that loads from now on. The first one finds the
    /// domain seeded, the others find it loading. The inner error says why it may not.
    pub async fn begin_shard(
        &self,
        client: &Client,
        shard: Shard,
        run: &str,
    ) -> Result<Result<Claim, String>, SetupError> {
        let stage = self.lock(client).await?;
        let begun = self.shards(client).await?.unwrap_or_default();
        let is_first = stage == Stage::Seeded.name();
        let why = match stage.as_str() {
            _ if is_first => None,
            loading if loading == Stage::Loading.name() && !begun.is_empty() => {
                refusal(&begun, shard)
            }
            _ => Some("another run has begun to load it".to_owned()),
        };
        if let Some(why) = why {
            self.do_it(client, "ROLLBACK").await?;
            return Ok(Err(why));
        }
        let (mark, shards) = (self.table("mark"), self.table("shards"));
        if is_first {
            self.do_it(client, &format!("DELETE FROM {shards}")).await?;
            let sql = format!("UPDATE {mark} SET stage = $1, run = $2, lanes_at = NULL");
            let loading = Stage::Loading.name();
            let changed = client.execute(&sql, &[&loading, &run]).await;
            changed.map_err(|error| self.failed("write", &error))?;
        }
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let sql = format!("INSERT INTO {shards} (shard, shards, run) VALUES ($1, $2, $3)");
        let entered = client.execute(&sql, &[&number(shard.number), &number(shard.of), &run]).await;
        entered.map_err(|error| self.failed("write", &error))?;
        self.do_it(client, "COMMIT").await?;
        let first = begun.first().filter(|_| !is_first).map_or(run, |begun| begun.run.as_str());
        Ok(Ok(Claim { first: first.to_owned(), is_first }))
    }

    /// Notes that a shard has come to its end, and how far its lanes got, as a JSON list. Returns whether
    /// it was the last: then the domain is loaded.
    pub async fn end_shard(
        &self,
        client: &Client,
        shard: Shard,
        lanes: &str,
    ) -> Result<bool, SetupError> {
        self.lock(client).await?;
        let (mark, shards) = (self.table("mark"), self.table("shards"));
        let number = i32::try_from(shard.number).unwrap_or(i32::MAX);
        let sql = format!("UPDATE {shards} SET has_ended = true WHERE shard = $1");
        self.one_row(client.execute(&sql, &[&number]).await)?;
        let ended = format!("SELECT count(*) FROM {shards} WHERE has_ended");
        let ended = client.query_one(&ended, &[]).await;
        let ended: i64 = ended.map_err(|error| self.failed("read", &error))?.get(0);
        let is_last = ended == i64::from(shard.of);
        let stage = if is_last { Stage::Loaded } else { Stage::Loading };
        let sql = format!(
            "UPDATE {mark} SET stage = $1, lanes_at = coalesce(lanes_at, '[]') || $2::text::jsonb"
        );
        self.one_row(client.execute(&sql, &[&stage.name(), &lanes]).await)?;
        self.do_it(client, "COMMIT").await?;
        Ok(is_last)
    }

    /// Begins a transaction in which nobody else writes the books. Returns the stage.
    async fn lock(&self, client: &Client) -> Result<String, SetupError> {
        self.do_it(client, "BEGIN").await?;
        let sql = format!("SELECT stage FROM {} FOR UPDATE", self.table("mark"));
        let row = client.query_opt(&sql, &[]).await;
        let row = row.map_err(|error| self.failed("read", &error))?;
        row.map(|row| row.get(0)).ok_or_else(|| self.gone())
    }

    async fn do_it(&self, client: &Client, sql: &str) -> Result<(), SetupError> {
        client.batch_execute(sql).await.map_err(|error| self.failed("write", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_begins_once_and_beside_its_like() {
        let begun = |number, of, has_ended| Begun {
            shard: Shard { number, of },
            run: format!("day-{number}of{of}"),
            has_ended,
        };
        let shard = Shard { number: 2, of: 3 };
        assert_eq!(refusal(&[begun(1, 3, true), begun(3, 3, false)], shard), None);
        let twice = refusal(&[begun(2, 3, false)], shard).unwrap();
        assert_eq!(twice, "shard 2/3 (`day-2of3`) has begun to load it");
        let done = refusal(&[begun(2, 3, true)], shard).unwrap();
        assert_eq!(done, "shard 2/3 (`day-2of3`) has changed its rows");
        let other = refusal(&[begun(1, 4, false)], shard).unwrap();
        assert_eq!(other, "it is loaded in 4 shards (`day-1of4`), and this is one of 3");
    }
}
