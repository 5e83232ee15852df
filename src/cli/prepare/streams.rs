//! The Firehose streams that events are sent to.

use std::time::Duration;

use crate::cli::Refusal;
use crate::cli::place::destinations_of;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_within;
use crate::scenario::TargetKind;
use crate::sink::firehose::setup::Endpoint;
use crate::sink::firehose::setup::FirehoseAddress;
use crate::sink::postgres::provision::SetupError;

/// How long the endpoint may take to make streams: the service takes a minute or so for each.
const MAKE_WITHIN: Duration = Duration::from_mins(10);

impl Prepared {
    /// Looks whether an endpoint will do; makes the streams that are missing, if that is asked.
    pub(super) fn make_streams(
        &self,
        target: usize,
        address: &FirehoseAddress,
        is_to_make: bool,
    ) -> Result<(), Refusal> {
        let TargetKind::Firehose(firehose) = &self.scenario.targets[target].kind else {
            return Ok(());
        };
        let wanted = destinations_of(&self.scenario, target);
        let set_up = async {
            let endpoint = Endpoint::find(address).await?;
            endpoint.set_up(&wanted, firehose.create.as_ref(), is_to_make).await
        };
        on_runtime_within((&self.stop, MAKE_WITHIN), async {
            set_up.await.map_err(|error| SetupError::Local(error.to_string()))
        })
        .map_err(|error| Refusal::setup(&error))
    }
}
