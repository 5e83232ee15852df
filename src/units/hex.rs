//! Bytes as digits.

use std::fmt::Write;

/// Two hexadecimal digits for each byte, as hashes and keys are written.
pub fn format_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
