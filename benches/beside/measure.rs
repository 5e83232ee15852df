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
    /// Nothing was read yet.
    pub(crate) fn new(name: String) -> Self {
        Self { name, rounds: Vec::new() }
    }

    /// A line of the table.
    fn line(&self) -> String {
        let of = |pick: fn(&(Reading, Reading)) -> f64| spread(self.rounds.iter().map(pick));
        let (_, peer, _) = of(|(peer, _)| peer.rate);
        let (_, ours, _) = of(|(_, ours)| ours.rate);
        let (least, ratio, most) = of(|(peer, ours)| ours.rate / peer.rate);
        let (_, peer_cpu, _) = of(|(peer, _)| peer.cpu_us);
        let (_, our_cpu, _) = of(|(_, ours)| ours.cpu_us);
        let (_, cpu, _) = of(|(peer, ours)| ours.cpu_us / peer.cpu_us);
        format!(
            "| {} | {} | {} | **{ratio:.2}** ({least:.2}–{most:.2}) | {} | {} | {cpu:.2} |",
            self.name,
            thousands(peer),
            thousands(ours),
            micros(peer_cpu),
            micros(our_cpu),
        )
    }
}

/// Measures all points in each round, the peer and us in turn first, and prints the table.
pub(crate) fn compare<T>(
    (peer_name, unit): (&str, &str),
    rounds: usize,
    mut points: Vec<(T, Point)>,
    peer: impl Fn(&T) -> Reading,
    ours: impl Fn(&T) -> Reading,
) {
    for round in 0..rounds {
        for (work, point) in &mut points {
            let reading = if round % 2 == 0 {
                let peer = peer(work);
                (peer, ours(work))
            } else {
                let ours = ours(work);
                (peer(work), ours)
            };
            eprintln!("{round} {} {reading:?}", point.name);
            point.rounds.push(reading);
        }
    }
    println!("{}", head(peer_name, unit));
    for (_, point) in &points {
        println!("{}", point.line());
    }
}

/// The head of the table that [`Point::line`] gives lines of.
fn head(peer: &str, unit: &str) -> String {
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

/// `9.8`, `0.071`.
fn micros(micros: f64) -> String {
    if micros < 2.0 { format!("{micros:.3}") } else { format!("{micros:.1}") }
}

/// `71.2k`, `1.31M`.
pub(crate) fn thousands(rate: f64) -> String {
    if rate >= 1e6 { format!("{:.2}M", rate / 1e6) } else { format!("{:.1}k", rate / 1e3) }
}
