//! Medians and ratios.

/// What one side did at one point of one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Operations a second.
    pub(crate) rate: f64,
    /// Microseconds of the client's processor time for each operation.
    pub(crate) cpu_us: f64,
}

/// A point's readings: the peer's and ours, round by round.
#[derive(Debug, Default)]
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) rounds: Vec<(Reading, Reading)>,
}

impl Point {
    /// A line of the table.
    pub(crate) fn line(&self) -> String {
        let of = |pick: fn(&(Reading, Reading)) -> f64| spread(self.rounds.iter().map(pick));
        let (_, peer, _) = of(|(peer, _)| peer.rate);
        let (_, ours, _) = of(|(_, ours)| ours.rate);
        let (least, ratio, most) = of(|(peer, ours)| ours.rate / peer.rate);
        let (_, peer_cpu, _) = of(|(peer, _)| peer.cpu_us);
        let (_, our_cpu, _) = of(|(_, ours)| ours.cpu_us);
        let (_, cpu, _) = of(|(peer, ours)| ours.cpu_us / peer.cpu_us);
        format!(
            "| {} | {} | {} | **{ratio:.2}** ({least:.2}–{most:.2}) | {peer_cpu:.1} | {our_cpu:.1} | {cpu:.2} |",
            self.name,
            thousands(peer),
            thousands(ours),
        )
    }
}

/// The head of the table that [`Point::line`] gives lines of.
pub(crate) fn head(peer: &str, unit: &str) -> String {
    format!(
        "| point | {peer} {unit}/s | loadgen {unit}/s | ratio: median (least–most) | {peer} CPU µs | loadgen CPU µs | ratio |\n\
         |---|---|---|---|---|---|---|"
    )
}

/// Least, median and greatest.
pub(crate) fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

/// `71.2k`, `1.31M`.
pub(crate) fn thousands(rate: f64) -> String {
    if rate >= 1e6 { format!("{:.2}M", rate / 1e6) } else { format!("{:.1}k", rate / 1e3) }
}
