//! Words and names from the lists of the crate `fake`. Its version is pinned in Cargo.toml, because
//! the lists decide what a seed yields.

use fake::Fake;
use fake::faker::lorem::raw::Word;
use fake::locales::Data;
use fake::locales::EN;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::action::Action;
use crate::action::Value;
use crate::generate::column::cut;
use crate::generate::key::Draw;
use crate::schema::ColumnType;
use crate::schema::NamePart;

/// First names.
pub(super) const FIRST: &[&str] = EN::NAME_FIRST_NAME;
const LAST: &[&str] = EN::NAME_LAST_NAME;

static FIRST_NAMES: [Name; FIRST.len()] = names(FIRST);
static LAST_NAMES: [Name; LAST.len()] = names(LAST);

/// Bytes of the longest name.
const NAME_MAX: usize = 15;

/// A name of a list, all of one width: a copy of a known width needs no loop and takes no branch.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
pub(super) struct Name {
    letters: [u8; NAME_MAX],
    length: u8,
}

impl Name {
    /// Appends it.
    #[inline]
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        let end = out.len() + usize::from(self.length);
        out.extend_from_slice(&self.letters);
        out.truncate(end);
    }
}

/// A list of names in one width.
const fn names<const COUNT: usize>(list: &[&str]) -> [Name; COUNT] {
    let mut names = [Name { letters: [0; NAME_MAX], length: 0 }; COUNT];
    let mut number = 0;
    while number < COUNT {
        let name = list[number].as_bytes();
        let mut at = 0;
        while at < name.len() {
            names[number].letters[at] = name[at];
            names[number].length += 1;
            at += 1;
        }
        number += 1;
    }
    names
}

/// Draws from the lists, repeatably for a key.
#[derive(Debug)]
pub(super) struct Words {
    rng: Xoshiro256PlusPlus,
}

impl Words {
    /// The sequence of this key.
    #[inline]
    pub(super) fn new(key: u64) -> Self {
        Self { rng: Xoshiro256PlusPlus::seed_from_u64(key) }
    }

    /// Appends `count` words with blanks between them.
    pub(super) fn words(&mut self, count: u32, out: &mut String) {
        for number in 0..count {
            if number > 0 {
                out.push(' ');
            }
            let word: &str = Word(EN).fake_with_rng(&mut self.rng);
            out.push_str(word);
        }
    }

    /// Appends a name.
    #[inline]
    pub(super) fn name(&mut self, part: NamePart, out: &mut Vec<u8>) {
        if part != NamePart::Last {
            FIRST_NAMES[self.rng.random_range(..FIRST.len())].append(out);
        }
        if part == NamePart::Full {
            out.push(b' ');
        }
        if part != NamePart::First {
            LAST_NAMES[self.rng.random_range(..LAST.len())].append(out);
        }
    }
}

/// So many words, as many of their characters as the column holds.
pub(super) fn text(
    kind: ColumnType,
    (min, max): (u32, u32),
    key: u64,
    action: &mut Action,
) -> Value {
    let start = action.arena().len();
    let more = Draw::new(!key).below(u64::from(max - min) + 1);
    let count = min + u32::try_from(more).unwrap_or(0);
    Words::new(key).words(count, action.arena());
    cut(kind, start, action);
    action.text_from(start)
}
