//! Faults of a domain's events.

use std::time::Duration;

use crate::action::FaultClass;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Domain;
use crate::scenario::Faults;
use crate::scenario::TYPE_FIELDS;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::file::DomainFile;
use crate::scenario::file::FaultsFile;
use crate::scenario::file::LateEventsFile;
use crate::schema::Column;
use crate::schema::Schema;
use crate::units::parse_duration;
use crate::units::parse_share;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// No event is later than this.
const LATE_MAX: Duration = Duration::from_hours(24);

/// Of a domain with its targets; mistakes go to `problems`.
pub(super) fn faults(
    (file, domain): (&DomainFile, &Domain),
    targets: &[Target],
    problems: &mut Problems,
) -> Option<Faults> {
    // That an external domain has none is said elsewhere.
    let written = file.faults.as_ref().filter(|_| file.external.is_none())?;
    has_events(written, domain, targets, problems);
    let shares = shares(written, problems);
    let late = written.value.late.as_ref();
    let late_ns = late.and_then(|late| late_ns(&late.value, problems));
    let type_field = type_field(&written.value, &domain.schema, problems);
    Some(Faults { shares: shares?, late_ns: late_ns.unwrap_or((0, 0)), type_field })
}

/// Only what is sent to a message service can be wrong: a server refuses rows that are.
fn has_events(
    written: &Spanned<FaultsFile>,
    domain: &Domain,
    targets: &[Target],
    problems: &mut Problems,
) {
    let name = &domain.schema.name;
    if !domain.schema.has_events() {
        let message = format!("`{name}` has no events, and rows have no faults");
        let help = "leave `faults` out here: a server keeps what it takes, once and as it is";
        return problems.add(Problem::new(message).at(written.place).help(help));
    }
    let own = [domain.target];
    let to = if domain.events.is_empty() { own.as_slice() } else { domain.events.as_slice() };
    let silent = to.iter().filter_map(|target| targets.get(*target));
    if let Some(target) = { silent }.find(|target| !can_be_wrong(&target.kind)) {
        let message =
            format!("events of `{name}` go to `{}`, and have no faults there", target.name);
        let help = "send them to a target that is `kafka` or `firehose`, or leave `faults` out";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
}

/// Whether events on their way there may have faults: whoever sends them must be able to hold them back.
fn can_be_wrong(kind: &TargetKind) -> bool {
    matches!(kind, TargetKind::Kafka(_) | TargetKind::Firehose(_))
}

/// The share of each class.
fn shares(
    written: &Spanned<FaultsFile>,
    problems: &mut Problems,
) -> Option<[f64; FaultClass::ALL.len()]> {
    let file = &written.value;
    let unknown = file.unknown_type.as_ref().map(|unknown| match &unknown.value {
        ScalarOr::Scalar(scalar) => Spanned { value: scalar.1.clone(), place: unknown.place },
        ScalarOr::Other(settings) => settings.share.clone(),
    });
    let of = |class: FaultClass| match class {
        FaultClass::Late => file.late.as_ref().map(|late| &late.value.share),
        FaultClass::OutOfOrder => file.out_of_order.as_ref(),
        FaultClass::Doubled => file.doubled.as_ref(),
        FaultClass::Malformed => file.malformed.as_ref(),
        FaultClass::MissingField => file.missing_field.as_ref(),
        FaultClass::WrongType => file.wrong_type.as_ref(),
        FaultClass::UnknownType => unknown.as_ref(),
    };
    let before = problems.len();
    let shares = FaultClass::ALL.map(|class| of(class).map_or(0.0, |text| share(text, problems)));
    if FaultClass::ALL.iter().all(|class| of(*class).is_none()) {
        let problem = Problem::new("this names no fault").at(written.place);
        problems.add(problem.help("write `faults: { doubled: 0.5% }`, or leave `faults` out"));
    }
    let sum: f64 = shares.iter().sum();
    if sum > 1.0 + 1e-9 {
        let message = format!("the shares make {}, and an event has one fault at most", shown(sum));
        let problem = Problem::new(message).at(written.place);
        problems.add(problem.help("let them make 100% at most"));
    }
    (problems.len() == before).then_some(shares)
}

fn share(text: &Spanned<String>, problems: &mut Problems) -> f64 {
    parse_share(&text.value).unwrap_or_else(|message| {
        let problem = Problem::new(message).at(text.place);
        problems.add(problem.help("write `0.5%`, which is five events of a thousand"));
        0.0
    })
}

/// `120%`, without the noise of a sum.
fn shown(share: f64) -> String {
    format!("{}%", libm::round(share * 1e8) / 1e6)
}

/// `10m`, or `[1m, 10m]`: the least and the greatest, in nanoseconds.
fn late_ns(file: &LateEventsFile, problems: &mut Problems) -> Option<(u64, u64)> {
    let mut read = |text: &Spanned<String>| match parse_duration(&text.value) {
        Ok(duration) if duration.is_zero() => {
            problems.add(Problem::new("this is not late at all").at(text.place));
            None
        }
        Ok(duration) if duration <= LATE_MAX => u64::try_from(duration.as_nanos()).ok(),
        Ok(_) => {
            problems.add(Problem::new("an event is late by a day at most").at(text.place));
            None
        }
        Err(message) => {
            problems.add(Problem::new(message).at(text.place));
            None
        }
    };
    let (least, most) = match file.by.value.0.as_slice() {
        [only] => {
            let only = read(only)?;
            (only, only)
        }
        [least, most] => {
            let (least, most) = (read(least), read(most));
            (least?, most?)
        }
        _ => {
            let problem = Problem::new("`by` is one duration, or two").at(file.by.place);
            problems.add(problem.help("write `by: 10m` or `by: [1m, 10m]`"));
            return None;
        }
    };
    if least > most {
        let problem = Problem::new("the least is greater than the greatest").at(file.by.place);
        problems.add(problem.help("write the shorter duration first"));
        return None;
    }
    Some((least, most))
}

/// The column that says of what type an event is, if it is named. Each event must have it, as text, and
/// send it.
fn type_field(file: &FaultsFile, schema: &Schema, problems: &mut Problems) -> Option<String> {
    let written = file.unknown_type.as_ref()?;
    let field = match &written.value {
        ScalarOr::Scalar(_) => None,
        ScalarOr::Other(settings) => settings.field.as_ref(),
    };
    let place = field.map_or(written.place, |field| field.place);
    let faults = Faults {
        shares: [0.0; FaultClass::ALL.len()],
        late_ns: (0, 0),
        type_field: field.map(|field| field.value.clone()),
    };
    for event in schema.tables.iter().filter(|table| table.event.is_some()) {
        let names: Vec<&str> = event.columns.iter().map(|column| column.name.as_str()).collect();
        let found = faults.type_column(&names).map(|column| &event.columns[column]);
        let problem = match (found, field) {
            (Some(Column { hidden: false, kind, .. }), _) if kind.is_text() => continue,
            (Some(column), _) => {
                let message = format!(
                    "`{}` of the event `{}` is no text that is sent, and so cannot say its type",
                    column.name, event.name
                );
                Problem::new(message).help("name a column that is text: `field: column`")
            }
            (None, Some(field)) => {
                let message = format!("the event `{}` has no column `{}`", event.name, field.value);
                Problem::new(message).maybe_help(suggest(&field.value, "the columns", &names))
            }
            (None, None) => {
                let message = format!(
                    "the event `{}` has no column `{}`, so its type is not known",
                    event.name,
                    TYPE_FIELDS.join("` or `")
                );
                let help = "say which one tells it: `{ share: 0.1%, field: column }`";
                Problem::new(message).help(help)
            }
        };
        problems.add(problem.at(place));
    }
    faults.type_field
}
