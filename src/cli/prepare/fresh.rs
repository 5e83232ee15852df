//! What is in the way of dropping what is there, looked for before anything is touched: connectors go first.

use crate::cli::Refusal;
use crate::cli::connector;
use crate::cli::place::connector as connector_to;
use crate::cli::prepare::NOTE_WITHIN;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_until;
use crate::sink::postgres::provision::Provisioner;

impl Prepared {
    /// Refuses to drop what is there while something of others is in the way, on any server.
    pub(super) fn look_before_fresh(&mut self, is_wanted: bool) -> Result<(), Refusal> {
        if !is_wanted {
            return Ok(());
        }
        let url = self.scenario.cdc.connect.url.as_deref();
        self.slots = connector::own_slots(&self.scenario, &self.place, url);
        for target in 0..self.scenario.targets.len() {
            let Some(address) = self.place.address(target).cloned() else { continue };
            let connect = connector_to(address, self.application_name());
            let control = self.control(&connect);
            let Some(provisioner) = Provisioner::new(&self.scenario, target, control) else {
                continue;
            };
            let provisioner = provisioner.with_slots(self.slots.clone());
            let looked = provisioner.look_before_clean();
            on_runtime_until((self.stop.any_signal(), NOTE_WITHIN), looked)
                .map_err(|error| Refusal::setup(&error))?;
        }
        Ok(())
    }
}
