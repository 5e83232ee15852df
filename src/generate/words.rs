//! Words and names from the lists of the crate `fake`. Its version is pinned in Cargo.toml, because
//! the lists decide what a seed yields.

use fake::Fake;
use fake::faker::lorem::raw::Word;
use fake::faker::name::raw::FirstName;
use fake::faker::name::raw::LastName;
use fake::locales::EN;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::schema::NamePart;

/// Draws from the lists, repeatably for a key.
#[derive(Debug)]
pub(super) struct Words {
    rng: Xoshiro256PlusPlus,
}

impl Words {
    /// The sequence of this key.
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
    pub(super) fn name(&mut self, part: NamePart, out: &mut String) {
        if part != NamePart::Last {
            let first: &str = FirstName(EN).fake_with_rng(&mut self.rng);
            out.push_str(first);
        }
        if part == NamePart::Full {
            out.push(' ');
        }
        if part != NamePart::First {
            let last: &str = LastName(EN).fake_with_rng(&mut self.rng);
            out.push_str(last);
        }
    }
}
