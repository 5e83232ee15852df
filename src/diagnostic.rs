//! A mistake in a file: what, where, what to do. Draws the file, the line, the caret and the help.

mod draw;
mod hidden;
mod nearest;
mod pairs;
mod secret;
mod silent;

use std::collections::HashMap;
use std::fmt;

pub use nearest::nearest;
pub use nearest::suggest;
pub use pairs::secrets_within;
pub use secret::Secrets;
pub use secret::names_secret;
pub use secret::passwords;
pub use secret::without_login;
pub use secret::without_passwords;

use hidden::Hidden;
use silent::Silent;

/// A stretch of a file that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which file: what [`Problems::add_file`] returned.
    pub file: u16,
    /// First byte.
    pub start: u32,
    /// First byte behind it.
    pub end: u32,
}

impl Place {
    /// From the beginning of this place to the end of another in the same file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { end: other.end.max(self.end), ..self }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where. None if no file could be read.
    pub place: Option<Place>,
    /// What stands under the caret.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A mistake that has no place yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, label: None, help: None }
    }

    /// Sets its place.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Sets what stands under the caret.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// Sets what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Sets what to do, if something is known.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        Self { help: help.or(self.help), ..self }
    }
}

/// A file that was read, as it is shown.
#[derive(Debug, Clone)]
struct File {
    name: String,
    text: String,
    /// Whether its passwords are known by their places; until then they are guessed at.
    is_searched: bool,
    covered: Vec<std::ops::Range<usize>>,
}

/// All mistakes of the files of a run, and the files themselves.
#[derive(Default, Clone)]
pub struct Problems {
    files: Vec<File>,
    list: Vec<Problem>,
    hidden: Box<Hidden>,
    /// Numbers in the list, by place: a file may have thousands of mistakes.
    by_place: HashMap<Option<Place>, Vec<usize>>,
    silent: Box<Silent>,
    secrets: Box<Secrets>,
}

impl Problems {
    /// Keeps a file's name and text, to draw it, and gives its number.
    pub fn add_file(&mut self, name: &str, text: &str) -> u16 {
        let number = u16::try_from(self.files.len()).unwrap_or(u16::MAX);
        let (name, text) = (name.to_owned(), text.to_owned());
        self.files.push(File { name, text, is_searched: false, covered: Vec::new() });
        number
    }

    /// The text of a file; empty if there is no such file.
    pub fn text(&self, file: u16) -> &str {
        self.files.get(usize::from(file)).map_or("", |file| file.text.as_str())
    }

    /// Notes that the value at a place came from the environment: wherever a message would quote
    /// it, `shown` stands instead.
    pub fn hide(&mut self, place: Place, value: String, shown: String) {
        self.hidden.add(place, value, shown);
    }

    /// Notes that a password stands at a place: no drawing shows it, and it is kept nowhere.
    pub fn cover(&mut self, place: Place, value: &str) {
        self.note_secret(value);
        if let Some(file) = self.files.get_mut(usize::from(place.file)) {
            let (start, end) = (place.start as usize, place.end as usize);
            // A block ends with its last line's end, which is not part of the password.
            let written = file.text.get(start..end).map_or(0, |text| text.trim_end().len());
            file.covered.push(start..start + written);
        }
    }

    /// Notes a password that stands nowhere, or elsewhere.
    pub fn note_secret(&mut self, value: &str) {
        self.secrets.add(value);
    }

    /// Notes that all passwords of a file have been found, for those who look for them by place.
    pub fn searched(&mut self, file: u16) {
        if let Some(file) = self.files.get_mut(usize::from(file)) {
            file.is_searched = true;
        }
    }

    /// The text of a file without its passwords.
    pub fn clean_text(&self, file: u16) -> String {
        let file = self.files.get(usize::from(file));
        file.map_or_else(String::new, |file| {
            self.secrets.redact(&secret::replace_yaml(&file.text, &file.secret_places()))
        })
    }

    /// What is secret in all files so far; `arguments` are those that the command line gave.
    pub fn secrets(&self, arguments: &str) -> Secrets {
        let given = self.files.iter().filter(|file| file.name == arguments);
        let shown = |file: &File| secret::replace(&file.text, &file.secret_places());
        let arguments = given.map(|file| (file.text.clone(), shown(file))).collect();
        Secrets { arguments, values: self.secrets.values.clone() }
    }

    /// Drops all further mistakes inside a place: they could only follow from one that was found.
    pub fn silence(&mut self, place: Place) {
        self.silent.inside(place);
    }

    /// Drops all further mistakes that are about a place as a whole, but not those about its parts.
    pub fn silence_whole(&mut self, place: Place) {
        self.silent.whole(place);
    }

    /// Adds a mistake, unless the same was found at the same place before.
    pub fn add(&mut self, problem: Problem) {
        if problem.place.is_some_and(|place| self.silent.covers(place)) {
            return;
        }
        let problem = Problem {
            message: self.redact(&problem.message, problem.place),
            label: problem.label.map(|label| self.redact(&label, problem.place)),
            help: problem.help.map(|help| self.redact(&help, problem.place)),
            place: problem.place,
        };
        let there = self.by_place.entry(problem.place).or_default();
        if !there.iter().any(|at| self.list[*at] == problem) {
            there.push(self.list.len());
            self.list.push(problem);
        }
    }

    /// The mistakes so far.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// Whether none was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many were found.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The place of a piece of a scalar's text: exact where the file spells the text as it is
    /// (plain, or in quotes without escapes), else the whole scalar.
    pub fn within(&self, whole: Place, text: &str, piece: std::ops::Range<usize>) -> Place {
        let (start, end) = (whole.start as usize, whole.end as usize);
        let written = self.text(whole.file).get(start..end).unwrap_or("");
        let Some(offset) = written.find(text).filter(|_| !text.is_empty()) else {
            return whole;
        };
        let narrow = |at: usize| u32::try_from(start + offset + at).unwrap_or(whole.end);
        Place { file: whole.file, start: narrow(piece.start), end: narrow(piece.end) }
    }

    /// Draws every mistake as rustc does, in the order of the files, and the number of them.
    pub fn draw(&self, is_colored: bool) -> String {
        draw::draw(self, is_colored)
    }

    fn redact(&self, text: &str, place: Option<Place>) -> String {
        let text = self.secrets.redact(&secret::replace(text, &secret::guess(text)));
        self.hidden.redact(&text, place)
    }
}

impl File {
    fn secret_places(&self) -> Vec<std::ops::Range<usize>> {
        if self.is_searched {
            secret::merged(self.covered.clone())
        } else {
            secret::guess(&self.text)
        }
    }

    /// As it is drawn: every byte in its place.
    fn drawn(&self) -> String {
        secret::cover(&self.text, &self.secret_places())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.draw(false))
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Hidden values stay hidden here too.
        formatter.debug_struct("Problems").field("list", &self.list).finish_non_exhaustive()
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::Place;
    use super::Problem;
    use super::Problems;

    #[test]
    fn values_of_the_environment_are_not_shown() {
        let mut problems = Problems::default();
        let file = problems.add_file("a.yaml", "rate: ${RATE}\n");
        let place = Place { file, start: 6, end: 13 };
        problems.hide(place, "hunter2/s".to_owned(), "${RATE}".to_owned());
        problems.add(Problem::new("`hunter2/s` is not a rate").at(place).help("not `hunter2`"));
        let drawn = problems.to_string();
        assert!(!drawn.contains("hunter2"), "{drawn}");
        assert!(drawn.contains("`${RATE}` is not a rate"), "{drawn}");
    }
}
