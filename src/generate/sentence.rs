//! Sentences of a length, written straight into the arena. Words come from the list of the crate
//! `fake`.

use fake::locales::Data;
use fake::locales::EN;

use crate::generate::key::Draw;

/// All of ASCII, so that bytes are characters.
const WORDS: &[&str] = EN::LOREM_WORD;

/// Words of a sentence, at least and at most.
const SENTENCE: (u32, u32) = (4, 14);

/// Appends a word of the list.
pub(super) fn word(draw: &mut Draw, out: &mut String) {
    out.push_str(pick(WORDS, draw));
}

/// One of a list.
pub(super) fn pick<'a>(list: &[&'a str], draw: &mut Draw) -> &'a str {
    let at = usize::try_from(draw.below(list.len() as u64)).unwrap_or(0);
    list.get(at).copied().unwrap_or("")
}

/// Sentences in the making.
struct Writer {
    /// Words until the full stop.
    rest: u32,
    is_first: bool,
}

impl Writer {
    /// Appends a word, with what belongs before it.
    fn push(&mut self, word: &str, draw: &mut Draw, out: &mut String) {
        if self.rest == 0 {
            let (least, most) = SENTENCE;
            let more = draw.below(u64::from(most - least) + 1);
            self.rest = least + u32::try_from(more).unwrap_or(0);
            out.push_str(if self.is_first { "" } else { ". " });
            let mut letters = word.chars();
            out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
            out.push_str(letters.as_str());
        } else {
            out.push(' ');
            out.push_str(word);
        }
        self.is_first = false;
        self.rest -= 1;
    }
}

/// Appends `count` words in sentences, or as many as fit into `limit` characters.
pub(super) fn words(count: u32, limit: usize, draw: &mut Draw, out: &mut String) {
    let start = out.len();
    let mut writer = Writer { rest: 0, is_first: true };
    for _ in 0..count {
        let word = pick(WORDS, draw);
        // A full stop and a blank before it, and a full stop behind it.
        if out.len() - start + word.len() + 3 > limit {
            break;
        }
        writer.push(word, draw, out);
    }
    if out.len() == start {
        characters(u32::try_from(limit).unwrap_or(u32::MAX).min(9), draw, out);
    } else {
        out.push('.');
    }
}

/// Appends sentences of exactly `count` characters; the last word may be cut.
pub(super) fn characters(count: u32, draw: &mut Draw, out: &mut String) {
    let start = out.len();
    let end = start + count as usize;
    let mut writer = Writer { rest: 0, is_first: true };
    while out.len() < end {
        writer.push(pick(WORDS, draw), draw, out);
    }
    if count < 2 {
        out.truncate(end);
        return;
    }
    out.truncate(end - 1);
    if out.ends_with([' ', '.']) {
        out.pop();
        out.push('s');
    }
    out.push('.');
}

#[cfg(test)]
mod tests {
    use super::WORDS;
    use super::characters;
    use super::words;
    use crate::generate::key::Draw;

    #[test]
    fn sentences_have_the_length_that_is_asked_for() {
        assert!(WORDS.iter().all(|word| word.is_ascii() && !word.is_empty()));
        for count in 1..300 {
            let mut draw = Draw::new(count.into());
            let mut text = "before".to_owned();
            words(count, usize::MAX, &mut draw, &mut text);
            let text = text.strip_prefix("before").unwrap();
            assert_eq!(text.split(' ').count(), count as usize, "{text}");
            assert!(text.ends_with('.') && text.starts_with(char::is_uppercase), "{text}");
            assert!(!text.contains("..") && !text.contains("  "), "{text}");
            let mut text = String::new();
            characters(count, &mut draw, &mut text);
            assert_eq!(text.len(), count as usize, "{text}");
            let mut text = String::new();
            words(1_000, count as usize, &mut draw, &mut text);
            assert!((1..=count as usize).contains(&text.len()), "{text}");
        }
    }
}
