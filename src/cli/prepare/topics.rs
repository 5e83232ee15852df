//! The topics that events are sent to.

use std::time::Duration;

use crate::cli::Refusal;
use crate::cli::place::destinations_of;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_within;
use crate::scenario::TargetKind;
use crate::sink::kafka::Cluster;
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
    ) -> Result<(), Refusal> {
        let TargetKind::Kafka(kafka) = &self.scenario.targets[target].kind else { return Ok(()) };
        let wanted = destinations_of(&self.scenario, target);
        let found = topics::look(cluster).map_err(|error| Refusal::setup(&error))?;
        let missing = topics::missing(kafka, (cluster, &found), &wanted);
        let missing = missing.map_err(|error| Refusal::setup(&error))?;
        if !is_to_make || missing.is_empty() {
            return Ok(());
        }
        on_runtime_within((&self.stop, MAKE_WITHIN), async {
            let made = topics::make(kafka, cluster, &missing).await;
            made.map_err(|error| SetupError::Local(error.to_string()))
        })
        .map_err(|error| Refusal::setup(&error))
    }
}
