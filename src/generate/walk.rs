//! Walks, made ready: a lane draws where a row begins, where it goes, and whether that is its end.

use crate::generate::column::pick_share;
use crate::generate::key::Draw;
use crate::schema;

/// A walk, made ready.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    /// States of new rows, by cumulated share.
    begin: Vec<f64>,
    /// For each state those that follow, by cumulated share; nothing where only the end follows.
    next: Vec<Vec<f64>>,
    /// For each state how likely it is the last.
    end: Vec<f64>,
}

impl Walk {
    /// As the schema says.
    pub(super) fn new(meant: &schema::Walk) -> Self {
        let total = |weights: &Vec<f64>| weights.iter().sum::<f64>();
        let states = meant.next.iter().zip(&meant.end);
        let end = states.map(|(next, end)| end / (total(next) + end)).collect();
        Self {
            begin: shares(&meant.begin),
            next: meant.next.iter().map(|next| shares(next)).collect(),
            end,
        }
    }

    /// Where a new row begins.
    pub(super) fn begin(&self, draw: &mut Draw) -> usize {
        pick_share(&self.begin, draw.unit())
    }

    /// Where a row goes from a state that is not its last.
    pub(super) fn next(&self, state: usize, draw: &mut Draw) -> Option<usize> {
        let shares = self.next.get(state).filter(|shares| !shares.is_empty())?;
        Some(pick_share(shares, draw.unit()))
    }

    /// Whether a row that has come to a state ends there.
    pub(super) fn ends(&self, state: usize, draw: &mut Draw) -> bool {
        self.end.get(state).is_some_and(|end| draw.unit() < *end)
    }
}

/// Weights cumulated to shares, of which the last is 1; nothing if all are 0.
fn shares(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return Vec::new();
    }
    let mut sum = 0.0;
    let cumulated = weights.iter().map(|weight| {
        sum += weight;
        sum / total
    });
    cumulated.collect()
}
