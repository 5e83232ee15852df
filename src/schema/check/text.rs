//! `text`: how long it is, and of what it is made.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::Drawn;
use crate::schema::Lines;
use crate::schema::Shape;
use crate::schema::Size;
use crate::schema::TextUnit;
use crate::schema::check::distribution::Measure;
use crate::schema::check::distribution::several;
use crate::schema::check::draw::Spot;
use crate::schema::check::draw::wants;
use crate::schema::file::TextFile;

/// Most words of a text.
const WORDS_MAX: u32 = 10_000;

/// Most characters of a text.
const CHARACTERS_MAX: u32 = 1_000_000;

pub(super) fn sentences(spot: Spot, file: &TextFile, problems: &mut Problems) -> Option<Drawn> {
    wants(spot, spot.kind.is_text(), "`text` makes text", problems)?;
    let (unit, size, limit) = match (&file.words, &file.characters) {
        (Some(words), None) => (TextUnit::Words, words, WORDS_MAX),
        (None, Some(characters)) => (TextUnit::Characters, characters, CHARACTERS_MAX),
        (Some(_), Some(characters)) => {
            let message = "`words` and `characters` cannot stand together";
            problems.add(Problem::new(message).at(characters.place).help("keep one of them"));
            return None;
        }
        (None, None) => {
            let problem = Problem::new("how long is the text?").at(spot.place);
            problems.add(problem.help("write `text: { words: [5, 20] }`, or `characters`"));
            return None;
        }
    };
    let meant = several(size, Measure::Count(limit), problems)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size is 1 to a million"
    )]
    let size = match meant.shape {
        Shape::Even => Size::Between(meant.min as u32, meant.max as u32),
        _ => Size::Distributed(meant),
    };
    let from = match &file.from {
        Some(from) if unit == TextUnit::Characters => {
            let message = "`from` stands beside `words`";
            problems.add(Problem::new(message).at(from.place).help("count words instead"));
            return None;
        }
        // The lines themselves are read when the whole schema is known: see `check/lines.rs`.
        from => from.as_ref().map(|from| Lines {
            file: from.value.clone(),
            place: from.place,
            entries: [].into(),
        }),
    };
    Some(Drawn::Sentences { unit, size, from })
}
