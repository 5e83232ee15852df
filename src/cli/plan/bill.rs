//! What Amazon Data Firehose would bill for the events of a run, and what its limits are too low for.

use crate::cli::plan::facts::BillOutlook;
use crate::cli::plan::facts::EventOutlook;
use crate::pace::real;
use crate::pace::whole;
use crate::scenario::FirehoseTarget;
use crate::scenario::TargetKind;
use crate::units::format_bytes;

/// A record is billed as a multiple of so many bytes.
const STEP: f64 = 5_120.0;
/// For each GiB, in dollars: the list price of `us-east-1` for the first 500 TB of a month.
const DOLLARS: f64 = 0.029;
const GIBIBYTE: f64 = 1_073_741_824.0;
/// Bytes of a record, at most.
const RECORD_MAX: f64 = 1_024_000.0;

/// The bill for so many events of so many bytes, where records hold as many as they may; `None` where
/// nobody bills any.
pub(super) fn bill(target: &TargetKind, sent: Option<f64>, each: f64) -> Option<BillOutlook> {
    let TargetKind::Firehose(firehose) = target else { return None };
    // A newline stands behind each event.
    let each = each + 1.0;
    let pack = f64::from(firehose.pack).min((RECORD_MAX / each).floor()).max(1.0);
    let records = (sent? / pack).ceil();
    let bytes = records * ((each * pack / STEP).ceil() * STEP);
    Some(BillOutlook {
        records: whole(records),
        bytes: whole(bytes),
        dollars: bytes / GIBIBYTE * DOLLARS,
        dollars_per_gib: DOLLARS,
    })
}

/// What the limits of a target do not let through on average, with these events, in so many nanoseconds.
pub(super) fn shortage(
    (name, target): (&str, &FirehoseTarget),
    events: &[EventOutlook],
    length_ns: u64,
) -> Option<String> {
    let seconds = real(length_ns) / 1e9;
    let events = events.iter().filter(|event| event.target == name);
    let rates = events.filter_map(|event| {
        let records = real(event.bill.as_ref()?.records) / seconds;
        Some((records, real(event.bytes? + event.sent?) / seconds))
    });
    // Events may go to streams of their own, each with the limits.
    let (records, bytes) =
        rates.fold((0.0_f64, 0.0_f64), |most, each| (most.0.max(each.0), most.1.max(each.1)));
    let is_beyond = |rate: f64, limit: u64| limit > 0 && rate > real(limit);
    let (limits, pack) = (target.limits, target.pack);
    if seconds > 0.0 && is_beyond(bytes, limits.bytes) {
        return Some(format!(
            "on average {}/s go to a stream of `{name}`, and its limits let {}/s through: raise \
             `limits.bytes`, if the service takes more",
            format_bytes(whole(bytes)),
            format_bytes(limits.bytes),
        ));
    }
    (seconds > 0.0 && is_beyond(records, limits.records)).then(|| {
        format!(
            "on average {records:.0} records/s go to a stream of `{name}`, and its limits let {} through: \
             raise `limits.records`, if the service takes more, or `pack`, which is {pack}",
            limits.records,
        )
    })
}
