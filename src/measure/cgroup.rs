//! What the control group of this process allows: how much processor time, and how often it was
//! held back for having used it up. Both versions of control groups are understood.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Where the kernel shows control groups.
const MOUNT: &str = "/sys/fs/cgroup";

/// The group that limits this process most, and those above it.
#[derive(Debug, Clone, Default)]
pub(super) struct ControlGroup {
    /// Where `cpu.stat` is, if there is a limit.
    stat: Option<PathBuf>,
    /// How many processors may be used at once.
    quota: Option<f64>,
}

/// Periods of a control group with a limit, counted since the group was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Periods {
    /// In which it ran.
    pub all: u64,
    /// In which it used up its limit and was held back.
    pub throttled: u64,
}

impl ControlGroup {
    /// That of this process.
    pub(super) fn here() -> ControlGroup {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        ControlGroup::read(Path::new(MOUNT), &own)
    }

    /// `own` is the text of `/proc/self/cgroup`: lines like `0::/a/b` or `4:cpu,cpuacct:/a/b`.
    fn read(mount: &Path, own: &str) -> ControlGroup {
        let mut tightest = ControlGroup::default();
        for line in own.lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(path)) =
                (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let root = match controllers {
                "" => mount.to_owned(),
                _ if controllers.split(',').any(|name| name == "cpu") => {
                    let joined = mount.join(controllers);
                    if joined.is_dir() { joined } else { mount.join("cpu") }
                }
                _ => continue,
            };
            // A group is limited by all above it. Inside a container its own path may not be there,
            // and the root is its own group.
            let path = Path::new(path.trim_start_matches('/'));
            for folder in path.ancestors().map(|above| root.join(above)) {
                let Some(quota) = quota_of(&folder) else { continue };
                if tightest.quota.is_none_or(|known| quota < known) {
                    let stat = Some(folder.join("cpu.stat"));
                    tightest = ControlGroup { stat, quota: Some(quota) };
                }
            }
        }
        tightest
    }

    /// How many processors may be used at once; `None` without a limit.
    pub(super) fn quota(&self) -> Option<f64> {
        self.quota
    }

    /// As of now; none without a limit.
    pub(super) fn periods(&self) -> Periods {
        let text = self.stat.as_ref().and_then(|stat| fs::read_to_string(stat).ok());
        text.as_deref().map(periods).unwrap_or_default()
    }
}

fn quota_of(folder: &Path) -> Option<f64> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let v2 = read("cpu.max").and_then(|text| quota_v2(&text));
    v2.or_else(|| quota(&read("cpu.cfs_quota_us")?, &read("cpu.cfs_period_us")?))
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

/// Of lines like `nr_periods 10`.
fn periods(text: &str) -> Periods {
    let number = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(key, _)| *key == name).and_then(|(_, value)| value.trim().parse().ok())
    };
    Periods {
        all: number("nr_periods").unwrap_or(0),
        throttled: number("nr_throttled").unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }

    #[test]
    fn the_tightest_group_of_version_2_counts() {
        let mount = tempfile::tempdir().unwrap();
        let (pod, inner) = (mount.path().join("pod"), mount.path().join("pod/inner"));
        write(&pod, "cpu.max", "150000 100000\n");
        write(&pod, "cpu.stat", "usage_usec 5\nnr_periods 200\nnr_throttled 7\n");
        write(&inner, "cpu.max", "max 100000\n");
        let group = ControlGroup::read(mount.path(), "0::/pod/inner\n");
        assert_eq!(group.quota(), Some(1.5));
        assert_eq!(group.periods(), Periods { all: 200, throttled: 7 });
        let none = ControlGroup::read(mount.path(), "0::/elsewhere\n");
        assert_eq!((none.quota(), none.periods()), (None, Periods::default()));
    }

    #[test]
    fn version_1_and_a_root_inside_a_container_are_found() {
        let mount = tempfile::tempdir().unwrap();
        let folder = mount.path().join("cpu,cpuacct");
        write(&folder, "cpu.cfs_quota_us", "50000\n");
        write(&folder, "cpu.cfs_period_us", "100000\n");
        write(&folder, "cpu.stat", "nr_periods 10\nnr_throttled 3\nthrottled_time 9\n");
        let own = "9:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n";
        let group = ControlGroup::read(mount.path(), own);
        assert_eq!(group.quota(), Some(0.5));
        assert_eq!(group.periods(), Periods { all: 10, throttled: 3 });
        assert_eq!(quota("-1\n", "100000\n"), None);
    }
}
