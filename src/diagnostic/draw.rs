//! Draws mistakes as rustc does.

use std::borrow::Cow;

use annotate_snippets::AnnotationKind;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;
use annotate_snippets::normalize_untrusted_str;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;

/// Lines longer than this, in bytes, are shown in part: drawing takes as long as what is drawn.
const LINE_MAX: usize = 1_000;
/// What is shown of a long line before a mistake, and from its beginning on, in bytes.
const BEFORE: usize = 40;
const BEHIND: usize = 80;
/// Lines of a mistake that are shown.
const LINES_MAX: usize = 20;
/// Mistakes that are drawn: nobody mends more at once.
const SHOWN_MAX: usize = 100;
/// What stands for what is left out of a line.
const CUT: &str = "...";
/// Bytes in a block of a file.
const BLOCK: usize = 1_024;

/// A file, as it is shown.
struct Shown<'a> {
    name: &'a str,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    /// How many characters begin before each block of it.
    characters: Vec<usize>,
}

/// What is shown of a file for one mistake.
struct Cutting {
    /// What is shown of its lines.
    from: usize,
    to: usize,
    /// The mistake's place among them.
    start: usize,
    end: usize,
    /// Counted from 0.
    line: usize,
    is_in_part: bool,
}

pub(super) fn draw(problems: &Problems, is_colored: bool) -> String {
    let renderer = if is_colored { Renderer::styled() } else { Renderer::plain() };
    let mut list: Vec<&Problem> = problems.list.iter().collect();
    list.sort_by_key(|problem| problem.place);
    // Once for each file, not for each mistake: there may be thousands.
    let files: Vec<Shown<'_>> = problems.files.iter().map(Shown::of).collect();
    let mut text = String::new();
    for problem in list.iter().take(SHOWN_MAX) {
        text.push_str(&draw_one(&files, problem, &renderer));
        text.push_str("\n\n");
    }
    if let Some(more) = list.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        text.extend(["and ", &more.to_string(), " more\n\n"]);
    }
    let noun = if list.len() == 1 { "mistake" } else { "mistakes" };
    let count = list.len();
    text + &format!("{count} {noun}; nothing was touched\n")
}

fn draw_one(files: &[Shown<'_>], problem: &Problem, renderer: &Renderer) -> String {
    let message = normalize_untrusted_str(&problem.message);
    let title = Level::ERROR.primary_title(message.as_str());
    let label = problem.label.as_deref().map(normalize_untrusted_str);
    let place = problem.place;
    let file = place.and_then(|place| Some((place, files.get(usize::from(place.file))?)));
    let mut groups = Vec::new();
    let mut place_mended = None;
    match file {
        Some((place, file)) => {
            let Cutting { from, to, start, end, line, is_in_part } =
                file.cut(place.start as usize, place.end as usize);
            let mut shown = Cow::Borrowed(&file.text[from..to]);
            let mut before = 0;
            if is_in_part {
                shown = Cow::Owned(format!("{CUT}{shown}{CUT}"));
                before = CUT.len();
                let column = |from| file.character(start) - file.character(from) + 1;
                let place = |column| format!("{}:{}:{column}", file.name, line + 1);
                place_mended =
                    Some((place(before + column(from)), place(column(file.lines[line]))));
            }
            let span = before + start - from..before + end - from;
            let snippet = Snippet::source(shown)
                .line_start(line + 1)
                .path(file.name)
                .annotation(AnnotationKind::Primary.span(span).label(label));
            groups.push(title.element(snippet));
        }
        None => groups.push(annotate_snippets::Group::with_title(title)),
    }
    if let Some(help) = &problem.help {
        let title = Level::HELP.secondary_title(normalize_untrusted_str(help));
        groups.push(annotate_snippets::Group::with_title(title));
    }
    let drawn = renderer.render(&groups);
    // The library counts columns from where the line was cut.
    let Some((wrong, right)) = place_mended else { return drawn };
    // What the title says stays as it is.
    let mut found = drawn.match_indices(&wrong).filter(|(at, _)| *at > message.len());
    match found.next() {
        Some((at, _)) => [&drawn[..at], &right, &drawn[at + wrong.len()..]].concat(),
        None => drawn,
    }
}

impl<'a> Shown<'a> {
    fn of(file: &'a super::File) -> Self {
        let text = file.drawn();
        // Behind the last line there is nothing to show but that line.
        let ends = text.trim_end_matches('\n').match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        let mut count = 0;
        let before = text.as_bytes().chunks(BLOCK).map(|block| {
            let before = count;
            count += beginnings(block);
            before
        });
        let characters = before.collect();
        Self { name: &file.name, text, lines, characters }
    }

    /// How many characters begin before a byte.
    fn character(&self, at: usize) -> usize {
        let block = (at / BLOCK).min(self.characters.len().saturating_sub(1));
        let before = self.characters.get(block).map_or(0, |before| *before);
        before + beginnings(&self.text.as_bytes()[block * BLOCK..at])
    }

    /// The lines that a mistake is about, or as much of them as can be looked at: the drawing looks
    /// at all that it gets.
    fn cut(&self, start: usize, end: usize) -> Cutting {
        let start = boundary(&self.text, start);
        let end = boundary(&self.text, end).max(start);
        let line = self.lines.partition_point(|begin| *begin <= start).saturating_sub(1);
        // The rest of a long stretch says nothing new.
        let behind = self.lines.get(line + LINES_MAX);
        let end = behind.map_or(end, |begin| end.min(begin - 1)).max(start);
        let from = self.lines[line];
        let last = self.text[end..].find('\n').map_or(self.text.len(), |newline| end + newline);
        let whole = Cutting { from, to: last, start, end, line, is_in_part: false };
        if last - from <= LINE_MAX {
            return whole;
        }
        let from = boundary(&self.text, start.saturating_sub(BEFORE).max(from));
        let to = boundary(&self.text, last.min(start + BEHIND));
        // Of several lines, the first.
        let to = self.text[start..to].find('\n').map_or(to, |newline| start + newline);
        Cutting { from, to, end: end.min(to), is_in_part: true, ..whole }
    }
}

/// How many characters begin in a stretch.
fn beginnings(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// The nearest place at or before this one where the text may be cut.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Place;
    use crate::diagnostic::Problem;
    use crate::diagnostic::Problems;

    fn drawn(text: &str, wrong: &str, end: usize) -> String {
        let mut problems = Problems::default();
        let file = problems.add_file("a.yaml", text);
        let start = text.find(wrong).unwrap_or_default();
        let [start, end] = [start, start + end].map(|at| u32::try_from(at).unwrap_or_default());
        problems.add(Problem::new("no").at(Place { file, start, end }).label("here"));
        problems.to_string()
    }

    #[test]
    fn of_a_long_line_only_the_place_is_shown() {
        let long =
            format!("a: 1\nß: [ {}wrong{} ]\nb: 2\n", "äh, ".repeat(99_999), ", 1".repeat(999));
        let drawn = drawn(&long, "wrong", 5);
        assert!(drawn.contains("a.yaml:2:400002\n"), "{drawn}");
        let lines: Vec<&str> = drawn.lines().collect();
        let at = lines[3].find("wrong").map(|at| lines[3][..at].chars().count());
        assert_eq!(at, lines[4].find("^^^^^ here"), "{drawn}");
        assert!(drawn.len() < 500 && !drawn.contains(":::"), "{drawn}");
    }

    #[test]
    fn of_many_mistakes_the_first_are_shown() {
        let mut problems = Problems::default();
        let file = problems.add_file("a.yaml", &"a: 1\n".repeat(2_000));
        for start in (0..10_000).step_by(5).rev() {
            problems.add(Problem::new("no").at(Place { file, start, end: start + 1 }));
        }
        let drawn = problems.to_string();
        assert_eq!(drawn.matches("error: ").count(), 100);
        assert!(drawn.contains("a.yaml:100:1") && !drawn.contains("a.yaml:101:1"), "{drawn}");
        let end = "\n\nand 1900 more\n\n2000 mistakes; nothing was touched\n";
        assert!(drawn.ends_with(end), "{drawn}");
    }

    #[test]
    fn of_many_lines_the_first_are_shown() {
        let text = format!("a: 1\nb:\n{}", "  - c\n".repeat(10_000));
        let drawn = drawn(&text, "b:", text.len() - 6);
        assert!(drawn.contains("a.yaml:2:1\n") && drawn.len() < 1_000, "{drawn}");
    }

    #[test]
    fn places_at_the_end_and_behind_it_are_drawn() {
        for text in ["", "\n", "a", "a\n", "a\n\n", "ä", &"ä".repeat(2_000)] {
            for end in [0, 1, 5] {
                for wrong in ["a", "ä", "\n"] {
                    assert!(drawn(text, wrong, end).contains("a.yaml:"));
                }
            }
            let mut problems = Problems::default();
            let file = problems.add_file("a.yaml", text);
            let place = Place { file, start: 9_999, end: 10_000 };
            problems.add(Problem::new("no").at(place));
            assert!(problems.to_string().contains("a.yaml:"));
        }
    }
}
