//! Draws mistakes as rustc does.

use annotate_snippets::AnnotationKind;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;
use annotate_snippets::normalize_untrusted_str;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;

pub(super) fn draw(problems: &Problems, is_colored: bool) -> String {
    let renderer = if is_colored { Renderer::styled() } else { Renderer::plain() };
    let mut list: Vec<&Problem> = problems.list.iter().collect();
    list.sort_by_key(|problem| problem.place);
    // Once for each file, not for each mistake: there may be thousands.
    let files: Vec<String> = problems.files.iter().map(super::File::drawn).collect();
    let mut text = String::new();
    for problem in &list {
        text.push_str(&draw_one((problems, &files), problem, &renderer));
        text.push_str("\n\n");
    }
    let noun = if list.len() == 1 { "mistake" } else { "mistakes" };
    let count = list.len();
    text + &format!("{count} {noun}; nothing was touched\n")
}

fn draw_one(
    (problems, drawn): (&Problems, &[String]),
    problem: &Problem,
    renderer: &Renderer,
) -> String {
    let message = normalize_untrusted_str(&problem.message);
    let title = Level::ERROR.primary_title(message);
    let file = problem
        .place
        .and_then(|place| problems.files.get(usize::from(place.file)).map(|file| (place, file)));
    let mut groups = Vec::new();
    match file {
        Some((place, file)) => {
            let start = boundary(&file.text, place.start as usize);
            let end = boundary(&file.text, place.end as usize).max(start);
            let label = problem.label.as_deref().map(normalize_untrusted_str);
            let text = &drawn[usize::from(place.file)];
            // The lines that it is about are enough, and the drawing looks at all that it gets.
            // Behind the last line there is nothing to show but that line.
            let shown = start.min(text.trim_end_matches('\n').len());
            let first = text[..shown].rfind('\n').map_or(0, |newline| newline + 1);
            let last = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
            let line = text[..first].matches('\n').count() + 1;
            let annotation = AnnotationKind::Primary.span(start - first..end - first).label(label);
            let snippet = Snippet::source(&text[first..last])
                .line_start(line)
                .path(file.name.as_str())
                .annotation(annotation);
            groups.push(title.element(snippet));
        }
        None => groups.push(annotate_snippets::Group::with_title(title)),
    }
    if let Some(help) = &problem.help {
        let title = Level::HELP.secondary_title(normalize_untrusted_str(help));
        groups.push(annotate_snippets::Group::with_title(title));
    }
    renderer.render(&groups)
}

/// The nearest place at or before this one where the text may be cut.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
