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
    let mut text = String::new();
    for problem in &list {
        text.push_str(&draw_one(problems, problem, &renderer));
        text.push_str("\n\n");
    }
    let noun = if list.len() == 1 { "mistake" } else { "mistakes" };
    let count = list.len();
    text + &format!("{count} {noun}; nothing was touched\n")
}

fn draw_one(problems: &Problems, problem: &Problem, renderer: &Renderer) -> String {
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
            let annotation = AnnotationKind::Primary.span(start..end).label(label);
            let snippet =
                Snippet::source(file.drawn()).path(file.name.as_str()).annotation(annotation);
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
