//! Places of which enough has been said.

use std::collections::BTreeMap;
use std::collections::HashSet;

use crate::diagnostic::Place;

/// Found without going through all of them: a file may have thousands.
#[derive(Debug, Default, Clone)]
pub(super) struct Silent {
    whole: HashSet<Place>,
    /// Ends by file and beginning. None lies in another, so who begins later ends later.
    inside: BTreeMap<(u16, u32), u32>,
}

impl Silent {
    /// Nothing more about this place as a whole.
    pub(super) fn whole(&mut self, place: Place) {
        self.whole.insert(place);
    }

    /// Nothing more about anything in this place.
    pub(super) fn inside(&mut self, place: Place) {
        if self.is_inside(place) {
            return;
        }
        let behind = self.inside.range((place.file, place.start)..=(place.file, u32::MAX));
        let within = behind.take_while(|(_, end)| **end <= place.end);
        for key in within.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.inside.remove(&key);
        }
        self.inside.insert((place.file, place.start), place.end);
    }

    /// Whether nothing more is to be said of it.
    pub(super) fn covers(&self, place: Place) -> bool {
        self.whole.contains(&place) || self.is_inside(place)
    }

    fn is_inside(&self, place: Place) -> bool {
        let mut before = self.inside.range((place.file, 0)..=(place.file, place.start));
        before.next_back().is_some_and(|(_, end)| place.end <= *end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Place;
    use super::Silent;

    proptest! {
        /// As if all of them were looked at.
        #[test]
        fn a_place_is_covered_by_what_it_lies_in(
            told in proptest::collection::vec((0_u16..2, 0_u32..20, 0_u32..20, any::<bool>()), 0..20),
            asked in (0_u16..2, 0_u32..20, 0_u32..20),
        ) {
            let place = |file, one: u32, other: u32| {
                Place { file, start: one.min(other), end: one.max(other) }
            };
            let asked = place(asked.0, asked.1, asked.2);
            let mut silent = Silent::default();
            let mut is_covered = false;
            for (file, one, other, is_whole) in told {
                let told = place(file, one, other);
                if is_whole {
                    silent.whole(told);
                    is_covered |= told == asked;
                } else {
                    silent.inside(told);
                    is_covered |= told.file == asked.file
                        && told.start <= asked.start
                        && asked.end <= told.end;
                }
            }
            prop_assert_eq!(silent.covers(asked), is_covered);
        }
    }
}
