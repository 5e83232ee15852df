//! Columns, numbers and lines of plain text.

use std::time::Duration;

use crate::units::format_duration;

/// How wide a report is at most, in characters.
pub(crate) const WIDTH: usize = 100;

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows as lines, each column as wide as its widest cell, two spaces between them.
pub(crate) fn columns(align: &[Align], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(move |row| row.get(column));
        cells.map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..align.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(align.iter().zip(&widths));
        let cells: Vec<_> = cells
            .map(|(cell, (align, width))| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// `1,234,567`
pub(crate) fn exact(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1,016.7/s`, and `0.200/s` where a tenth says too little.
pub(crate) fn exact_rate(per_second: f64) -> String {
    if per_second < 10.0 {
        return format!("{per_second:.3}/s");
    }
    let text = format!("{per_second:.1}");
    let (whole, tenths) = text.split_once('.').unwrap_or((&text, "0"));
    match whole.parse() {
        Ok(whole) => format!("{}.{tenths}/s", exact(whole)),
        Err(_) => format!("{text}/s"),
    }
}

/// `12.3ms`
pub(crate) fn duration_ns(nanoseconds: u64) -> String {
    format_duration(Duration::from_nanos(nanoseconds))
}

/// `text`, or its beginning and `…` if it has more than `width` characters. One line, without
/// control characters: it may come from a server.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() <= width {
        return text;
    }
    let head: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

/// `text` broken between words into lines of at most `width` characters (one word may be longer).
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let counts = [0, 999, 1_000, 123_456, 1_234_567].map(exact);
        assert_eq!(counts, ["0", "999", "1,000", "123,456", "1,234,567"]);
        let rates = [0.2, 9.5, 499.95, 12_345.678].map(exact_rate);
        assert_eq!(rates, ["0.200/s", "9.500/s", "499.9/s", "12,345.7/s"]);
    }

    #[test]
    fn columns_line_up_whatever_the_alphabet() {
        let rows = [["a", "100"], ["Ω…", "5"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&[Align::Left, Align::Right], &rows), ["a   100", "Ω…    5"]);
    }

    #[test]
    fn long_text_is_cut_or_broken() {
        assert_eq!(shorten("a\tlong\x1b[31m text", 8), "a long…");
        assert_eq!(shorten("short", 5), "short");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), Vec::<String>::new());
    }
}
