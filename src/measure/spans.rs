//! Which named segment of a stream's profile a moment belongs to.

use std::sync::Arc;
use std::time::Duration;

use crate::pace::nanoseconds;

/// When the named segments of one stream are played, on the measured clock. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Spans(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    names: Vec<String>,
    /// From, to, and the number of the name; in order, one not before the end of the other.
    played: Vec<(u64, u64, usize)>,
}

impl Spans {
    /// Of segments by name, each with its beginning and end in measured nanoseconds. They are in
    /// order and do not overlap; one that is played again has the same name.
    pub fn new<'a>(segments: impl IntoIterator<Item = (&'a str, u64, u64)>) -> Spans {
        let mut inner = Inner::default();
        for (name, from, to) in segments {
            let known = inner.names.iter().position(|known| known == name);
            let number = known.unwrap_or_else(|| {
                inner.names.push(name.to_owned());
                inner.names.len() - 1
            });
            inner.played.push((from, to, number));
        }
        Spans(Arc::new(inner))
    }

    /// What they are made of.
    pub fn played_at(&self) -> Vec<(String, u64, u64)> {
        let played = self.0.played.iter();
        played.map(|(from, to, number)| (self.0.names[*number].clone(), *from, *to)).collect()
    }

    /// The names, in the order in which they are first played.
    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// Where segments begin or end, but for the very beginning.
    pub fn edges(&self) -> Vec<u64> {
        let edges = self.0.played.iter().flat_map(|(from, to, _)| [*from, *to]);
        let mut edges: Vec<u64> = edges.filter(|edge| *edge > 0).collect();
        edges.dedup();
        edges
    }

    /// The number of a name.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.0.names.iter().position(|known| known == name)
    }

    /// The number of the segment that is played at a moment, if it has a name.
    pub fn find(&self, measured_ns: u64) -> Option<usize> {
        let behind = self.0.played.partition_point(|(from, _, _)| *from <= measured_ns);
        let (_, to, number) = self.0.played.get(behind.checked_sub(1)?)?;
        (measured_ns < *to).then_some(*number)
    }

    /// For how long a segment has been played at a moment, all its times together.
    pub fn played(&self, name: &str, measured: Duration) -> Duration {
        let Some(number) = self.number(name) else { return Duration::ZERO };
        let now = nanoseconds(measured);
        let mine = self.0.played.iter().filter(|(_, _, played)| *played == number);
        Duration::from_nanos(mine.map(|(from, to, _)| now.min(*to).saturating_sub(*from)).sum())
    }

    /// The name of the segment that is played at a moment.
    pub fn name_at(&self, measured_ns: u64) -> Option<&str> {
        self.find(measured_ns).map(|number| self.0.names[number].as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_belongs_to_the_segment_that_is_played_then() {
        let spans = Spans::new([("base", 0, 10), ("peak", 20, 30), ("base", 30, 40)]);
        let found = [0, 9, 10, 19, 20, 29, 30, 39, 40].map(|at| spans.name_at(at));
        let (base, peak) = (Some("base"), Some("peak"));
        assert_eq!(found, [base, base, None, None, peak, peak, base, base, None]);
        assert_eq!((spans.names().len(), spans.number("peak")), (2, Some(1)));
        assert_eq!(Spans::default().find(5), None);
        let played = [5, 10, 25, 35, 99].map(|at| spans.played("base", Duration::from_nanos(at)));
        assert_eq!(played.map(|it| it.as_nanos()), [5, 10, 10, 15, 20]);
    }
}
