//! Texts of given sentences: pieces of one long text that is written once, so that a text of any
//! length is a copy. What differs in a sentence each time differs there.

use crate::generate::key::Draw;
use crate::generate::sentence::pick;
use crate::generate::words::FIRST;
use crate::schema::phrase::Piece;
use crate::schema::phrase::pieces;

/// Bytes of the long text, at least, unless all sentences are shorter still when said this often.
const BYTES_MIN: usize = 128 * 1024;
const ROUNDS_MAX: usize = 4_096;

/// Of so many sentences one ends a paragraph.
const PARAGRAPH: u64 = 7;

/// The sentences, each many times, in random order.
#[derive(Debug)]
pub(super) struct Bank {
    text: String,
    /// Where each sentence begins and ends, and how many words stand before its end.
    sentences: Vec<Sentence>,
}

#[derive(Debug, Clone, Copy)]
struct Sentence {
    start: usize,
    end: usize,
    words: u64,
}

impl Bank {
    /// Weights say how often a sentence comes. There is at least one.
    pub(super) fn new(entries: &[(Box<str>, f64)]) -> Self {
        let total: f64 = entries.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let shares: Vec<f64> = entries
            .iter()
            .map(|(_, weight)| {
                sum += weight;
                sum / total
            })
            .collect();
        let mut bank = Self { text: String::new(), sentences: Vec::new() };
        // Always the same order: what a text says follows from its own draw.
        let mut draw = Draw::new(0);
        // `check` has read them.
        let phrases = entries.iter().map(|(phrase, _)| pieces(phrase).unwrap_or_default());
        let phrases: Vec<Vec<Piece<'_>>> = phrases.collect();
        let (mut words, mut last) = (0, usize::MAX);
        while bank.text.len() < BYTES_MIN && bank.sentences.len() < ROUNDS_MAX {
            let unit = draw.unit();
            let mut at = shares.partition_point(|share| *share <= unit);
            // Nobody says the same thing twice in a row.
            at = if at == last { at + 1 } else { at } % entries.len().max(1);
            last = at;
            let Some(phrase) = phrases.get(at) else { break };
            if let Some(before) = bank.sentences.last() {
                debug_assert_eq!(before.end, bank.text.len());
                let is_paragraph = draw.below(PARAGRAPH) == 0;
                bank.text.push_str(if is_paragraph { "\n\n" } else { " " });
            }
            let start = bank.text.len();
            for piece in phrase {
                say(piece, &mut draw, &mut bank.text);
            }
            words += bank.text[start..].split_whitespace().count() as u64;
            bank.sentences.push(Sentence { start, end: bank.text.len(), words });
        }
        bank
    }

    /// Appends some `count` words in whole sentences, at least one and as many as fit into `limit`
    /// bytes.
    pub(super) fn write(&self, count: u32, limit: usize, draw: &mut Draw, out: &mut String) {
        let begin = out.len();
        let mut rest = u64::from(count);
        let mut first = usize::try_from(draw.below(self.sentences.len() as u64)).unwrap_or(0);
        while let Some(from) = self.sentences.get(first) {
            let before = first.checked_sub(1).map_or(0, |at| self.sentences[at].words);
            let wanted = before + rest;
            let behind = &self.sentences[first..];
            // The sentence within which the last word lies, or the one before it if that is nearer.
            let mut last = behind.partition_point(|it| it.words < wanted).min(behind.len() - 1);
            if last > 0 && behind[last].words > wanted {
                let (over, under) = (behind[last].words - wanted, wanted - behind[last - 1].words);
                last -= usize::from(under < over);
            }
            let room = limit.saturating_sub(out.len() - begin + 1);
            while last > 0 && behind[last].end - from.start > room {
                last -= 1;
            }
            let is_full = behind[last].end - from.start > room;
            if is_full && out.len() > begin {
                break;
            }
            out.push_str(if out.len() > begin { " " } else { "" });
            out.push_str(&self.text[from.start..behind[last].end]);
            rest = wanted.saturating_sub(behind[last].words);
            // At the end of the long text it goes on at its beginning.
            if is_full || rest == 0 || last + 1 < behind.len() {
                break;
            }
            first = 0;
        }
    }
}

/// Appends a piece of a sentence.
fn say(piece: &Piece<'_>, draw: &mut Draw, out: &mut String) {
    match piece {
        Piece::Text(text) => out.push_str(text),
        Piece::OneOf(choices) => out.push_str(pick(choices, draw)),
        Piece::Number(min, max) => {
            let number = u64::from(*min) + draw.below(u64::from(max - min) + 1);
            out.push_str(&number.to_string());
        }
        Piece::Name => out.push_str(pick(FIRST, draw)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bank() -> Bank {
        let lines =
            ["One two three.", "Alpha beta gamma delta epsilon.", "No.", "So it was, then?"];
        Bank::new(&lines.map(|line| (line.into(), 1.0)))
    }

    #[test]
    fn texts_are_whole_sentences_of_about_the_length() {
        let bank = bank();
        for count in (1..2_000).chain((2_000..60_000).step_by(997)) {
            let mut text = "before".to_owned();
            bank.write(count, usize::MAX, &mut Draw::new(count.into()), &mut text);
            let text = text.strip_prefix("before").unwrap();
            assert!(text.starts_with(char::is_uppercase) && text.ends_with(['.', '?']), "{text}");
            let words = text.split_whitespace().count();
            assert!(words.abs_diff(count as usize) <= 5, "{words} for {count}");
            assert!(!text.contains("  "), "{text}");
        }
    }

    #[test]
    fn what_differs_in_a_sentence_differs() {
        let lines = [("{name} met {2..4} {cats|dogs}.", 1.0)];
        let bank = Bank::new(&lines.map(|(line, weight)| (line.into(), weight)));
        let mut text = String::new();
        bank.write(4_000, usize::MAX, &mut Draw::new(1), &mut text);
        let said: std::collections::BTreeSet<&str> =
            text.split(['.', '\n']).map(str::trim).collect();
        assert!(said.len() > 300, "{said:?}");
        for word in ["met 2 cats", "met 2 dogs", "met 3 cats", "met 3 dogs", "met 4 cats"] {
            assert!(said.iter().any(|sentence| sentence.ends_with(word)), "{word}");
        }
    }

    #[test]
    fn texts_keep_to_their_room() {
        let bank = bank();
        for limit in 40..300 {
            let mut text = String::new();
            bank.write(1_000, limit, &mut Draw::new(limit as u64), &mut text);
            assert!(text.len() <= limit && text.ends_with(['.', '?']), "{limit}: {text}");
        }
    }
}
