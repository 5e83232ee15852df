//! The lines of an object, plain or packed by gzip.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read;

use flate2::read::MultiGzDecoder;

/// What an object may have once it is unpacked, and what a line of it may have.
pub(in crate::observe) const BYTES_MAX: u64 = 1 << 30;
const LINE_MAX: u64 = 16 << 20;
/// What a file begins with that is packed by gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What an object holds, unpacked as it is asked for.
pub(in crate::observe) fn unpacked(bytes: &[u8]) -> Box<dyn Read + '_> {
    if bytes.starts_with(&GZIP) { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) }
}

/// The lines of an object, unpacked as they are asked for.
fn lines(bytes: &[u8]) -> impl FnMut(&mut Vec<u8>) -> Result<bool, String> {
    let mut text = BufReader::new(unpacked(bytes)).take(BYTES_MAX + 1);
    let mut left = BYTES_MAX;
    move |line| {
        line.clear();
        let read = (&mut text).take(LINE_MAX + 2).read_until(b'\n', line);
        let read = read.map_err(|error| error.to_string())? as u64;
        left = left.checked_sub(read).ok_or_else(beyond)?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() as u64 > LINE_MAX {
            return Err(format!("it has a line of more than {} MB", LINE_MAX >> 20));
        }
        Ok(read > 0)
    }
}

/// Why more is not read.
pub(in crate::observe) fn beyond() -> String {
    format!("it has more than {} MB", BYTES_MAX >> 20)
}

/// Hands each line of an object to `take`, until that has had enough. The error says why it cannot be read to its end.
pub(in crate::observe) fn each<T>(
    bytes: &[u8],
    mut take: impl FnMut(&[u8]) -> Result<(), T>,
) -> Result<Result<(), T>, String> {
    let (mut next, mut line) = (lines(bytes), Vec::new());
    while next(&mut line)? {
        if let Err(enough) = take(&line) {
            return Ok(Err(enough));
        }
    }
    Ok(Ok(()))
}

/// Whether an object can be read to its end: what it holds is told only then, and once.
pub(in crate::observe) fn checked(name: &str, bytes: &[u8]) -> Result<(), String> {
    let read = each(bytes, |_| Ok::<(), ()>(()));
    read.map(drop).map_err(|why| format!("`{name}` cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<Vec<u8>> {
        let (mut next, mut line, mut all) = (lines(bytes), Vec::new(), Vec::new());
        while next(&mut line).unwrap() {
            all.push(line.clone());
        }
        all
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn an_object_has_the_lines_that_were_written() {
        let rows: [(&[u8], &[&[u8]]); 6] = [
            (b"", &[]),
            (b"a", &[b"a"]),
            (b"a\n", &[b"a"]),
            (b"a\nb", &[b"a", b"b"]),
            (b"a\n\n", &[b"a", b""]),
            (b"\n", &[b""]),
        ];
        for (bytes, expected) in rows {
            assert_eq!(all(bytes), expected);
            assert_eq!(all(&packed(bytes)), expected);
            // As many members as somebody wrote, one behind the other.
            assert_eq!(all(&[packed(bytes), packed(b"\nz")].concat()).last().unwrap(), b"z");
        }
    }

    #[test]
    fn an_object_that_cannot_be_read_is_named() {
        let whole = packed(b"{\"id\":1}\n");
        let fits = vec![b'x'; usize::try_from(LINE_MAX).unwrap()];
        let long = packed(&[fits.as_slice(), b"x"].concat());
        assert_eq!(checked("o", &whole), Ok(()));
        assert_eq!(checked("o", &[fits.as_slice(), b"\n"].concat()), Ok(()));
        for length in 2..whole.len() {
            let why = checked("web-1.gz", &whole[..length]).unwrap_err();
            assert!(why.starts_with("`web-1.gz` cannot be read: "), "{why}");
        }
        let why = checked("o", &long).unwrap_err();
        assert_eq!(why, "`o` cannot be read: it has a line of more than 16 MB");
    }
}
