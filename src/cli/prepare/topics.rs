//! The topics that events are sent to.

use std::time::Duration;
use std::time::SystemTime;

use crate::cli::Refusal;
use crate::cli::place::destinations_of;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_within;
use crate::measure::Feed;
use crate::scenario::TargetKind;
use crate::sink::kafka::Cluster;
use crate::sink::kafka::retention;
use crate::sink::kafka::topics;
use crate::sink::postgres::provision::SetupError;

/// How long the cluster may take to make topics.
const MAKE_WITHIN: Duration = Duration::from_mins(2);

impl Prepared {
    /// Looks whether a cluster will do; makes the topics that are missing, if that is asked.
    pub(super) fn make_topics(
        &self,
        target: usize,
        cluster: &Cluster,
        is_to_make: bool,
        feed: &Feed,
    ) -> Result<(), Refusal> {
        let TargetKind::Kafka(kafka) = &self.scenario.targets[target].kind else { return Ok(()) };
        let wanted = destinations_of(&self.scenario, target);
        let found = topics::look(cluster).map_err(|error| Refusal::setup(&error))?;
        let missing = topics::missing(kafka, (cluster, &found), &wanted);
        let missing = missing.map_err(|error| Refusal::setup(&error))?;
        if !is_to_make {
            return Ok(());
        }
        let age = self.age_of_events();
        let known: Vec<_> = wanted.into_iter().filter(|topic| !missing.contains(topic)).collect();
        let done = on_runtime_within((&self.stop, MAKE_WITHIN), async {
            if !missing.is_empty() {
                let made = topics::make(kafka, cluster, &missing, age).await;
                made.map_err(|error| SetupError::Local(error.to_string()))?;
            }
            Ok(retention::warnings(cluster, &known, age).await)
        });
        let warnings = done.map_err(|error| Refusal::setup(&error))?;
        for warning in warnings {
            feed.message(warning);
        }
        Ok(())
    }

    /// How long ago the time of the first event lies.
    pub(in crate::cli) fn age_of_events(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let start = Duration::from_micros(u64::try_from(self.start_us).unwrap_or(0));
        now.saturating_sub(start)
    }
}
