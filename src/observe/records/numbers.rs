//! How often each record is there, by its number.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;

use crate::observe::records::whole;
use crate::observe::records::whole::ObjectRecord;

/// The numbers of records, and how often each is there.
pub(super) type Numbers = HashMap<u64, u32>;

/// Takes a record out, if it is there.
pub(super) fn take(numbers: &mut Numbers, found: &ObjectRecord<'_>) -> bool {
    // Mostly there is none, and then nobody asks for its number.
    if numbers.is_empty() {
        return false;
    }
    let Entry::Occupied(mut left) = numbers.entry(found.number()) else { return false };
    *left.get_mut() -= 1;
    if *left.get() == 0 {
        left.remove();
    }
    true
}

pub(super) fn sum(numbers: &Numbers) -> u64 {
    numbers.values().map(|count| u64::from(*count)).sum()
}

/// How often each record is in an object that can be read.
pub(super) fn counts(bytes: &[u8]) -> Numbers {
    let mut counts = Numbers::new();
    let read = whole::each(bytes, |found| {
        *counts.entry(found.number()).or_default() += 1;
        ControlFlow::Continue(())
    });
    drop(read);
    counts
}
