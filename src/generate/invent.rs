//! Things that look real and are nobody's: firms, phone numbers, internet addresses, browsers.

use std::fmt::Write as _;

use fake::locales::Data;
use fake::locales::EN;

use crate::action::Take;
use crate::generate::browser;
use crate::generate::key::Draw;
use crate::generate::sentence::pick;
use crate::generate::sentence::word;
use crate::schema::ColumnType;
use crate::schema::Invented;
use crate::schema::IpRange;
use crate::schema::PHONES;
use crate::schema::PUBLIC_V4;
use crate::schema::PhoneForm;

/// Domains that are kept for examples (RFC 2606).
const EXAMPLES: [&str; 3] = ["example.com", "example.net", "example.org"];

/// What firms are called behind a name.
const FIRMS: [&str; 20] = [
    "Group",
    "Inc.",
    "LLC",
    "Ltd.",
    "Partners",
    "Holdings",
    "& Sons",
    "& Daughters",
    "Systems",
    "Logistics",
    "Foods",
    "Industries",
    "Labs",
    "Energy",
    "Media",
    "Trading",
    "Consulting",
    "Engineering",
    "Textiles",
    "Works",
];

/// First octets that begin a range for another use.
const NOT_PUBLIC: [u8; 8] = [10, 100, 127, 169, 172, 192, 198, 203];

/// Appends one of a kind. `index`, if given, is the number of the one: below [`Invented::count`]
/// where that is limited, and then no two are alike.
pub(super) fn write(invented: Invented, index: Option<u64>, draw: &mut Draw, out: &mut String) {
    match invented {
        Invented::Company => company(draw, out),
        Invented::Phone(form) => {
            let index = index.unwrap_or_else(|| draw.below(PHONES));
            phone(form, index, out);
        }
        Invented::Ip(range) => ip(range, index, draw, out),
        Invented::UserAgent => browser::write(draw, out),
        Invented::Url => {
            out.push_str("https://www.");
            out.push_str(pick(&EXAMPLES, draw));
            out.push('/');
            word(draw, out);
            out.push('/');
            slug(draw, out);
        }
        Invented::Slug => slug(draw, out),
        Invented::Username => username(index.is_some(), draw, out),
        Invented::Color => {
            let color = index.unwrap_or_else(|| draw.below(1 << 24));
            // Writing to a string does not fail.
            let _ = write!(out, "#{color:06x}");
        }
    }
}

fn company(draw: &mut Draw, out: &mut String) {
    out.push_str(pick(EN::NAME_LAST_NAME, draw));
    match draw.below(5) {
        0 => {
            out.push_str(" & ");
            out.push_str(pick(EN::NAME_LAST_NAME, draw));
        }
        1 => {
            out.push('-');
            out.push_str(pick(EN::NAME_LAST_NAME, draw));
        }
        _ => {
            out.push(' ');
            out.push_str(pick(&FIRMS, draw));
        }
    }
}

/// Area codes are 2 to 9, 0 to 8, any; 555-0100 to 555-0199 are kept for fiction in all of them.
fn phone(form: PhoneForm, index: u64, out: &mut String) {
    let (line, area) = (100 + index % 100, index / 100);
    let (first, second, third) = (2 + area / 90 % 8, area / 10 % 9, area % 10);
    // Writing to a string does not fail.
    let _ = match form {
        PhoneForm::National => write!(out, "({first}{second}{third}) 555-0{line}"),
        PhoneForm::E164 => write!(out, "+1{first}{second}{third}5550{line}"),
    };
}

fn ip(range: IpRange, index: Option<u64>, draw: &mut Draw, out: &mut String) {
    let index_below = |count: u64, draw: &mut Draw| index.unwrap_or_else(|| draw.below(count));
    let bits = match range {
        IpRange::DocumentationV4 => {
            let index = index_below(3 * 254, draw);
            let network = [0xc000_0200, 0xc633_6400, 0xcb00_7100];
            network[usize::try_from(index / 254 % 3).unwrap_or(0)] + index % 254 + 1
        }
        IpRange::PrivateV4 => 10 << 24 | index_below(1 << 24, draw),
        IpRange::PublicV4 => {
            let index = index_below(PUBLIC_V4, draw);
            let octets = (1..=223_u8).filter(|octet| !NOT_PUBLIC.contains(octet));
            let place = usize::try_from(index >> 24).unwrap_or(0);
            u64::from(octets.into_iter().nth(place).unwrap_or(1)) << 24 | index & 0xff_ffff
        }
        IpRange::DocumentationV6 | IpRange::PrivateV6 | IpRange::PublicV6 => {
            let low = index.unwrap_or_else(|| draw.bits());
            let network = match range {
                IpRange::DocumentationV6 => 0x2001_0db8 << 32 | draw.bits() >> 48 << 16,
                IpRange::PrivateV6 => 0xfd << 56 | draw.bits() >> 8 & !0xffff,
                _ => 0x2400 << 48 | draw.bits() >> 16,
            };
            let address = std::net::Ipv6Addr::from(u128::from(network) << 64 | u128::from(low));
            let _ = write!(out, "{address}");
            return;
        }
    };
    let address = std::net::Ipv4Addr::from(u32::try_from(bits).unwrap_or(0));
    let _ = write!(out, "{address}");
}

fn slug(draw: &mut Draw, out: &mut String) {
    let more = 2 + draw.below(3);
    word(draw, out);
    for _ in 0..more {
        out.push('-');
        word(draw, out);
    }
}

/// `ada.lovelace7`; without the digits where a row's number will follow.
fn username(is_numbered: bool, draw: &mut Draw, out: &mut String) {
    let mut name = |list: &[&str]| {
        let letters = pick(list, draw).chars().filter(char::is_ascii_alphabetic);
        out.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    };
    name(EN::NAME_FIRST_NAME);
    out.push('.');
    let letters = pick(EN::NAME_LAST_NAME, draw).chars().filter(char::is_ascii_alphabetic);
    out.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    if !is_numbered && draw.below(3) > 0 {
        let _ = write!(out, "{}", draw.below(100));
    }
}

/// An address that is unique by the row's number, with as much of the name before it as fits.
pub(super) fn email(kind: ColumnType, number: u64, name: Option<usize>, out: &mut impl Take) {
    let mut buffer = [0; 13];
    let digits = base36(number, &mut buffer);
    let place = PLACES[usize::try_from(number % 3).unwrap_or(0)];
    let name = name.and_then(|column| out.text_of(column)).unwrap_or_default();
    let short = short(name);
    let mut long = Vec::new();
    if short.is_none() {
        dotted(name, &mut long);
    }
    let room = match kind {
        ColumnType::Varchar(Some(limit)) => {
            let behind = digits.len() + place.len();
            usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(behind)
        }
        _ => LOCAL_MAX,
    };
    // It is ASCII, every byte of it.
    out.take_letters(|out| {
        let start = out.len();
        let length = if let Some((letters, length)) = &short {
            out.extend_from_slice(letters);
            *length
        } else {
            out.extend_from_slice(&long);
            long.len()
        };
        out.truncate(start + length.min(room));
        out.extend_from_slice(digits);
        out.extend_from_slice(&place);
    });
}

/// What stands behind the local part of an address.
const PLACES: [[u8; 12]; 3] = [*b"@example.com", *b"@example.net", *b"@example.org"];

/// The most bytes of a name that an address begins with, and those of nearly all names, with a dot.
const LOCAL_MAX: usize = 128;
const SHORT: usize = 32;

/// The same as [`dotted`] for a short name in which what is left out stands alone, each between two
/// letters or digits: then nothing changes its place, and all bytes are made at once. What is behind
/// the length that is given means nothing.
#[inline]
fn short(name: &[u8]) -> Option<([u8; SHORT], usize)> {
    let mut letters = [b'a'; SHORT];
    // Room for a dot behind it.
    letters[..SHORT - 1].get_mut(..name.len())?.copy_from_slice(name);
    let mut is_left_out = [0; SHORT];
    for (letter, is_left_out) in letters.iter_mut().zip(&mut is_left_out) {
        let lower = *letter | 0x20;
        let is_kept = (lower.wrapping_sub(b'a') < 26) | (letter.wrapping_sub(b'0') < 10);
        *is_left_out = u8::from(!is_kept);
        *letter = if is_kept { lower } else { b'.' };
    }
    let neighbours = is_left_out.iter().zip(&is_left_out[1..]);
    let are_any_together = neighbours.fold(0, |any, (one, other)| any | one & other);
    let ends = is_left_out[0] | is_left_out[name.len().checked_sub(1)?];
    letters[name.len()] = b'.';
    (are_any_together | ends == 0).then_some((letters, name.len() + 1))
}

/// Appends the letters and digits of a name in lower case, a dot behind each run of them.
#[cold]
fn dotted(name: &[u8], out: &mut Vec<u8>) {
    let mut is_open = false;
    for letter in name.iter().chain(b" ") {
        let is_kept = letter.is_ascii_alphanumeric();
        if is_kept || is_open {
            out.push(if is_kept { letter.to_ascii_lowercase() } else { b'.' });
        }
        is_open = is_kept;
    }
    out.truncate(LOCAL_MAX);
}

/// A number in digits 0 to 9 and a to z, written to the end of the buffer.
#[inline]
pub(super) fn base36(mut number: u64, buffer: &mut [u8; 13]) -> &[u8] {
    let mut first = buffer.len();
    while first > 0 {
        first -= 1;
        let digit = u8::try_from(number % 36).unwrap_or(0);
        buffer[first] = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        number /= 36;
        if number == 0 {
            break;
        }
    }
    &buffer[first..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::dotted;
    use super::short;

    proptest! {
        #[test]
        fn short_names_become_what_all_names_become(name in "[a-zA-Z0-9 '.é-]{0,40}") {
            let mut long = Vec::new();
            dotted(name.as_bytes(), &mut long);
            if let Some((letters, length)) = short(name.as_bytes()) {
                prop_assert_eq!(&letters[..length], &long[..]);
            }
        }
    }

    #[test]
    fn names_of_people_are_short() {
        let (letters, length) = short(b"Flann O'Brien").unwrap();
        assert_eq!(&letters[..length], b"flann.o.brien.");
        assert!(short(b"Ann  Lee").is_none() && short(b"").is_none());
    }
}
