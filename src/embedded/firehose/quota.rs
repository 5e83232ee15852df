//! What a stream takes in a second: buckets that hold a second's worth and fill evenly.

use std::str::FromStr;
use std::time::Instant;

use crate::scenario::FirehoseLimits;
use crate::units::parse_count;

/// What each stream takes in a second. 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Calls of `PutRecord` and `PutRecordBatch`.
    pub requests: u64,
    /// Records.
    pub records: u64,
    /// Bytes of records, before base64.
    pub bytes: u64,
}

impl Quota {
    /// That of the service in most regions.
    pub const MOST_REGIONS: Self = Self { requests: 1_000, records: 100_000, bytes: 1_024 * 1_024 };

    /// No quota.
    pub const UNLIMITED: Self = Self { requests: 0, records: 0, bytes: 0 };
}

impl From<FirehoseLimits> for Quota {
    fn from(limits: FirehoseLimits) -> Self {
        let FirehoseLimits { requests, records, bytes } = limits;
        Self { requests, records, bytes }
    }
}

/// `requests=1000,records=100k,bytes=1048576`, what is left out, 0 or `off` without limit; `off` for none at all.
impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut quota = Self::UNLIMITED;
        if text == "off" {
            return Ok(quota);
        }
        for part in text.split(',') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let limit = match name.trim() {
                "requests" => &mut quota.requests,
                "records" => &mut quota.records,
                "bytes" => &mut quota.bytes,
                _ => {
                    return Err(format!(
                        "`{part}` is no limit: write `requests=1000,records=100k,bytes=1048576`, or `off`"
                    ));
                }
            };
            *limit = if value == "off" { 0 } else { parse_count(value)? };
            if *limit > RATE_MAX {
                return Err(format!("`{part}` is more than a thousand million a second"));
            }
        }
        Ok(quota)
    }
}

/// The most that a bucket may take in a second.
const RATE_MAX: u64 = 1_000_000_000;

/// What a stream may still take.
#[derive(Debug)]
pub(super) struct Buckets {
    requests: Bucket,
    records: Bucket,
    bytes: Bucket,
}

impl Buckets {
    /// Full ones.
    pub(super) fn new(quota: Quota, now: Instant) -> Self {
        let bucket = |rate| Bucket { rate, level: rate.saturating_mul(NANO), filled: now };
        Self {
            requests: bucket(quota.requests),
            records: bucket(quota.records),
            bytes: bucket(quota.bytes),
        }
    }

    /// Whether another call may come in now.
    pub(super) fn take_request(&mut self, now: Instant) -> bool {
        self.requests.fill(now);
        self.requests.has(1) && self.requests.take(1)
    }

    /// Whether another record of so many bytes may come in now.
    pub(super) fn take_record(&mut self, bytes: u64, now: Instant) -> bool {
        self.records.fill(now);
        self.bytes.fill(now);
        self.records.has(1)
            && self.bytes.has(bytes)
            && self.records.take(1)
            && self.bytes.take(bytes)
    }
}

/// Units are kept in thousand-millionths, so that filling them by the nanosecond is exact.
const NANO: u64 = 1_000_000_000;

#[derive(Debug)]
struct Bucket {
    /// Units a second, and as many at most; 0 for a bucket without bottom.
    rate: u64,
    level: u64,
    filled: Instant,
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_nanos();
        let passed = u64::try_from(passed).unwrap_or(NANO).min(NANO);
        self.filled = self.filled.max(now);
        let full = self.rate.saturating_mul(NANO);
        self.level = self.level.saturating_add(self.rate.saturating_mul(passed)).min(full);
    }

    fn has(&self, amount: u64) -> bool {
        self.rate == 0 || self.level >= amount.saturating_mul(NANO)
    }

    fn take(&mut self, amount: u64) -> bool {
        self.level = self.level.saturating_sub(amount.saturating_mul(NANO));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;
    use std::time::Instant;

    use super::Buckets;
    use super::Quota;

    #[test]
    fn a_second_gets_its_quota_and_no_more() {
        let mut now = Instant::now();
        let mut buckets = Buckets::new(Quota { requests: 10, records: 0, bytes: 0 }, now);
        let mut taken = (0..20).filter(|_| buckets.take_request(now)).count();
        assert_eq!(taken, 10, "a full bucket holds a second's worth");
        for _ in 0..1_000 {
            now += Duration::from_millis(10);
            taken += usize::from(buckets.take_request(now));
        }
        assert_eq!(taken, 110, "and ten seconds later ten more seconds' worth");
    }

    #[test]
    fn bytes_and_records_are_held_apart() {
        let now = Instant::now();
        let mut buckets = Buckets::new(Quota { requests: 0, records: 3, bytes: 1_000 }, now);
        assert!(!buckets.take_record(1_001, now));
        assert!(buckets.take_record(900, now));
        assert!(!buckets.take_record(101, now));
        assert!(buckets.take_record(50, now) && buckets.take_record(50, now));
        assert!(!buckets.take_record(0, now), "no record is left");
    }

    #[test]
    fn quotas_are_read_as_people_write_them() {
        let quota = Quota { requests: 5, records: 2_000, bytes: 0 };
        assert_eq!("requests=5,records=2k".parse(), Ok(quota));
        assert_eq!("off".parse(), Ok(Quota::UNLIMITED));
        assert_eq!("requests=off,bytes=0".parse(), Ok(Quota::UNLIMITED));
        for text in ["", "calls=1", "requests", "requests=x", "bytes=2G"] {
            assert!(text.parse::<Quota>().is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_quota_everything_comes_in() {
        let now = Instant::now();
        let mut buckets = Buckets::new(Quota::UNLIMITED, now);
        assert!((0..1_000).all(|_| buckets.take_request(now) && buckets.take_record(1 << 40, now)));
    }
}
