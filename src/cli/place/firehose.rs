//! The Firehose endpoints of a scenario, and stand-ins for them.

use std::path::Path;
use std::path::PathBuf;

use crate::cli::Refusal;
use crate::cli::place::Place;
use crate::embedded::firehose::Firehose;
use crate::embedded::firehose::Options;
use crate::measure::Feed;
use crate::report::RunFolder;
use crate::scenario::FirehoseEndpoint;
use crate::scenario::FirehoseTarget;
use crate::sink::firehose::setup::FirehoseAddress;

impl Place {
    /// Finds an endpoint, or starts a stand-in with these streams.
    pub(super) fn open_firehose(
        &mut self,
        (number, target): (usize, &FirehoseTarget),
        streams: Vec<String>,
        (folder, feed): (&RunFolder, &Feed),
    ) -> Result<(), Refusal> {
        let mut address = address(target);
        if let FirehoseEndpoint::Embedded(stand_in) = &target.endpoint {
            let ours = || folder.objects(self.stand_ins.len());
            let folder = stand_in.folder.clone().unwrap_or_else(ours);
            let options = Options {
                port: 0,
                folder,
                quota: stand_in.takes.into(),
                faults: stand_in.faults,
                // Those of `create` are made by it.
                streams: if target.create.is_none() { streams } else { Vec::new() },
            };
            let firehose = Firehose::start(options).map_err(|error| Refusal::setup(&error))?;
            address.url = Some(firehose.url());
            feed.message(format!(
                "the Firehose stand-in delivers into `{}`",
                firehose.folder().display()
            ));
            self.delivered.insert(number, firehose.folder().to_owned());
            self.stand_ins.push(firehose);
        }
        self.endpoints.insert(number, address);
        Ok(())
    }

    /// A target's Firehose endpoint.
    pub(in crate::cli) fn endpoint(&self, target: usize) -> Option<&FirehoseAddress> {
        self.endpoints.get(&target)
    }

    /// Where the stand-in of a target delivers.
    pub(in crate::cli) fn delivered(&self, target: usize) -> Option<&Path> {
        self.delivered.get(&target).map(PathBuf::as_path)
    }

    /// Remembers the endpoint of a target, unless it ends with the run.
    pub(super) fn find_firehose(&mut self, number: usize, target: &FirehoseTarget) {
        if !matches!(target.endpoint, FirehoseEndpoint::Embedded(_)) {
            self.endpoints.insert(number, address(target));
        }
    }
}

fn address(target: &FirehoseTarget) -> FirehoseAddress {
    let is_embedded = matches!(target.endpoint, FirehoseEndpoint::Embedded(_));
    let (url, is_local) = match &target.endpoint {
        FirehoseEndpoint::At(url, is_local) => (Some(url.clone()), *is_local),
        FirehoseEndpoint::Aws => (None, false),
        FirehoseEndpoint::Embedded(_) => (None, true),
    };
    let (region, timeout) = (target.region.clone(), target.timeout);
    FirehoseAddress { url, region, is_local, is_embedded, timeout }
}
