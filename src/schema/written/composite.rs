//! Values made of values: arrays, ranges, shapes.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

use crate::schema::ColumnType;
use crate::schema::Geometry;
use crate::schema::RangeType;
use crate::schema::typed::Bound;
use crate::schema::written::Written;
use crate::schema::written::float;
use crate::schema::written::read;
use crate::units::Interval;

/// `{1, 2, NULL}`, with double quotes and backslashes as PostgreSQL reads them.
pub(super) fn array(text: &str, of: ColumnType) -> Result<Written, String> {
    let bad = || format!("`{text}` is not an array like `{{a, b}}`");
    let inner = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.ok_or_else(bad)?;
    if inner.trim().is_empty() {
        return Ok(Written::Array(Vec::new()));
    }
    let mut elements = Vec::new();
    let mut letters = inner.chars().peekable();
    loop {
        let (piece, is_quoted) = piece(&mut letters, &[',', '{', '}']).ok_or_else(bad)?;
        elements.push(match piece.as_str() {
            "" if !is_quoted => return Err(bad()),
            null if !is_quoted && null.eq_ignore_ascii_case("null") => Written::Null,
            piece => read(piece, of)?,
        });
        match letters.next() {
            None => return Ok(Written::Array(elements)),
            Some(',') => {}
            Some(_) => return Err(bad()),
        }
    }
}

/// `[1, 5)`, `(,"2026-01-31 12:00:00"]`, `empty`.
pub(super) fn range(text: &str, range: RangeType) -> Result<Written, String> {
    let bad = || format!("`{text}` is not a range like `[1,5)`");
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("empty") {
        return Ok(Written::Range(None));
    }
    let mut letters = trimmed.chars().peekable();
    let opening = match letters.next() {
        Some('[') => Bound::Included,
        Some('(') => Bound::Excluded,
        _ => return Err(bad()),
    };
    let ends = [',', ')', ']', '(', '['];
    let (lower, is_lower_quoted) = piece(&mut letters, &ends).ok_or_else(bad)?;
    if letters.next() != Some(',') {
        return Err(bad());
    }
    let (upper, is_upper_quoted) = piece(&mut letters, &ends).ok_or_else(bad)?;
    let closing = match letters.next() {
        Some(']') => Bound::Included,
        Some(')') => Bound::Excluded,
        _ => return Err(bad()),
    };
    if letters.next().is_some() {
        return Err(bad());
    }
    let bound = |bound: Bound, piece: &str, is_quoted: bool| match piece {
        "" if !is_quoted => Ok((Bound::Open, Written::Null)),
        piece => Ok::<_, String>((bound, read(piece, range.of())?)),
    };
    let lower = bound(opening, &lower, is_lower_quoted)?;
    let upper = bound(closing, &upper, is_upper_quoted)?;
    if order(&lower.1, &upper.1).is_some_and(Ordering::is_gt) {
        return Err(format!("the range `{text}` ends before it begins"));
    }
    Ok(Written::Range(Some(Box::new([lower, upper]))))
}

/// How two bounds stand to each other.
fn order(lower: &Written, upper: &Written) -> Option<Ordering> {
    match (lower, upper) {
        (Written::Int(lower), Written::Int(upper))
        | (Written::Timestamp(lower), Written::Timestamp(upper)) => Some(lower.cmp(upper)),
        (Written::Date(lower), Written::Date(upper)) => Some(lower.cmp(upper)),
        (Written::Decimal(lower), Written::Decimal(upper)) => {
            Some(lower.unscaled.cmp(&upper.unscaled))
        }
        (Written::Interval(lower), Written::Interval(upper)) => {
            Some(Interval::total_us(*lower).cmp(&upper.total_us()))
        }
        _ => None,
    }
}

/// Text up to one of `ends`; and whether any of it was in quotes. None if a quote is not closed.
fn piece(letters: &mut Peekable<Chars<'_>>, ends: &[char]) -> Option<(String, bool)> {
    let (mut piece, mut is_inside, mut was_quoted) = (String::new(), false, false);
    while let Some(letter) = letters.next_if(|letter| is_inside || !ends.contains(letter)) {
        match letter {
            '\\' => piece.push(letters.next()?),
            '"' if is_inside && letters.next_if_eq(&'"').is_some() => piece.push('"'),
            '"' => (is_inside, was_quoted) = (!is_inside, true),
            letter => piece.push(letter),
        }
    }
    let piece = if was_quoted { piece } else { piece.trim().to_owned() };
    (!is_inside).then_some((piece, was_quoted))
}

/// `(1,2)`, `((0,0),(1,1))`, `<(0,0),5>`, `{1,2,3}`: the numbers are what counts.
pub(super) fn shape(text: &str, geometry: Geometry) -> Result<Written, String> {
    let example = match geometry {
        Geometry::Point => "(1,2)",
        Geometry::Segment => "[(0,0),(1,1)]",
        Geometry::Box | Geometry::Path | Geometry::Polygon => "((0,0),(1,1))",
        Geometry::Circle => "<(0,0),5>",
        Geometry::Line => "{1,2,3}",
    };
    let bad = || format!("`{text}` is not a shape like `{example}`");
    let plain: String = text.chars().filter(|letter| !"()[]<>{}".contains(*letter)).collect();
    let numbers: Result<Vec<f64>, String> = plain.split(',').map(float).collect();
    let numbers = numbers.map_err(|_| bad())?;
    let is_right = match geometry {
        Geometry::Point => numbers.len() == 2,
        Geometry::Segment | Geometry::Box => numbers.len() == 4,
        Geometry::Path | Geometry::Polygon => numbers.len() % 2 == 0,
        Geometry::Circle => numbers.len() == 3 && numbers[2] >= 0.0,
        Geometry::Line => numbers.len() == 3 && (numbers[0] != 0.0 || numbers[1] != 0.0),
    };
    // An open path is another value than a closed one.
    let is_open = geometry == Geometry::Path && text.trim_start().starts_with('[');
    if is_right && !is_open { Ok(Written::Shape(geometry, numbers)) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::kind::named::array_of;

    #[test]
    fn arrays_are_read_as_the_server_reads_them() {
        let texts = array_of(ColumnType::Text);
        let text = |text: &str| Written::Text(text.to_owned());
        let of = |elements| Ok(Written::Array(elements));
        assert_eq!(read("{}", texts), of(vec![]));
        assert_eq!(read("{a, b c ,NULL}", texts), of(vec![text("a"), text("b c"), Written::Null]));
        assert_eq!(
            read(r#"{"a,\"b","NULL",""}"#, texts),
            of(vec![text("a,\"b"), text("NULL"), text("")])
        );
        assert_eq!(
            read("{1,-2}", array_of(ColumnType::Smallint)),
            of(vec![Written::Int(1), Written::Int(-2)])
        );
        for bad in ["", "a", "{a", "{a,}", "{{a}}", "{\"a}", "{,}"] {
            assert!(read(bad, texts).is_err(), "{bad}");
        }
        assert!(read("{40000}", array_of(ColumnType::Smallint)).is_err());
    }

    #[test]
    fn ranges_are_read_as_the_server_reads_them() {
        let whole = ColumnType::Range(RangeType::Int4);
        let bounds = |lower, upper| Ok(Written::Range(Some(Box::new([lower, upper]))));
        let (one, five) = (Written::Int(1), Written::Int(5));
        assert_eq!(read("[1,5)", whole), bounds((Bound::Included, one), (Bound::Excluded, five)));
        let open = || (Bound::Open, Written::Null);
        assert_eq!(read("(,]", whole), bounds(open(), open()));
        assert_eq!(read("empty", whole), Ok(Written::Range(None)));
        let times = ColumnType::Range(RangeType::Ts);
        assert!(read("[\"2026-01-01 10:00:00\",2026-01-02)", times).is_ok());
        for bad in ["", "[1,5", "[5,1]", "1,5", "[1,2,3]", "[1,5)x", "[a,b]"] {
            assert!(read(bad, whole).is_err(), "{bad}");
        }
    }
}
