//! What the generator itself cost, and what it was denied.

use std::fs;
use std::thread::available_parallelism;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::pace::nanoseconds;
use crate::pace::real;

use super::Digest;
use super::cgroup::ControlGroup;
use super::cgroup::Periods;

/// What this process used. 0 where the system does not tell. The first two are of the whole run, all
/// else is of the measured part.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Generator {
    /// Processor time of all threads, user and system, in seconds.
    pub cpu_seconds: f64,
    /// The most memory that was resident at once, in bytes.
    pub peak_rss_bytes: u64,
    /// How many processors it may use at once: those of the machine, or fewer by its control group.
    pub cpus: f64,
    /// How much of them it used, 0 to 1.
    pub cpu_share: f64,
    /// How much of a processor its busiest worker used, 0 to 1.
    pub busiest_worker: f64,
    /// In how many periods of its control group it was held back, 0 to 1.
    pub throttled: f64,
    /// For how much of the time a worker was ready to run and had no processor, 0 to 1.
    pub run_delay: f64,
    /// How often a thread was put off its processor.
    pub involuntary_switches: u64,
    /// How much later than they were due its workers woke, in nanoseconds.
    pub wake: Digest,
}

impl Generator {
    /// As of now, without anything of the measured part.
    pub fn now() -> Generator {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Generator {
            cpu_seconds: cpu_time().as_secs_f64(),
            peak_rss_bytes: memory(&status, "VmHWM:").unwrap_or(0),
            ..Generator::default()
        }
    }

    /// That of several processes: sums, and of shares the greatest. `wake` stays this one's.
    #[must_use]
    pub(super) fn and(self, other: Generator) -> Generator {
        Generator {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            peak_rss_bytes: self.peak_rss_bytes.max(other.peak_rss_bytes),
            cpus: self.cpus + other.cpus,
            cpu_share: self.cpu_share.max(other.cpu_share),
            busiest_worker: self.busiest_worker.max(other.busiest_worker),
            throttled: self.throttled.max(other.throttled),
            run_delay: self.run_delay.max(other.run_delay),
            involuntary_switches: self.involuntary_switches + other.involuntary_switches,
            wake: self.wake,
        }
    }
}

/// What the generator used in a while.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Processors that it used on average.
    pub cpu: f64,
    /// Memory that was resident at the end, in bytes.
    pub rss_bytes: u64,
    /// Periods of its control group.
    pub periods: Periods,
    /// How often a thread was put off its processor.
    pub involuntary_switches: u64,
}

impl Usage {
    /// Of two whiles together, one after the other, of these lengths.
    #[must_use]
    pub(super) fn then(self, next: Usage, lengths: (Duration, Duration)) -> Usage {
        let (first, second) = (lengths.0.as_secs_f64(), lengths.1.as_secs_f64());
        let whole = first + second;
        let cpu = if whole > 0.0 { (self.cpu * first + next.cpu * second) / whole } else { 0.0 };
        Usage {
            cpu,
            rss_bytes: next.rss_bytes,
            periods: Periods {
                all: self.periods.all + next.periods.all,
                throttled: self.periods.throttled + next.periods.throttled,
            },
            involuntary_switches: self.involuntary_switches + next.involuntary_switches,
        }
    }
}

/// Looks, now and then, what this process used since the last look.
#[derive(Debug)]
pub struct Probe {
    group: ControlGroup,
    cpu_ns: u64,
    periods: Periods,
    switches: u64,
}

impl Probe {
    /// From now on.
    pub fn start() -> Probe {
        let group = ControlGroup::here();
        let periods = group.periods();
        Probe { periods, group, cpu_ns: nanoseconds(cpu_time()), switches: switches() }
    }

    /// Since the last look, which was so long ago.
    pub fn look(&mut self, length: Duration) -> Usage {
        let (cpu_ns, periods, switches) =
            (nanoseconds(cpu_time()), self.group.periods(), switches());
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let length_ns = real(nanoseconds(length));
        let used_ns = real(cpu_ns.saturating_sub(self.cpu_ns));
        let usage = Usage {
            cpu: if length_ns > 0.0 { used_ns / length_ns } else { 0.0 },
            rss_bytes: memory(&status, "VmRSS:").unwrap_or(0),
            periods: Periods {
                all: periods.all.saturating_sub(self.periods.all),
                throttled: periods.throttled.saturating_sub(self.periods.throttled),
            },
            involuntary_switches: switches.saturating_sub(self.switches),
        };
        (self.cpu_ns, self.periods, self.switches) = (cpu_ns, periods, switches);
        usage
    }

    /// How many processors this process may use at once.
    pub fn cpus(&self) -> f64 {
        let machine = available_parallelism().map_or(1, usize::from);
        let machine = real(u64::try_from(machine).unwrap_or(1));
        self.group.quota().map_or(machine, |quota| quota.min(machine))
    }
}

/// What the calling thread used so far: processor time, and the time in which it was ready to run
/// and had no processor, both in nanoseconds.
pub fn thread_usage() -> (u64, u64) {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let used = nanoseconds(Duration::try_from(clock).unwrap_or_default());
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let delay = stat.split_ascii_whitespace().nth(1).and_then(|delay| delay.parse().ok());
    (used, delay.unwrap_or(0))
}

/// How many processors the control group of this process may use at once; `None` without a limit.
pub fn cpu_quota() -> Option<f64> {
    ControlGroup::here().quota()
}

fn cpu_time() -> Duration {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(clock).unwrap_or_default()
}

/// Of all threads that are there now.
fn switches() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of_task = |status: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse::<u64>().ok())
    };
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    statuses.filter_map(|status| of_task(&status)).sum()
}

/// `VmHWM:  123456 kB`, in bytes.
fn memory(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_used_something() {
        let mut probe = Probe::start();
        let spent: u64 = (0..20_000_000_u64).map(std::hint::black_box).sum();
        let generator = Generator::now();
        assert!(spent > 0 && generator.cpu_seconds > 0.0);
        assert!(generator.peak_rss_bytes > 100_000, "{generator:?}");
        let usage = probe.look(Duration::from_secs(1));
        assert!(usage.cpu > 0.0 && usage.rss_bytes > 100_000, "{usage:?}");
        assert!(probe.cpus() > 0.0 && thread_usage().0 > 0);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(memory("VmPeak:\t 9 kB\nVmHWM:\t    1024 kB\n", "VmHWM:"), Some(1_048_576));
    }

    #[test]
    fn two_whiles_are_one() {
        let usage = |cpu, all| Usage {
            cpu,
            periods: Periods { all, throttled: 1 },
            involuntary_switches: 2,
            rss_bytes: all,
        };
        let both =
            usage(1.0, 10).then(usage(4.0, 5), (Duration::from_secs(2), Duration::from_secs(1)));
        assert_eq!((both.cpu, both.rss_bytes, both.involuntary_switches), (2.0, 5, 4));
        assert_eq!(both.periods, Periods { all: 15, throttled: 2 });
    }
}
