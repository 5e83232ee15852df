//! How exactly 100,000 slots a second are held, for each precision; and beside it a bare loop that waits in the
//! same way in the same minute, and does nothing else: what is late there is the machine's.

use std::os::fd::OwnedFd;
use std::time::Duration;
use std::time::Instant;

use rustix::time::Itimerspec;
use rustix::time::TimerfdClockId;
use rustix::time::TimerfdFlags;
use rustix::time::TimerfdTimerFlags;
use rustix::time::Timespec;
use serde_json::Value;

use super::engine::run;
use super::measure::spread;

/// From slot to slot of all threads together.
const DISTANCE_NS: u64 = 10_000;
/// How long the bare loop runs.
const LENGTH: Duration = Duration::from_secs(5);

/// A preset: its name, on so many threads, which wake no more often than this; 0 if they do not sleep.
type Preset = (&'static str, u64, u64);

const PRESETS: [Preset; 3] = [("eco", 2, 1_000_000), ("normal", 2, 200_000), ("precise", 1, 0)];

/// Lateness in microseconds, and by how much the rate was missed.
#[derive(Debug, Clone, Copy)]
struct Lateness {
    p50: f64,
    p99: f64,
    /// In millionths; told of loadgen only.
    error: f64,
}

/// All presets.
pub(crate) fn all(rounds: usize) {
    println!("| precision | rate error, ppm | sched p50 | p99 | bare loop p50 | p99 |");
    println!("|---|---|---|---|---|---|");
    for preset in PRESETS {
        let both: Vec<(Lateness, Lateness)> = (0..rounds)
            .map(|round| {
                let reading = if round % 2 == 0 {
                    let bare = bare(preset);
                    (bare, ours(preset))
                } else {
                    let ours = ours(preset);
                    (bare(preset), ours)
                };
                eprintln!("{round} {} {reading:?}", preset.0);
                reading
            })
            .collect();
        let of = |pick: fn(&(Lateness, Lateness)) -> f64| spread(both.iter().map(pick)).1;
        println!(
            "| {} | {:.0} | {:.1} µs | {:.1} µs | {:.1} µs | {:.1} µs |",
            preset.0,
            of(|(_, ours)| ours.error),
            of(|(_, ours)| ours.p50),
            of(|(_, ours)| ours.p99),
            of(|(bare, _)| bare.p50),
            of(|(bare, _)| bare.p99),
        );
    }
}

fn ours((precision, threads, _): Preset) -> Lateness {
    let set = format!("load.precision={precision}");
    let summary = run("hold.yaml", &["--workers", &threads.to_string(), "--set", &set]);
    let stream = &summary["streams"][0];
    let number = |value: &Value| value.as_f64().unwrap();
    Lateness {
        p50: number(&stream["sched"]["p50"]) / 1e3,
        p99: number(&stream["sched"]["p99"]) / 1e3,
        error: (number(&stream["achieved_rate"]) / number(&stream["target_rate"]) - 1.0) * 1e6,
    }
}

fn bare((_, threads, wake_ns): Preset) -> Lateness {
    let begin = now() + 10_000_000;
    let workers: Vec<_> = (0..threads)
        .map(|number| {
            let first = begin + number * DISTANCE_NS;
            std::thread::spawn(move || wait_for_all(first, threads * DISTANCE_NS, wake_ns))
        })
        .collect();
    let mut late: Vec<u32> =
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    late.sort_unstable();
    let at = |part: usize| f64::from(late[late.len() * part / 100]) / 1e3;
    Lateness { p50: at(50), p99: at(99), error: f64::NAN }
}

/// How late each slot of a thread is taken.
fn wait_for_all(mut due: u64, distance: u64, wake_ns: u64) -> Vec<u32> {
    let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC);
    let timer = timer.unwrap();
    let mut late = Vec::with_capacity(1 << 20);
    let (began, mut woken) = (Instant::now(), 0);
    while began.elapsed() < LENGTH {
        loop {
            let now = now();
            if due > now {
                break;
            }
            late.push(u32::try_from(now - due).unwrap_or(u32::MAX));
            due += distance;
        }
        if wake_ns > 0 {
            sleep_until(&timer, due.max(woken + wake_ns));
            woken = now();
        }
    }
    late
}

fn sleep_until(timer: &OwnedFd, at: u64) {
    let it_value = Timespec {
        tv_sec: i64::try_from(at / 1_000_000_000).unwrap(),
        tv_nsec: i64::try_from(at % 1_000_000_000).unwrap(),
    };
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    let spec = Itimerspec { it_interval: never, it_value };
    rustix::time::timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &spec).unwrap();
    rustix::io::read(timer, &mut [0; 8]).unwrap();
}

fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap()
}
