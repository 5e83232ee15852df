//! Sentences with parts that differ each time: `We were {2..9}, and {name} was {kind|quick}.`

use std::ops::Range;

use crate::diagnostic::nearest;

/// Most that a number in a sentence may be.
const NUMBER_MAX: u32 = 1_000_000;

/// Characters of the longest first name, with room.
const NAME_LENGTH: usize = 16;

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Always the same.
    Text(&'a str),
    /// One of these, each as likely.
    OneOf(Vec<&'a str>),
    /// A whole number, at least and at most.
    Number(u32, u32),
    /// Somebody's first name.
    Name,
}

/// What is wrong with a sentence: where, in bytes, and what.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
}

impl Piece<'_> {
    /// How many characters it may have.
    pub(crate) fn longest(&self) -> usize {
        match self {
            Self::Text(text) => text.chars().count(),
            Self::OneOf(choices) => {
                choices.iter().map(|choice| choice.chars().count()).max().unwrap_or(0)
            }
            Self::Number(_, max) => max.to_string().len(),
            Self::Name => NAME_LENGTH,
        }
    }
}

/// The pieces of a sentence. What stands in braces is `a|b`, `2..9` or `name`; a brace is written twice
/// to mean itself.
pub(crate) fn pieces(sentence: &str) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(found) = sentence[at..].find(['{', '}']) {
        let brace = at + found;
        if sentence[brace + 1..].starts_with(&sentence[brace..=brace]) {
            pieces.push(Piece::Text(&sentence[at..=brace]));
            at = brace + 2;
            continue;
        }
        if found > 0 {
            pieces.push(Piece::Text(&sentence[at..brace]));
        }
        let end = sentence[brace + 1..].find(['{', '}']).map(|end| brace + 1 + end);
        let end = end
            .filter(|end| sentence[brace..].starts_with('{') && sentence[*end..].starts_with('}'));
        let Some(end) = end else {
            let message =
                "a brace has no partner; one that means itself is written twice".to_owned();
            return Err(Fault { range: brace..brace + 1, message });
        };
        let inner = &sentence[brace + 1..end];
        pieces.push(part(inner).map_err(|message| Fault { range: brace..end + 1, message })?);
        at = end + 1;
    }
    if at < sentence.len() {
        pieces.push(Piece::Text(&sentence[at..]));
    }
    Ok(pieces)
}

/// What stands in braces, or what is wrong with it.
fn part(text: &str) -> Result<Piece<'_>, String> {
    if text.contains('|') {
        let choices: Vec<&str> = text.split('|').collect();
        if choices.iter().any(|choice| choice.trim().is_empty()) {
            return Err(format!("one of the choices of `{{{text}}}` is empty"));
        }
        return Ok(Piece::OneOf(choices));
    }
    if let Some((min, max)) = text.split_once("..") {
        return match (min.parse::<u32>(), max.parse::<u32>()) {
            (Ok(min), Ok(max)) if min <= max && max <= NUMBER_MAX => Ok(Piece::Number(min, max)),
            _ => Err(format!("`{{{text}}}` is no range of whole numbers up to {NUMBER_MAX}")),
        };
    }
    if text == "name" {
        return Ok(Piece::Name);
    }
    let help = nearest(text, std::iter::once("name"));
    let help = help.map_or(String::new(), |name| format!("; did you mean `{{{name}}}`?"));
    Err(format!("`{{{text}}}` is none of `{{this|that}}`, `{{2..9}}` and `{{name}}`{help}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_falls_into_its_pieces() {
        let found = pieces("{name} paid {8..240} for {two|three} {{sic}}.").unwrap();
        let expected = [
            Piece::Name,
            Piece::Text(" paid "),
            Piece::Number(8, 240),
            Piece::Text(" for "),
            Piece::OneOf(vec!["two", "three"]),
            Piece::Text(" {"),
            Piece::Text("sic}"),
            Piece::Text("."),
        ];
        assert_eq!(found, expected);
        assert_eq!(found.iter().map(Piece::longest).max(), Some(NAME_LENGTH));
        assert_eq!(pieces("Plain.").unwrap(), [Piece::Text("Plain.")]);
    }

    #[test]
    fn a_fault_has_its_place() {
        for (sentence, place) in [
            ("So {a|}.", 3..7),
            ("So {9..2}.", 3..9),
            ("So {nmae}.", 3..9),
            ("So {it was.", 3..4),
            ("So } it was.", 3..4),
            ("{a|{name}}", 0..1),
        ] {
            assert_eq!(pieces(sentence).unwrap_err().range, place, "{sentence}");
        }
    }
}
