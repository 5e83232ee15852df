//! What is not as it should be at a surface, and no threshold judges, in words.

use super::SurfaceFindings;
use crate::scenario::Metric;
use crate::scenario::Threshold;

impl SurfaceFindings {
    /// What is not as it should be and no threshold judges, in words.
    pub(super) fn faults(&self, thresholds: &[Threshold]) -> Vec<String> {
        let overtaken = if self.is_of_events {
            "observed behind a later one of their key"
        } else {
            "observed behind a later change of their row"
        };
        let grave = [
            (Metric::Lost, "acknowledged and never observed"),
            (Metric::Doubled, "observed twice"),
            (Metric::Reordered, overtaken),
            (Metric::Wrong, "observed with other values than were sent"),
            (Metric::Phantom, "observed that nobody had sent"),
        ];
        let is_meant =
            |each: &Threshold| each.surface.as_ref().is_none_or(|meant| *meant == self.surface);
        let is_judged =
            |metric| thresholds.iter().any(|each| each.metric == metric && is_meant(each));
        let found = grave.into_iter().filter_map(|(metric, what)| {
            let count = self.verification.count(metric);
            let count = count.filter(|count| *count > 0 && !is_judged(metric))?;
            let mut examples = self.verification.examples.iter();
            let first = examples.find(|each| each.class.name() == metric.name());
            let first =
                first.map(|it| format!("; the first: {} {} {}", it.operation, it.table, it.key));
            let changes = match (self.is_of_events, count) {
                (true, 1) => "event was",
                (true, _) => "events were",
                (false, 1) => "change of a row was",
                (false, _) => "changes of rows were",
            };
            Some(format!("{count} {changes} {what}{}", first.unwrap_or_default()))
        });
        found.collect()
    }
}
