//! Patterns of text: `[A-Z]{3}-\d{4}`. A small part of what regular expressions can say, and
//! nothing that has no end.

use std::ops::Range;

/// Longest pattern, in bytes.
const LENGTH_MAX: usize = 1_000;

/// Most repetitions of a piece.
const REPEAT_MAX: u32 = 1_000;

/// A pattern: pieces, one behind the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// At most as many as the pattern has bytes.
    pub pieces: Vec<Piece>,
}

/// A piece of a pattern, so often repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The characters or texts from which each repetition takes one. Not empty.
    pub choices: Vec<String>,
    /// At least so often.
    pub min: u32,
    /// At most so often.
    pub max: u32,
}

/// What is wrong with a pattern, and where in its text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) range: Range<usize>,
}

impl Pattern {
    /// Most characters of its texts.
    pub(crate) fn length_max(&self) -> usize {
        let longest = |piece: &Piece| {
            piece.choices.iter().map(|choice| choice.chars().count()).max().unwrap_or(0)
        };
        self.pieces.iter().map(|piece| longest(piece) * piece.max as usize).sum()
    }

    /// Whether each of its texts comes about in one way only, so that counting its ways counts its
    /// texts: every piece has one length.
    pub(crate) fn is_plain(&self) -> bool {
        self.pieces.iter().all(|piece| {
            let length = piece.choices[0].chars().count();
            piece.min == piece.max
                && piece.choices.iter().all(|choice| choice.chars().count() == length)
        })
    }

    /// How many texts a plain pattern has, or 2^63 if there are more.
    pub(crate) fn count(&self) -> u64 {
        let mut count: u64 = 1;
        for piece in &self.pieces {
            for _ in 0..piece.max {
                count = count.saturating_mul(piece.choices.len() as u64).min(1 << 63);
            }
        }
        count
    }

    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        if text.is_empty() || text.len() > LENGTH_MAX {
            let message = format!("a pattern has 1 to {LENGTH_MAX} bytes");
            return Err(Fault { message, range: 0..text.len().min(1) });
        }
        let mut reader = Reader { text, at: 0 };
        let mut pieces = Vec::new();
        while reader.at < text.len() {
            let choices = reader.choices()?;
            let (min, max) = reader.repeat()?;
            pieces.push(Piece { choices, min, max });
        }
        Ok(Self { pieces })
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn fault<T>(&self, message: &str, from: usize) -> Result<T, Fault> {
        let end = self.at.max(from + 1).min(self.text.len());
        Err(Fault { message: message.to_owned(), range: from.min(end)..end })
    }

    /// The choices of the next piece.
    fn choices(&mut self) -> Result<Vec<String>, Fault> {
        let from = self.at;
        match self.next() {
            Some('[') => self.class(from),
            Some('(') => self.group(from),
            Some('\\') => self.escaped(from),
            Some(')') => self.fault("this `)` closes nothing", from),
            Some(']') => self.fault("this `]` closes nothing: write `\\]`", from),
            Some('.') => self.fault("say which characters: `[a-z]`; for a point write `\\.`", from),
            Some('|') => self.fault("alternatives stand in parentheses: `(a|b)`", from),
            Some('^' | '$') => self.fault("the pattern is the whole text: leave this away", from),
            Some('{' | '}' | '?' | '*' | '+') => self.fault(
                "there is nothing before this to repeat; as a character, put `\\` before it",
                from,
            ),
            Some(plain) => Ok(vec![plain.to_string()]),
            None => self.fault("the pattern ends here", from),
        }
    }

    /// `\d`, `\w`, or a character that would mean something else.
    fn escaped(&mut self, from: usize) -> Result<Vec<String>, Fault> {
        match self.next() {
            Some('d') => Ok(('0'..='9').map(String::from).collect()),
            Some('w') => Ok(word_characters().map(String::from).collect()),
            Some('s') => Ok(vec![" ".to_owned()]),
            Some(letter) if letter.is_ascii_alphanumeric() => {
                self.fault("there are `\\d`, `\\w` and `\\s`", from)
            }
            Some(other) => Ok(vec![other.to_string()]),
            None => self.fault("a character is missing behind `\\`", from),
        }
    }

    /// `[A-Z_]`, behind the `[`.
    fn class(&mut self, from: usize) -> Result<Vec<String>, Fault> {
        let mut found: Vec<String> = Vec::new();
        if self.peek() == Some('^') {
            return self.fault("say which characters it is, not which it is not", from);
        }
        loop {
            let at = self.at;
            let choices = match self.next() {
                None => return self.fault("this `[` is not closed", from),
                Some(']') if found.is_empty() => {
                    return self.fault("there is nothing between `[` and `]`", from);
                }
                Some(']') => return Ok(found),
                Some('\\') => self.escaped(at)?,
                Some(first) => self.range(first, at)?,
            };
            for choice in choices {
                if !found.contains(&choice) {
                    found.push(choice);
                }
            }
        }
    }

    /// `A-Z`, behind the `A`; or `A` alone.
    fn range(&mut self, first: char, from: usize) -> Result<Vec<String>, Fault> {
        let mut behind = self.text[self.at..].chars();
        let (Some('-'), Some(last)) = (behind.next(), behind.next()) else {
            return Ok(vec![first.to_string()]);
        };
        if last == ']' {
            return Ok(vec![first.to_string()]);
        }
        self.at += 1 + last.len_utf8();
        if last < first {
            return self.fault("the range ends before it begins", from);
        }
        if u32::from(last) - u32::from(first) > 1_000 {
            return self.fault("the range has more than 1000 characters", from);
        }
        Ok((first..=last).filter(|character| *character != '\0').map(String::from).collect())
    }

    /// `(red|green)`, behind the `(`: plain texts.
    fn group(&mut self, from: usize) -> Result<Vec<String>, Fault> {
        let mut found = vec![String::new()];
        loop {
            let at = self.at;
            match self.next() {
                None => return self.fault("this `(` is not closed", from),
                Some(')') => break,
                Some('|') => found.push(String::new()),
                Some('\\') => {
                    let mut choices = self.escaped(at)?;
                    if let (Some(choice), 1, Some(last)) =
                        (choices.pop(), choices.len() + 1, found.last_mut())
                    {
                        last.push_str(&choice);
                    } else {
                        return self.fault("alternatives are plain texts", at);
                    }
                }
                Some('[' | '(' | '{' | '?' | '*' | '+') => {
                    return self.fault(
                        "alternatives are plain texts; as a character, put `\\` before it",
                        at,
                    );
                }
                Some(plain) => {
                    found.iter_mut().last().into_iter().for_each(|last| last.push(plain));
                }
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// `{3}`, `{1,5}`, `?`, or nothing: once.
    fn repeat(&mut self) -> Result<(u32, u32), Fault> {
        let from = self.at;
        match self.peek() {
            Some('?') => {
                self.at += 1;
                Ok((0, 1))
            }
            Some(sign @ ('*' | '+')) => {
                self.at += 1;
                let least = u32::from(sign == '+');
                self.fault(&format!("say how often at most: `{{{least},8}}`"), from)
            }
            Some('{') => {
                self.at += 1;
                let Some(length) = self.text[self.at..].find('}') else {
                    return self.fault("this `{` is not closed", from);
                };
                let inner = &self.text[self.at..self.at + length];
                self.at += length + 1;
                let (min, max) = inner.split_once(',').unwrap_or((inner, inner));
                match (min.trim().parse::<u32>(), max.trim().parse::<u32>()) {
                    (Ok(min), Ok(max)) if min <= max && (1..=REPEAT_MAX).contains(&max) => {
                        Ok((min, max))
                    }
                    (Ok(_), Ok(_)) => self.fault(
                        &format!(
                            "a piece is repeated 1 to {REPEAT_MAX} times, the smaller number first"
                        ),
                        from,
                    ),
                    _ => self.fault("write how often: `{3}` or `{1,5}`", from),
                }
            }
            _ => Ok((1, 1)),
        }
    }
}

fn word_characters() -> impl Iterator<Item = char> {
    ('0'..='9').chain('A'..='Z').chain(['_']).chain('a'..='z')
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_say_how_many_texts_they_have() {
        let plate = Pattern::parse(r"[A-Z]{3}-\d{4}").unwrap();
        assert_eq!((plate.count(), plate.length_max(), plate.is_plain()), (175_760_000, 8, true));
        let color = Pattern::parse(r"(red|green)( dark)?[a-c_\-]{1,2}\.").unwrap();
        assert_eq!(color.pieces[0].choices, ["green", "red"]);
        assert_eq!(color.pieces[2].choices, ["a", "b", "c", "_", "-"]);
        assert_eq!((color.length_max(), color.is_plain()), (13, false));
        assert_eq!(Pattern::parse(r"[a-]").unwrap().pieces[0].choices, ["a", "-"]);
        assert_eq!(Pattern::parse(r"\w{20}").unwrap().count(), 1 << 63);
    }

    #[test]
    fn faults_show_where() {
        let at = |text: &str| text[Pattern::parse(text).unwrap_err().range].to_owned();
        assert_eq!(at("ab.c"), ".");
        assert_eq!(at("[a-z"), "[a-z");
        assert_eq!(at("x[z-a]"), "z-a");
        assert_eq!(at(r"a\q"), r"\q");
        assert_eq!(at("a{3,1}"), "{3,1}");
        assert_eq!(at("ab+"), "+");
        assert_eq!(at("(a|[b])"), "[");
        for bad in ["", "a{", "{2}", "[]", "^a", "a)", "a]", "(a", "a{1001}", "a{0}", "a|b", "\\"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
