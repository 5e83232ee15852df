//! How long a run takes to be judged again from its trace and what its observers have stored.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::measure::spread;
use super::process;

/// As many actions as must be judged within a minute.
const MANY: f64 = 10e6;

/// Runs once, and judges that several times.
pub(crate) fn all(rounds: usize) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios/judged.yaml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.arg("run").arg(scenario).arg("--out").arg(&out);
    let (summary, _) = process::run_loadgen(&mut command, &out);
    let actions = summary["streams"][0]["acknowledged"].as_f64().unwrap();
    let changes = &summary["verification"]["observed"];
    let readings: Vec<(f64, f64)> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
            let (_, cpu) = process::run(command.arg("verify").arg(&out));
            (began.elapsed().as_secs_f64(), cpu)
        })
        .collect();
    let (_, seconds, _) = spread(readings.iter().map(|(seconds, _)| *seconds));
    let (_, cpu, _) = spread(readings.iter().map(|(_, cpu)| *cpu));
    println!(
        "{actions} actions, {changes} changes judged in {seconds:.2} s, {cpu:.2} s of processors"
    );
    println!(
        "{:.2} µs of processor time for an action; ten million at that rate: {:.0} s",
        cpu * 1e6 / actions,
        seconds / actions * MANY
    );
}
