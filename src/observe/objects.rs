//! Objects that others write to a bucket or a folder: a thread looks again and again which there are, reads those
//! that are new, and tells what is in them.
//!
//! ```text
//!   store: list ──> look ──> lines ──> contents: events, records of changes ──> reader
//! ```

pub(super) mod kept;
pub(super) mod lines;
mod look;
pub(super) mod looks;
pub(super) mod store;

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::measure::Clock;
use crate::observe::objects::look::Work;
use crate::observe::objects::store::Listed;
use crate::observe::reading::Asked;
use crate::observe::reading::Reading;
use crate::observe::reading::Tell;
use crate::observe::reading::Weighs;
use crate::scenario::LakeSite;
use crate::sink::postgres::provision::SetupError;

/// Nobody listens any more.
#[derive(Debug)]
pub(super) struct Gone;

/// What the thread tells.
#[derive(Debug)]
pub(super) enum FromObjects<T, E> {
    /// Something of an object.
    Of(T),
    /// A look that began at a moment has ended: all that was there then was read, or could not be, for a reason.
    Looked { trouble: Option<String>, begun: Instant, took: Duration },
    /// All that was there when it was asked to end was told: what is to be known of it.
    Ended(E),
}

impl<T: Weighs, E> Weighs for FromObjects<T, E> {
    fn bytes(&self) -> usize {
        match self {
            Self::Of(of) => of.bytes(),
            Self::Looked { .. } | Self::Ended(_) => 0,
        }
    }
}

/// Where what is in objects is told.
pub(super) type Teller<C> =
    Tell<FromObjects<<C as ObjectContents>::Told, <C as ObjectContents>::End>>;

/// An object that is there.
#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: Vec<u8>,
    /// It came some time between two looks.
    pub(super) between: (u64, u64),
}

/// What objects hold, and what is made of it.
pub(super) trait ObjectContents: Send + 'static {
    /// What is told of what is in them.
    type Told: Weighs + Send + 'static;
    /// What is to be known at the end.
    type End: Send + 'static;

    /// Whether an object is read again once it is another one than it was.
    const READS_AGAIN: bool;

    /// Whether an object is one of those that are observed.
    fn is_meant(&self, name: &str) -> bool;

    /// These were there before, and are not read.
    fn were_there(&mut self, _names: &[String]) {}

    /// A look has begun: these are new, or others than they were, and are read in the order into which they are brought.
    fn begin(&mut self, _new: &mut Vec<String>) {}

    /// Whether an object has to wait for another one that could not be read.
    fn waits(&self, _name: &str) -> bool {
        false
    }

    /// An object could not be read: it is tried again at the next look, as it may be written just now.
    fn failed(&mut self, _name: &str) {}

    /// Reads an object, and tells what is in it once it is known that it can be read to its end; else says why not.
    fn read(&mut self, object: Object<'_>, tell: &Teller<Self>) -> Result<Result<(), String>, Gone>
    where
        Self: Sized;

    /// All that is there was read, and no more is asked for.
    fn end(&mut self, there: &Listed, tell: &Teller<Self>) -> Result<Self::End, Gone>
    where
        Self: Sized;
}

/// Begins to look on a thread of its own: all objects that are new from now on are told of.
pub(super) async fn start<C: ObjectContents>(
    (surface, site, every): (&str, &LakeSite, Duration),
    contents: C,
    clock: Clock,
) -> Result<Reading<FromObjects<C::Told, C::End>>, SetupError> {
    let site = site.clone();
    let begin =
        move |asked: &Arc<Asked>| Work::begin(&site, (contents, every), (clock, Arc::clone(asked)));
    let reading = Reading::begun("object observer", begin, |mut work, tell| work.work(tell)).await;
    reading.map_err(|why| {
        SetupError::Local(format!("the observer `{surface}` cannot look for objects: {why}"))
    })
}
