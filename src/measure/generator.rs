//! What the generator itself cost.

use std::fs;

use serde::Serialize;

/// What this process used so far. 0 where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Generator {
    /// Processor time of all threads, user and system, in seconds.
    pub cpu_seconds: f64,
    /// The most memory that was resident at once, in bytes.
    pub peak_rss_bytes: u64,
}

impl Generator {
    /// As of now.
    pub fn now() -> Generator {
        let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let elapsed = std::time::Duration::try_from(clock).unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Generator {
            cpu_seconds: elapsed.as_secs_f64(),
            peak_rss_bytes: peak_rss(&status).unwrap_or(0),
        }
    }
}

/// `VmHWM:  123456 kB`, in bytes.
fn peak_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// How many processors the control group of this process may use at once; `None` without a limit.
pub fn cpu_quota() -> Option<f64> {
    let v2 = fs::read_to_string("/sys/fs/cgroup/cpu.max").ok().and_then(|text| quota_v2(&text));
    v2.or_else(|| {
        let read = |name| fs::read_to_string(format!("/sys/fs/cgroup/cpu/{name}")).ok();
        quota(&read("cpu.cfs_quota_us")?, &read("cpu.cfs_period_us")?)
    })
}

/// `200000 100000`, or `max 100000` without a limit.
fn quota_v2(text: &str) -> Option<f64> {
    let (quota_us, period_us) = text.trim().split_once(' ')?;
    quota(quota_us, period_us)
}

fn quota(quota_us: &str, period_us: &str) -> Option<f64> {
    let quota_us: f64 = quota_us.trim().parse().ok()?;
    let period_us: f64 = period_us.trim().parse().ok()?;
    (quota_us > 0.0 && period_us > 0.0).then(|| quota_us / period_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_used_something() {
        let spent: u64 = (0..2_000_000_u64).map(std::hint::black_box).sum();
        let generator = Generator::now();
        assert!(spent > 0 && generator.cpu_seconds > 0.0);
        assert!(generator.peak_rss_bytes > 100_000, "{generator:?}");
    }

    #[test]
    fn quotas_are_read_in_both_forms() {
        assert_eq!(quota_v2("150000 100000\n"), Some(1.5));
        assert_eq!(quota_v2("max 100000\n"), None);
        assert_eq!(quota("-1\n", "100000\n"), None);
        assert_eq!(peak_rss("VmPeak:\t 9 kB\nVmHWM:\t    1024 kB\n"), Some(1_048_576));
    }
}
