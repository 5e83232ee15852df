//! A `numeric` as PostgreSQL sends it in binary: number of digits, weight of the first, sign and scale as i16, then
//! digits of base 10,000.

/// A value of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numeric<'a> {
    /// A number.
    Finite(Digits<'a>),
    /// `NaN`.
    NotANumber,
    /// `Infinity`.
    Infinity,
    /// `-Infinity`.
    MinusInfinity,
}

/// A number by its digits of base 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digits<'a> {
    /// Whether it is less than zero.
    pub(crate) is_negative: bool,
    /// The first digit is worth 10,000 to the power of this.
    pub(crate) weight: i32,
    /// Two bytes each.
    words: &'a [[u8; 2]],
}

impl<'a> Numeric<'a> {
    /// Reads one. `None` if these are no bytes of the type.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<2>();
        let [count, weight, sign, _scale, words @ ..] = words else { return None };
        let is_whole = rest.is_empty() && words.len() == usize::from(u16::from_be_bytes(*count));
        let finite = |is_negative| {
            let weight = i32::from(i16::from_be_bytes(*weight));
            is_whole.then_some(Self::Finite(Digits { is_negative, weight, words }))
        };
        match u16::from_be_bytes(*sign) {
            0x0000 => finite(false),
            0x4000 => finite(true),
            0xc000 => Some(Self::NotANumber),
            0xd000 => Some(Self::Infinity),
            0xf000 => Some(Self::MinusInfinity),
            _ => None,
        }
    }
}

impl Digits<'_> {
    /// The digits that are not left out, each with the power of 10,000 that it is worth; the greatest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (i32, u16)> {
        let powers = (i32::MIN..=self.weight).rev();
        powers.zip(self.words.iter().map(|word| u16::from_be_bytes(*word)))
    }

    /// The digit that is worth 10,000 to the power of `power`.
    pub(crate) fn at(&self, power: i32) -> u16 {
        let place = usize::try_from(self.weight - power).ok();
        let word = place.and_then(|place| self.words.get(place));
        word.map_or(0, |word| u16::from_be_bytes(*word))
    }

    /// The power of 10,000 that the last digit is worth.
    pub(crate) fn last(&self) -> i32 {
        let count = i32::try_from(self.words.len()).unwrap_or(i32::MAX);
        self.weight.saturating_sub(count).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn each_sign_is_told_from_the_others() {
        let of = |sign| bytes(&[0, 0, sign, 0]);
        let is = |sign: u16| Numeric::read(&of(sign)).map(|it| format!("{it:?}"));
        assert!(is(0x0000).unwrap().contains("is_negative: false"));
        assert!(is(0x4000).unwrap().contains("is_negative: true"));
        assert_eq!(Numeric::read(&of(0xc000)), Some(Numeric::NotANumber));
        assert_eq!(Numeric::read(&of(0xd000)), Some(Numeric::Infinity));
        assert_eq!(Numeric::read(&of(0xf000)), Some(Numeric::MinusInfinity));
        assert_eq!(Numeric::read(&of(0x1234)), None);
    }

    #[test]
    fn digits_are_read_with_what_they_are_worth() {
        // -1234567.89
        let bytes = bytes(&[3, 1, 0x4000, 2, 123, 4567, 8900]);
        let Some(Numeric::Finite(digits)) = Numeric::read(&bytes) else { panic!("{bytes:?}") };
        assert_eq!(digits.all().collect::<Vec<_>>(), [(1, 123), (0, 4567), (-1, 8900)]);
        assert_eq!([2, 1, 0, -1, -2].map(|power| digits.at(power)), [0, 123, 4567, 8900, 0]);
        assert_eq!((digits.is_negative, digits.last()), (true, -1));
        for cut in 0..bytes.len() {
            assert_eq!(Numeric::read(&bytes[..cut]), None, "{cut}");
        }
    }
}
