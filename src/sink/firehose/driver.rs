//! The client's thread: makes the calls that may be made, and settles what comes back.

use std::time::Instant;

use tokio::task::JoinSet;

use crate::sink::firehose::Shared;
use crate::sink::firehose::body::Bodies;
use crate::sink::firehose::call;
use crate::sink::firehose::call::Answer;
use crate::sink::firehose::setup::Endpoint;
use crate::sink::firehose::state::Call;
use crate::sink::firehose::state::lock;

/// Works until the client is over. What is in flight then is given up.
pub(super) async fn drive(shared: &Shared, endpoint: &Endpoint) {
    let mut calls: JoinSet<(Call, Answer)> = JoinSet::new();
    let bodies = Bodies::default();
    loop {
        let work = {
            let mut state = lock(&shared.state);
            if state.is_over {
                return;
            }
            state.work(Instant::now())
        };
        for each in work.calls {
            let (client, bodies) = (endpoint.client.clone(), bodies.clone());
            calls.spawn(async move {
                let body =
                    bodies.write(&each.stream, each.batch.iter().map(|it| it.data.as_slice()));
                let answer = call::put(&client, &each.stream, body, each.batch.len()).await;
                (each, answer)
            });
        }
        tokio::select! {
            () = shared.news.notified() => {}
            () = until(work.look_at) => {}
            Some(done) = calls.join_next() => {
                // Nothing cancels calls; one that panicked is never settled, and so counts as unknown.
                if let Ok((each, answer)) = done {
                    let news = lock(&shared.state).settle(each, answer, Instant::now());
                    news.tell(&shared.feed);
                }
            }
        }
    }
}

/// Waits until then; without a time, for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
