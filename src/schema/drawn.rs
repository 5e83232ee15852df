//! Fills that need nothing but chance and the row's number: distributions, sentences, addresses,
//! and other things that look real.

use crate::schema::ColumnType;
use crate::schema::lines::Lines;
use crate::schema::pattern::Pattern;
use crate::units::DAY_US;

/// A fill that needs nothing but chance.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawn {
    /// A number, or a time in microseconds since 1970; rounded to the column's type.
    Number(Distribution),
    /// A whole number from `from` on; the n-th of them has a weight of 1 ÷ n^`exponent`.
    Zipf {
        /// The likeliest.
        from: i64,
        /// How many there are.
        count: u64,
        /// Above 0.
        exponent: f64,
    },
    /// Evenly between two moments, microseconds since 1970, both included; of a `date`, whole days.
    Between {
        /// The earliest.
        min: i64,
        /// The latest.
        max: i64,
    },
    /// True in this share of rows.
    Chance(f64),
    /// Sentences.
    Sentences {
        /// What is counted.
        unit: TextUnit,
        /// How many; rounded, and at least 1.
        size: Size,
        /// The sentences; Latin if there are none.
        from: Option<Lines>,
    },
    /// A part of an address.
    Address(Address),
    /// Something that looks real.
    Invented(Invented),
    /// Text of a pattern.
    Pattern(Pattern),
    /// A line of a file.
    Lines(Lines),
}

/// A distribution over numbers, cut off at two ends: what falls outside is drawn anew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distribution {
    /// Its form.
    pub shape: Shape,
    /// Least.
    pub min: f64,
    /// Greatest.
    pub max: f64,
}

/// The form of a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Each number is equally likely.
    Even,
    /// The bell.
    Normal {
        /// Its middle.
        mean: f64,
        /// Its standard deviation, above 0.
        deviation: f64,
    },
    /// Its logarithm is normal.
    Lognormal {
        /// Half of the values lie below.
        median: f64,
        /// 99 % of the values lie below; greater than the median.
        p99: f64,
    },
    /// Falls by the same factor at each step, from the least on.
    Exponential {
        /// Mean distance from the least, above 0.
        excess: f64,
    },
    /// Falls by a power, from the least (above 0) on.
    Pareto {
        /// The power, above 0: the smaller, the heavier is the tail.
        exponent: f64,
    },
}

/// What is counted of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextUnit {
    /// Words.
    Words,
    /// Characters, with blanks and full stops.
    Characters,
}

/// How large something is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// Evenly between two whole numbers, both included.
    Between(u32, u32),
    /// By a distribution, whose ends are those of the unit.
    Distributed(Distribution),
}

/// A part of an address. The parts of one name in one row are of one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    /// Which part.
    pub part: AddressPart,
    /// Tells apart the addresses of a row that has several; empty for the only one.
    pub name: String,
    /// ISO codes of the countries; all if there are none.
    pub countries: Vec<String>,
}

/// Which part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPart {
    /// `Portland`
    City,
    /// `Oregon`
    State,
    /// `OR`
    StateCode,
    /// `97205`
    Postcode,
    /// `12 Oak St`
    Street,
    /// `12 Oak St, Portland, OR 97205`
    Line,
    /// `United States`
    Country,
    /// `US`
    CountryCode,
    /// Degrees, north positive.
    Latitude,
    /// Degrees, east positive.
    Longitude,
}

/// Something that looks real and is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invented {
    /// `Hansen & Daughters`
    Company,
    /// A number that is kept free for fiction: 555-0100 to 555-0199 of any area.
    Phone(PhoneForm),
    /// An internet address.
    Ip(IpRange),
    /// What a browser says of itself.
    UserAgent,
    /// A page of an example domain.
    Url,
    /// `lorem-ipsum-dolor`
    Slug,
    /// `ada.lovelace7`
    Username,
    /// `#a1b2c3`
    Color,
}

/// How a phone number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneForm {
    /// `(212) 555-0142`
    National,
    /// `+12125550142`
    E164,
}

/// Which internet addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpRange {
    /// 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 (RFC 5737).
    DocumentationV4,
    /// 10.0.0.0/8 (RFC 1918).
    PrivateV4,
    /// Those that hosts of the internet have.
    PublicV4,
    /// `2001:db8::/32` (RFC 3849).
    DocumentationV6,
    /// `fd00::/8` (RFC 4193).
    PrivateV6,
    /// `2400::/16`, which is handed out to hosts of the internet.
    PublicV6,
}

impl Invented {
    /// How many different ones there are at most; none where a number can be made part of it.
    pub fn count(self) -> Option<u64> {
        match self {
            Self::Phone(_) => Some(PHONES),
            Self::Ip(IpRange::DocumentationV4) => Some(3 * 254),
            Self::Ip(IpRange::PublicV4) => Some(PUBLIC_V4),
            Self::Ip(IpRange::PrivateV4) | Self::Color => Some(1 << 24),
            _ => None,
        }
    }
}

/// 8 × 9 × 10 areas, and a hundred numbers in each.
pub(crate) const PHONES: u64 = 72_000;

/// Addresses whose first octet is 1 to 223 but none of eight that have other uses.
pub(crate) const PUBLIC_V4: u64 = 215 << 24;

impl Drawn {
    /// How many different values a unique column can have, at most. `None` is without end.
    pub(crate) fn count(&self, kind: ColumnType) -> Option<u64> {
        match self {
            Self::Pattern(pattern) => Some(pattern.count()),
            Self::Lines(lines) => Some(lines.entries.len() as u64),
            Self::Invented(invented) => invented.count(),
            Self::Between { min, max } if kind == ColumnType::Date => {
                Some((max.div_euclid(DAY_US)).abs_diff(min.div_euclid(DAY_US)) + 1)
            }
            Self::Between { min, max } => Some(max.abs_diff(*min).saturating_add(1)),
            _ => None,
        }
    }
}
