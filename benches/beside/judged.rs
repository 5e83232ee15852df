//! What the trace of a run costs, and how long it takes to judge the run from it and from what its observers have stored.

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

/// The same actions into nothing, with a trace and without.
pub(crate) fn trace(rounds: usize) {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios/hold.yaml");
    let cost = |is_kept: bool| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.arg("run").arg(&scenario).arg("--out").arg(&out);
        command.arg("--set").arg(format!("ledger={{ trace: {is_kept} }}"));
        let (summary, cpu) = process::run_loadgen(&mut command, &out);
        cpu * 1e6 / summary["streams"][0]["acknowledged"].as_f64().unwrap()
    };
    let readings: Vec<(f64, f64)> = (0..rounds)
        .map(|round| {
            // Whichever is first finds the machine colder.
            let first = cost(round % 2 == 0);
            let second = cost(round % 2 != 0);
            if round % 2 == 0 { (second, first) } else { (first, second) }
        })
        .collect();
    let (_, without, _) = spread(readings.iter().map(|(without, _)| *without));
    let (_, with, _) = spread(readings.iter().map(|(_, with)| *with));
    let (least, ratio, most) = spread(readings.iter().map(|(without, with)| with / without));
    println!("an action into nothing: {without:.2} µs of processors, {with:.2} with its trace");
    println!("ratio {ratio:.3} ({least:.3} to {most:.3})");
}
