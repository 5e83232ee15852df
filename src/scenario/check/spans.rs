//! When the segments with a name are played.

use std::time::Duration;

use crate::scenario::NamedSegment;
use crate::scenario::check::profile::Part;

/// The segments with a name of a profile that lasts as long as it does, or as it is made to: then
/// the last segment goes on, or what comes later is left out.
pub(super) fn named(parts: &[Part], wanted: Option<Duration>) -> Vec<NamedSegment> {
    let mut named = Vec::new();
    let mut from = Duration::ZERO;
    for (number, part) in parts.iter().enumerate() {
        let end = from.saturating_add(part.segment.length());
        let is_last = number + 1 == parts.len();
        let to = wanted.map_or(end, |wanted| if is_last { wanted } else { end.min(wanted) });
        if let Some(name) = &part.name
            && from < to
        {
            named.push(NamedSegment { name: name.clone(), from, to });
        }
        from = end;
    }
    named
}

/// The one segment of a stream that is as fast as it can be.
pub(super) fn whole(name: Option<String>, length: Option<Duration>) -> Vec<NamedSegment> {
    let to = length.unwrap_or(Duration::MAX);
    name.map(|name| NamedSegment { name, from: Duration::ZERO, to }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Part;
    use super::named;
    use crate::pace::Segment;

    #[test]
    fn named_segments_lie_where_they_are_played() {
        let seconds = Duration::from_secs;
        let part = |name: Option<&str>, length| Part {
            segment: Segment::Hold { rate: 1.0, length: seconds(length) },
            name: name.map(str::to_owned),
        };
        let parts = [part(Some("calm"), 10), part(None, 5), part(Some("storm"), 10)];
        let spans = |wanted: Option<u64>| -> Vec<(String, u64, u64)> {
            let named = named(&parts, wanted.map(seconds)).into_iter();
            named.map(|each| (each.name, each.from.as_secs(), each.to.as_secs())).collect()
        };
        let calm = |to| ("calm".to_owned(), 0, to);
        let storm = |to| ("storm".to_owned(), 15, to);
        assert_eq!(spans(None), [calm(10), storm(25)]);
        assert_eq!(spans(Some(40)), [calm(10), storm(40)]);
        assert_eq!(spans(Some(20)), [calm(10), storm(20)]);
        assert_eq!(spans(Some(15)), [calm(10)]);
        assert_eq!(spans(Some(4)), [calm(4)]);
    }
}
