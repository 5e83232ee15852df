//! How far a server's clock is from ours: the question with the shortest way there and back bounds it best.

use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tokio_postgres::Client;

use crate::doctor::Check;
use crate::sink::postgres::provision::SetupError;
use crate::verify::failed;

/// How often it is asked.
const QUESTIONS: usize = 16;

/// Asks a few times, and keeps the quickest answer.
pub(super) async fn offset(client: &Client) -> Result<Check, SetupError> {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let sql = client.prepare(sql).await.map_err(|error| failed(&error))?;
    let mut best: Option<(u128, i128)> = None;
    for _ in 0..QUESTIONS {
        let (asked, began) = (SystemTime::now(), Instant::now());
        let row = client.query_one(&sql, &[]).await.map_err(|error| failed(&error))?;
        let way = began.elapsed().as_micros();
        let asked = asked.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let middle = i128::try_from(asked + way / 2).unwrap_or(i128::MAX);
        let offset = i128::from(row.get::<_, i64>(0)) - middle;
        if best.is_none_or(|(shortest, _)| way < shortest) {
            best = Some((way, offset));
        }
    }
    let (way, offset) = best.unwrap_or_default();
    let found = format!("the server is {offset} us ahead, give or take {} us", way.div_ceil(2));
    Ok(Check::info("clock", found))
}
