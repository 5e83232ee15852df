//! Fills of [`Drawn`]: what they say, or their mistakes.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::schema::Address;
use crate::schema::AddressPart;
use crate::schema::ColumnType;
use crate::schema::Distribution;
use crate::schema::Drawn;
use crate::schema::Fill;
use crate::schema::Invented;
use crate::schema::IpRange;
use crate::schema::Lines;
use crate::schema::Pattern;
use crate::schema::PhoneForm;
use crate::schema::Shape;
use crate::schema::check::distribution::Measure;
use crate::schema::check::distribution::Written;
use crate::schema::check::distribution::distribution;
use crate::schema::check::distribution::noted;
use crate::schema::check::draw::Spot;
use crate::schema::check::draw::literal_in;
use crate::schema::check::draw::wants;
use crate::schema::check::literal;
use crate::schema::check::text::sentences;
use crate::schema::file::AddressFile;
use crate::schema::file::FillFile;
use crate::schema::file::IpFile;
use crate::schema::file::IpRangeFile;
use crate::schema::file::PhoneFile;
use crate::schema::file::ZipfFile;
use crate::schema::places::COUNTRIES;
use crate::units::Decimal;
use crate::units::parse_count;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// Most numbers of a Zipf distribution: what a double counts exactly, rounded down.
const RANKS_MAX: u64 = 1_000_000_000_000_000;

/// The parts of an address, as they are written.
const PARTS: [(&str, AddressPart); 10] = [
    ("city", AddressPart::City),
    ("state", AddressPart::State),
    ("state_code", AddressPart::StateCode),
    ("postcode", AddressPart::Postcode),
    ("street", AddressPart::Street),
    ("line", AddressPart::Line),
    ("country", AddressPart::Country),
    ("country_code", AddressPart::CountryCode),
    ("latitude", AddressPart::Latitude),
    ("longitude", AddressPart::Longitude),
];

/// The fill, if it is one of these.
pub(super) fn fill(
    spot: Spot,
    file: &FillFile,
    shape: &str,
    problems: &mut Problems,
) -> Option<Fill> {
    let written = match shape {
        "normal" => Some(Written::Normal(file.normal.as_ref()?)),
        "lognormal" => Some(Written::Lognormal(file.lognormal.as_ref()?)),
        "exponential" => Some(Written::Exponential(file.exponential.as_ref()?)),
        "pareto" => Some(Written::Pareto(file.pareto.as_ref()?)),
        _ => None,
    };
    if let Some(written) = written {
        return number(spot, written, shape, problems);
    }
    let drawn = match shape {
        "zipf" => zipf(spot, file.zipf.as_ref()?, problems)?,
        "boolean" => boolean(spot, file.boolean.as_ref()?, problems)?,
        "text" => sentences(spot, file.text.as_ref()?, problems)?,
        "address" => Drawn::Address(address(spot, file.address.as_ref()?, problems)?),
        "pattern" => pattern(spot, file.pattern.as_ref()?, problems)?,
        "lines" => lines(spot, file.lines.as_ref()?, problems)?,
        "phone" => {
            invented(spot, Invented::Phone(phone(file.phone.unwrap_or_default())), shape, problems)?
        }
        "ip" => {
            invented(spot, Invented::Ip(ip(file.ip.unwrap_or(IpFile::V4(None)))), shape, problems)?
        }
        _ => invented(spot, plain(shape)?, shape, problems)?,
    };
    Some(Fill::Drawn(drawn))
}

fn plain(shape: &str) -> Option<Invented> {
    Some(match shape {
        "company" => Invented::Company,
        "user_agent" => Invented::UserAgent,
        "url" => Invented::Url,
        "slug" => Invented::Slug,
        "username" => Invented::Username,
        "color" => Invented::Color,
        _ => return None,
    })
}

fn phone(file: PhoneFile) -> PhoneForm {
    match file {
        PhoneFile::National => PhoneForm::National,
        PhoneFile::E164 => PhoneForm::E164,
    }
}

fn ip(file: IpFile) -> IpRange {
    match file {
        IpFile::V4(range) => match range.unwrap_or_default() {
            IpRangeFile::Documentation => IpRange::DocumentationV4,
            IpRangeFile::Private => IpRange::PrivateV4,
            IpRangeFile::Public => IpRange::PublicV4,
        },
        IpFile::V6(range) => match range.unwrap_or_default() {
            IpRangeFile::Documentation => IpRange::DocumentationV6,
            IpRangeFile::Private => IpRange::PrivateV6,
            IpRangeFile::Public => IpRange::PublicV6,
        },
    }
}

/// Text is wanted, and room for the longest that may come.
fn invented(spot: Spot, invented: Invented, shape: &str, problems: &mut Problems) -> Option<Drawn> {
    wants(spot, spot.kind.is_text(), &format!("`{shape}` makes text"), problems)?;
    // What may be cut is cut; half a phone number is none.
    let length = match invented {
        Invented::Phone(PhoneForm::National) => 14,
        Invented::Phone(PhoneForm::E164) => 12,
        Invented::Ip(IpRange::DocumentationV4 | IpRange::PrivateV4 | IpRange::PublicV4) => 15,
        Invented::Ip(_) => 39,
        Invented::Color => 7,
        _ => 0,
    };
    room(spot, length, &format!("what `{shape}` makes"), problems)?;
    Some(Drawn::Invented(invented))
}

/// Adds a mistake if the column is shorter than that.
fn room(spot: Spot, length: usize, what: &str, problems: &mut Problems) -> Option<()> {
    match spot.kind.length_max() {
        Some(limit) if (limit as usize) < length => {
            let message = format!("`{}` is too short for {what}", spot.kind);
            let help = format!("use `varchar({length})` or more");
            problems.add(Problem::new(message).at(spot.place).help(help));
            None
        }
        _ => Some(()),
    }
}

fn number(spot: Spot, written: Written<'_>, shape: &str, problems: &mut Problems) -> Option<Fill> {
    let measure = match (shape, spot.kind) {
        ("normal" | "exponential", kind) if kind.is_time() => Measure::Moment,
        (_, kind) if kind.is_number() => Measure::Number(kind),
        ("normal" | "exponential", _) => {
            let says = format!("`{shape}` makes numbers, dates and times");
            wants(spot, false, &says, problems)?;
            return None;
        }
        _ => {
            wants(spot, false, &format!("`{shape}` makes numbers"), problems)?;
            return None;
        }
    };
    let meant = distribution(written, measure, problems)?;
    Some(match meant {
        // Without ends it is drawn as it always was.
        Distribution { shape: Shape::Lognormal { median, p99 }, min, max }
            if min == f64::NEG_INFINITY && max == f64::INFINITY =>
        {
            Fill::Lognormal { median, p99 }
        }
        meant => Fill::Drawn(Drawn::Number(meant)),
    })
}

/// `uniform` of dates and times.
pub(super) fn between(
    spot: Spot,
    range: &Spanned<(Spanned<Scalar>, Spanned<Scalar>)>,
    problems: &mut Problems,
) -> Option<Fill> {
    let spot = Spot { is_nullable: false, ..spot };
    let (min, max) = &range.value;
    let mut read = |end: &Spanned<Scalar>| {
        literal_in(spot, end, problems)?;
        literal::moment(&end.value.1)
    };
    let (from, to) = (read(min), read(max));
    let (from, to) = (from?, to?);
    if from > to {
        let problem = Problem::new("the range ends before it begins").at(min.place);
        problems.add(problem.help("write the earlier one first"));
        return None;
    }
    Some(Fill::Drawn(Drawn::Between { min: from, max: to }))
}

fn zipf(spot: Spot, file: &ZipfFile, problems: &mut Problems) -> Option<Drawn> {
    let is_exact = spot.kind.is_exact();
    wants(spot, is_exact, "`zipf` makes whole numbers", problems)?;
    let spot = Spot { is_nullable: false, ..spot };
    let (place, from, to) = match (&file.n, &file.range) {
        (Some(n), None) => {
            let count = noted(parse_count(&n.value.1), n.place, problems)?;
            (n.place, 1, i64::try_from(count).unwrap_or(i64::MAX))
        }
        (None, Some(range)) => {
            let mut whole = |end: &Spanned<Scalar>| {
                literal_in(spot, end, problems)?;
                let number = literal::number(&end.value);
                let whole = number.and_then(|number| number.rescale(0));
                if whole.is_none() || whole.map(Decimal::to_f64) != number.map(Decimal::to_f64) {
                    let message = format!("`{}` is not a whole number", end.value.1);
                    problems.add(Problem::new(message).at(end.place));
                    return None;
                }
                whole.map(|whole| whole.unscaled)
            };
            let (from, to) = (whole(&range.value.0), whole(&range.value.1));
            (range.place, from?, to?)
        }
        _ => {
            let place = file.range.as_ref().map_or(spot.place, |range| range.place);
            let problem = Problem::new("`zipf` has `n` or `range`, one of the two").at(place);
            problems.add(problem.help("write `zipf: { n: 1M, s: 1.1 }`"));
            return None;
        }
    };
    if to < from || to.abs_diff(from) >= RANKS_MAX {
        let message = "a Zipf distribution is over 1 to 10^15 numbers, the smaller end first";
        problems.add(Problem::new(message).at(place));
        return None;
    }
    let ends = [from, to]
        .map(|end| Spanned { value: Scalar(crate::yaml::Kind::Number, end.to_string()), place });
    ends.iter().try_for_each(|end| literal_in(spot, end, problems).map(|_| ()))?;
    let exponent = file.s.as_ref().map_or(1.0, |s| s.value);
    if let Some(s) = file.s.as_ref().filter(|s| !(0.01..=20.0).contains(&s.value)) {
        problems.add(Problem::new("the power `s` is 0.01 to 20").at(s.place));
        return None;
    }
    Some(Drawn::Zipf { from, count: to.abs_diff(from) + 1, exponent })
}

fn boolean(spot: Spot, share: &Spanned<f64>, problems: &mut Problems) -> Option<Drawn> {
    let is_boolean = spot.kind == ColumnType::Boolean;
    wants(spot, is_boolean, "`boolean` makes booleans", problems)?;
    if !(0.0..=1.0).contains(&share.value) {
        problems.add(Problem::new("a share is between 0 and 1").at(share.place));
        return None;
    }
    Some(Drawn::Chance(share.value))
}

fn pattern(spot: Spot, text: &Spanned<String>, problems: &mut Problems) -> Option<Drawn> {
    wants(spot, spot.kind.is_text(), "`pattern` makes text", problems)?;
    match Pattern::parse(&text.value) {
        Ok(pattern) => {
            room(spot, pattern.length_max(), "the longest text of the pattern", problems)?;
            Some(Drawn::Pattern(pattern))
        }
        Err(fault) => {
            let place = problems.within(text.place, &text.value, fault.range);
            problems.add(Problem::new(fault.message).at(place));
            None
        }
    }
}

/// The lines themselves are read when the whole schema is known: see `check/lines.rs`.
fn lines(spot: Spot, file: &Spanned<String>, problems: &mut Problems) -> Option<Drawn> {
    wants(spot, spot.kind.is_text(), "`lines` makes text", problems)?;
    let (name, place) = (file.value.clone(), file.place);
    Some(Drawn::Lines(Lines { file: name, place, entries: [].into() }))
}

fn address(
    spot: Spot,
    written: &Spanned<ScalarOr<AddressFile>>,
    problems: &mut Problems,
) -> Option<Address> {
    let (word, place, file) = match &written.value {
        ScalarOr::Scalar(Scalar(_, word)) => (word, written.place, None),
        ScalarOr::Other(file) => (&file.part.value, file.part.place, Some(&**file)),
    };
    let Some((_, part)) = PARTS.iter().find(|(name, _)| name == word) else {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        let problem = Problem::new(format!("an address has no part `{word}`")).at(place);
        problems.add(problem.maybe_help(suggest(word, "the parts", &names)));
        return None;
    };
    if matches!(part, AddressPart::Latitude | AddressPart::Longitude) {
        let says = format!("`{word}` is a number of degrees");
        wants(spot, spot.kind.is_number(), &says, problems)?;
        let fits = match spot.kind {
            ColumnType::Numeric { precision, scale, .. } => precision - scale >= 3,
            _ => true,
        };
        if !fits {
            let message = format!("degrees up to 180 do not fit into `{}`", spot.kind);
            problems.add(Problem::new(message).at(spot.place).help("use `numeric(9,6)`"));
            return None;
        }
    } else {
        wants(spot, spot.kind.is_text(), &format!("`{word}` is text"), problems)?;
        let length = match part {
            AddressPart::Postcode => 9,
            AddressPart::StateCode => 3,
            AddressPart::CountryCode => 2,
            _ => 0,
        };
        room(spot, length, &format!("every `{word}`"), problems)?;
    }
    let name = file.and_then(|file| file.of.as_ref()).map(|of| of.value.clone());
    let mut countries = Vec::new();
    let listed = file.and_then(|file| file.countries.as_ref()).map(|list| list.value.0.as_slice());
    for code in listed.unwrap_or_default() {
        if COUNTRIES.iter().any(|country| country.code == code.value) {
            countries.push(code.value.clone());
            continue;
        }
        let known: Vec<&str> = COUNTRIES.iter().map(|country| country.code).collect();
        let problem = Problem::new(format!("no cities are known in `{}`", code.value));
        let help = suggest(&code.value, "the countries", &known);
        problems.add(problem.at(code.place).maybe_help(help));
    }
    Some(Address { part: *part, name: name.unwrap_or_default(), countries })
}
