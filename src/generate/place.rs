//! Addresses: the parts of one row are of one place, because all of them are drawn from one key.

use std::fmt::Write as _;

use crate::action::Action;
use crate::action::Value;
use crate::generate::column::cut;
use crate::generate::column::round_to;
use crate::generate::key::Draw;
use crate::schema::Address;
use crate::schema::AddressPart;
use crate::schema::ColumnType;
use crate::schema::places::CITIES;
use crate::schema::places::City;
use crate::units::Decimal;

/// How far from the middle of a city an address lies at most, in millionths of a degree: some two
/// kilometres.
const SPREAD: u64 = 20_000;

/// The last letters of a postcode, without those that are easily misread.
const LETTERS: &[u8] = b"ABDEFGHJLNPQRSTUWXYZ";

/// A part of an address, made ready.
#[derive(Debug, Clone)]
pub(super) struct Place {
    part: AddressPart,
    /// Tells apart the addresses of a row.
    pub(super) name: u64,
    /// Cities with the share of the people who live there or in one before it.
    cities: Vec<(&'static City, f64)>,
}

impl Place {
    pub(super) fn new(address: &Address) -> Self {
        let is_wanted = |city: &&City| {
            let countries = &address.countries;
            countries.is_empty() || countries.iter().any(|code| code == city.country.code)
        };
        let wanted: Vec<&City> = CITIES.iter().filter(is_wanted).collect();
        let total: f64 = wanted.iter().map(|city| f64::from(city.people)).sum();
        let mut sum = 0.0;
        let cities = wanted.into_iter().map(|city| {
            sum += f64::from(city.people);
            (city, sum / total)
        });
        Self { part: address.part, name: hash(&address.name), cities: cities.collect() }
    }

    /// The part of the address of this key.
    pub(super) fn value(&self, kind: ColumnType, key: u64, action: &mut Action) -> Value {
        let mut draw = Draw::new(key);
        let unit = draw.unit();
        let at = self.cities.partition_point(|(_, share)| *share <= unit);
        let Some((city, _)) = self.cities.get(at).or(self.cities.last()) else {
            return Value::Null;
        };
        // Each is drawn whether it is wanted or not, so that the parts agree.
        let [street, postcode, north, east] = [0; 4].map(|_| draw.bits());
        let out = action.arena();
        let start = out.len();
        match self.part {
            AddressPart::Latitude => return degrees(city.latitude, north, kind),
            AddressPart::Longitude => return degrees(city.longitude, east, kind),
            AddressPart::City => out.push_str(city.name),
            AddressPart::State => out.push_str(city.state),
            AddressPart::StateCode => out.push_str(city.state_code),
            AddressPart::Country => out.push_str(city.country.name),
            AddressPart::CountryCode => out.push_str(city.country.code),
            AddressPart::Postcode => write_postcode(city, postcode, out),
            AddressPart::Street => write_street(city, street, out),
            AddressPart::Line => template(city.country.line, out, |name, out| match name {
                "street" => write_street(city, street, out),
                "city" => out.push_str(city.name),
                "state" => out.push_str(city.state_code),
                _ => write_postcode(city, postcode, out),
            }),
        }
        cut(kind, start, action);
        action.text_from(start)
    }
}

/// FNV-1a (Fowler, Noll, Vo), 64 bits.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Near the middle of a city, as the column holds it.
fn degrees(middle: i64, chance: u64, kind: ColumnType) -> Value {
    let off = (u128::from(chance) * u128::from(2 * SPREAD + 1)) >> 64;
    let unscaled = middle - i64::try_from(SPREAD).unwrap_or(0) + i64::try_from(off).unwrap_or(0);
    let exact = Decimal { unscaled, scale: 6 };
    match kind {
        ColumnType::Numeric { scale, .. } => {
            exact.rescale(scale).map_or(Value::Null, Value::Decimal)
        }
        _ => round_to(kind, exact.to_f64()),
    }
}

fn write_postcode(city: &City, chance: u64, out: &mut String) {
    let mut rest = chance;
    for sign in city.postcode.chars() {
        match sign {
            '#' => {
                out.push(char::from(b'0' + u8::try_from(rest % 10).unwrap_or(0)));
                rest /= 10;
            }
            '@' => {
                let count = LETTERS.len() as u64;
                out.push(char::from(LETTERS[usize::try_from(rest % count).unwrap_or(0)]));
                rest /= count;
            }
            plain => out.push(plain),
        }
    }
}

fn write_street(city: &City, chance: u64, out: &mut String) {
    let count = city.country.streets.split(',').count() as u64;
    let street = usize::try_from(chance % count).unwrap_or(0);
    // Low numbers are the commonest: the least of two.
    let [one, two] = [chance >> 16, chance >> 32].map(|chance| chance % 999 + 1);
    template(city.country.street, out, |name, out| match name {
        "n" => {
            // Writing to a string does not fail.
            let _ = write!(out, "{}", one.min(two));
        }
        _ => out.push_str(city.country.streets.split(',').nth(street).unwrap_or("")),
    });
}

/// Writes a template, with `put` for each name in braces.
fn template(template: &str, out: &mut String, put: impl Fn(&str, &mut String)) {
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        out.push_str(before);
        let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
        put(name, out);
        rest = behind;
    }
    out.push_str(rest);
}
