//! The words that fill a column or change one: each is named here, once.

use crate::schema::file::FillFile;

/// What a fill makes its value of, and so where it may stand and who reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// More than chance and time: it fills whole columns of new rows only.
    Whole,
    /// Chance and time; read in `check/draw.rs`.
    Simple,
    /// The same; read in `check/chance.rs`.
    Chance,
    /// The same, for one type, or of other fills; read in `check/typed.rs`.
    Typed,
    /// The old value: it stands in `set` only.
    Old,
}

struct Word {
    name: &'static str,
    source: Source,
    /// Whether it may stand by itself: `fill: company`.
    is_bare: bool,
    /// Whether a file has it as a key; none if it is no key.
    is_given: Option<fn(&FillFile) -> bool>,
}

const fn word(
    name: &'static str,
    source: Source,
    is_bare: bool,
    is_given: Option<fn(&FillFile) -> bool>,
) -> Word {
    Word { name, source, is_bare, is_given }
}

/// All words.
const WORDS: [Word; 48] = [
    word("sequence", Source::Whole, true, Some(|file| file.sequence.is_some())),
    word("uuid", Source::Whole, true, None),
    word("event_time", Source::Simple, true, Some(|file| file.event_time.is_some())),
    word("line", Source::Whole, true, None),
    word("email", Source::Whole, true, Some(|file| file.email.is_some())),
    word("company", Source::Chance, true, None),
    word("phone", Source::Chance, true, Some(|file| file.phone.is_some())),
    word("ip", Source::Chance, true, Some(|file| file.ip.is_some())),
    word("user_agent", Source::Chance, true, None),
    word("url", Source::Chance, true, None),
    word("slug", Source::Chance, true, None),
    word("username", Source::Chance, true, None),
    word("color", Source::Chance, true, None),
    word("random", Source::Typed, true, None),
    word("id", Source::Whole, false, Some(|file| file.id.is_some())),
    word("constant", Source::Simple, false, Some(|file| file.constant.is_some())),
    word("uniform", Source::Simple, false, Some(|file| file.uniform.is_some())),
    word("lognormal", Source::Chance, false, Some(|file| file.lognormal.is_some())),
    word("weighted", Source::Simple, false, Some(|file| file.weighted.is_some())),
    word("listed", Source::Whole, false, Some(|file| file.listed.is_some())),
    word("words", Source::Simple, false, Some(|file| file.words.is_some())),
    word("name", Source::Simple, false, Some(|file| file.name.is_some())),
    word("reference", Source::Whole, false, Some(|file| file.reference.is_some())),
    word("lookup", Source::Whole, false, Some(|file| file.lookup.is_some())),
    word("derived", Source::Whole, false, Some(|file| file.derived.is_some())),
    word("state", Source::Whole, false, Some(|file| file.state.is_some())),
    word("walk", Source::Whole, false, Some(|file| file.walk.is_some())),
    word("normal", Source::Chance, false, Some(|file| file.normal.is_some())),
    word("exponential", Source::Chance, false, Some(|file| file.exponential.is_some())),
    word("pareto", Source::Chance, false, Some(|file| file.pareto.is_some())),
    word("zipf", Source::Chance, false, Some(|file| file.zipf.is_some())),
    word("boolean", Source::Chance, false, Some(|file| file.boolean.is_some())),
    word("text", Source::Chance, false, Some(|file| file.text.is_some())),
    word("address", Source::Chance, false, Some(|file| file.address.is_some())),
    word("pattern", Source::Chance, false, Some(|file| file.pattern.is_some())),
    word("lines", Source::Chance, false, Some(|file| file.lines.is_some())),
    word("given", Source::Whole, false, Some(|file| file.given.is_some())),
    word("correlated", Source::Whole, false, Some(|file| file.correlated.is_some())),
    word("after", Source::Whole, false, Some(|file| file.after.is_some())),
    word("bytes", Source::Typed, false, Some(|file| file.bytes.is_some())),
    word("json", Source::Typed, false, Some(|file| file.json.is_some())),
    word("array", Source::Typed, false, Some(|file| file.array.is_some())),
    word("range", Source::Typed, false, Some(|file| file.range.is_some())),
    word("add", Source::Old, false, Some(|file| file.add.is_some())),
    word("multiply", Source::Old, false, Some(|file| file.multiply.is_some())),
    word("append", Source::Old, false, Some(|file| file.append.is_some())),
    word("next", Source::Old, false, Some(|file| file.next.is_some())),
    word("toggle", Source::Old, true, None),
];

/// What a word makes its value of, if it is one of ours.
pub(super) fn source(name: &str) -> Option<Source> {
    WORDS.iter().find(|word| word.name == name).map(|word| word.source)
}

/// Whether a word is drawn from chance and time, so that it may fill parts of values, rows beyond
/// a list, and what an update sets.
pub(super) fn is_drawn(name: &str) -> bool {
    matches!(source(name), Some(Source::Simple | Source::Chance | Source::Typed))
}

/// Whether a word fills a column by itself.
pub(super) fn is_bare(name: &str) -> bool {
    bare().any(|word| word == name)
}

/// Words that fill a column by themselves.
pub(in crate::schema) fn bare() -> impl Iterator<Item = &'static str> {
    let words = WORDS.iter().filter(|word| word.is_bare && word.source != Source::Old);
    words.map(|word| word.name)
}

/// Everything that may fill a column, for messages.
pub(super) fn fills() -> Vec<&'static str> {
    let fills = WORDS.iter().filter(|word| word.source != Source::Old);
    fills.map(|word| word.name).collect()
}

/// What `set` may say, for messages.
pub(super) fn sets() -> impl Iterator<Item = &'static str> {
    WORDS.iter().filter(|word| word.source != Source::Whole).map(|word| word.name)
}

/// The keys that a fill has.
pub(super) fn given(file: &FillFile) -> Vec<&'static str> {
    let given = WORDS.iter().filter(|word| word.is_given.is_some_and(|is_given| is_given(file)));
    given.map(|word| word.name).collect()
}
