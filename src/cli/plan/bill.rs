//! What Amazon Data Firehose would bill for the events of a run.

use crate::cli::plan::facts::BillOutlook;
use crate::pace::whole;
use crate::scenario::TargetKind;

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
