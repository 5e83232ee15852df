//! The rows of one lane, while its decisions are gone through again: what each has become, or may have.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;

use smallvec::SmallVec;
use smallvec::smallvec;

use crate::action::TableId;
use crate::replay::digest::Identity;

/// Of a row that may be one of more than so many, nothing is said.
const STATES_MAX: usize = 16;

/// What a row is: its cells, or nothing where there is none.
pub(super) type State = Option<Box<[u8]>>;

/// A row: almost always known, so that there is one state.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) table: TableId,
    /// All that it may be; empty if that is too many.
    pub(super) states: SmallVec<[State; 1]>,
}

/// Rows by what tells them apart, which is a hash already.
pub(super) type ByIdentity<T> = HashMap<Identity, T, BuildHasherDefault<Same>>;

/// Takes the lower half of an identity as it is.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, identity: u128) {
        self.0 = u64::try_from(identity & u128::from(u64::MAX)).unwrap_or(0);
    }
}

/// Rows of a lane.
#[derive(Debug, Default)]
pub(super) struct LaneRows {
    all: ByIdentity<Row>,
}

impl LaneRows {
    /// A row that is there from the beginning.
    pub(super) fn seed(&mut self, table: TableId, identity: Identity, row: Box<[u8]>) {
        self.all.insert(identity, Row { table, states: smallvec![Some(row)] });
    }

    /// A change of a row; `is_certain` if it was made, else it may have been. `change` says what becomes of
    /// a state.
    pub(super) fn change(
        &mut self,
        (table, identity): (TableId, Identity),
        is_certain: bool,
        mut change: impl FnMut(Option<&[u8]>) -> State,
    ) {
        let Some(row) = self.all.get_mut(&identity) else {
            let made = change(None);
            if made.is_some() {
                let states = if is_certain { smallvec![made] } else { smallvec![None, made] };
                self.all.insert(identity, Row { table, states });
            }
            return;
        };
        if let ([state], true) = (row.states.as_mut_slice(), is_certain) {
            match change(state.as_deref()) {
                None => {
                    self.all.remove(&identity);
                }
                made => *state = made,
            }
            return;
        }
        let before = std::mem::take(&mut row.states);
        let mut after: SmallVec<[State; 1]> = SmallVec::new();
        let made: Vec<State> = before.iter().map(|state| change(state.as_deref())).collect();
        let kept = before.into_iter().filter(|_| !is_certain);
        for state in kept.chain(made) {
            if !after.contains(&state) {
                after.push(state);
            }
        }
        if after.len() > STATES_MAX {
            after.clear();
        }
        row.states = after;
        if row.states.as_slice() == [None] {
            self.all.remove(&identity);
        }
    }

    /// The cells of a row, if it is there and they are known.
    pub(super) fn known(&self, identity: Identity) -> Option<&[u8]> {
        match self.all.get(&identity)?.states.as_slice() {
            [Some(known)] => Some(known),
            _ => None,
        }
    }

    /// All rows that there are, or may be.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Identity, Row)> + '_ {
        self.all.drain()
    }

    /// Of a table without a key: an identity that no row has yet, for one that looks like others.
    pub(super) fn free(&self, identity: Identity) -> Identity {
        let mut free = identity;
        while self.all.contains_key(&free) {
            free = free.wrapping_add(1);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Box<[u8]> {
        text.as_bytes().into()
    }

    fn states(rows: &mut LaneRows) -> Vec<Vec<State>> {
        rows.drain().map(|(_, row)| row.states.to_vec()).collect()
    }

    #[test]
    fn what_is_certain_leaves_one_state_and_what_may_be_leaves_both() {
        let place = (TableId(0), 7);
        let append = |more: &'static str| {
            move |old: Option<&[u8]>| {
                let old = old?;
                Some([old, more.as_bytes()].concat().into())
            }
        };
        let mut rows = LaneRows::default();
        rows.change(place, true, |_| Some(cells("a")));
        rows.change(place, true, append("b"));
        rows.change(place, false, append("c"));
        rows.change(place, true, append("d"));
        assert_eq!(states(&mut rows), [[Some(cells("abd")), Some(cells("abcd"))]]);
        rows.change(place, false, |_| Some(cells("a")));
        rows.change(place, false, |_| None);
        assert_eq!(states(&mut rows), [[None, Some(cells("a"))]]);
        rows.change(place, true, |_| Some(cells("a")));
        rows.change(place, true, |_| None);
        assert!(states(&mut rows).is_empty());
        rows.change(place, true, append("x"));
        assert!(states(&mut rows).is_empty(), "what is not there is not changed");
        rows.change(place, true, |_| Some(cells("a")));
        for _ in 0..=STATES_MAX {
            rows.change(place, false, append("x"));
        }
        assert_eq!(states(&mut rows), [Vec::<State>::new()], "too many to tell");
    }

    #[test]
    fn rows_without_a_key_that_look_alike_are_several() {
        let mut rows = LaneRows::default();
        for _ in 0..3 {
            let identity = rows.free(9);
            rows.seed(TableId(0), identity, b"a".as_slice().into());
        }
        assert_eq!(rows.drain().count(), 3);
    }
}
