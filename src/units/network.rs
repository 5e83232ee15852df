//! Addresses of machines: what `inet`, `cidr`, `macaddr` and `macaddr8` columns hold.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// An address and how many of its bits name the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The address in network byte order; of version 4, in the first four.
    pub bytes: [u8; 16],
    /// Bits of the network.
    pub prefix: u8,
    /// Whether the address is of version 6.
    pub is_six: bool,
}

impl Network {
    /// The bytes that count.
    pub fn address(&self) -> &[u8] {
        &self.bytes[..if self.is_six { 16 } else { 4 }]
    }

    /// Bits of an address.
    pub fn width(self) -> u8 {
        if self.is_six { 128 } else { 32 }
    }

    /// The same without the bits behind the prefix: the network itself.
    #[must_use]
    pub fn network(mut self) -> Self {
        for (at, byte) in self.bytes.iter_mut().enumerate() {
            let kept = usize::from(self.prefix).saturating_sub(at * 8).min(8);
            *byte &= u8::try_from(0xff00_u16 >> kept & 0xff).unwrap_or(0);
        }
        self
    }

    fn ip(self) -> IpAddr {
        if self.is_six {
            return Ipv6Addr::from(self.bytes).into();
        }
        let [a, b, c, d, ..] = self.bytes;
        Ipv4Addr::new(a, b, c, d).into()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.ip(), self.prefix)
    }
}

impl FromStr for Network {
    type Err = String;

    /// Reads `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not an address like `10.0.0.1/8` or `2001:db8::1`");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let mut bytes = [0; 16];
        match address {
            IpAddr::V4(four) => bytes[..4].copy_from_slice(&four.octets()),
            IpAddr::V6(six) => bytes = six.octets(),
        }
        let mut network = Self { bytes, prefix: 0, is_six: address.is_ipv6() };
        network.prefix = match prefix {
            None => network.width(),
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|bits| *bits <= network.width() && !prefix.starts_with('+'))
                .ok_or_else(bad)?,
        };
        Ok(network)
    }
}

/// An address of a network card: of six bytes, or of eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardware {
    /// The bytes.
    pub bytes: [u8; 8],
    /// Whether all eight count.
    pub is_long: bool,
}

impl Hardware {
    /// The bytes that count.
    pub fn address(&self) -> &[u8] {
        &self.bytes[..if self.is_long { 8 } else { 6 }]
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.address().iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(formatter, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Hardware {
    type Err = String;

    /// Reads `08:00:2b:01:02:03` or `08-00-2b-01-02-03`, and the same with eight pairs.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not an address like `08:00:2b:01:02:03`");
        let pairs: Vec<&str> = text.split([':', '-']).collect();
        if !matches!(pairs.len(), 6 | 8) {
            return Err(bad());
        }
        let mut bytes = [0; 8];
        for (byte, pair) in bytes.iter_mut().zip(&pairs) {
            let is_pair = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = u8::from_str_radix(pair, 16).ok().filter(|_| is_pair).ok_or_else(bad)?;
        }
        Ok(Self { bytes, is_long: pairs.len() == 8 })
    }
}

#[cfg(test)]
mod tests {
    use super::Hardware;
    use super::Network;

    #[test]
    fn addresses_are_read_and_printed() {
        let read = |text: &str| text.parse::<Network>().unwrap();
        assert_eq!(read("10.0.0.1").to_string(), "10.0.0.1/32");
        assert_eq!(read("2001:db8::/32").to_string(), "2001:db8::/32");
        assert_eq!(read("10.1.2.3/9").network().to_string(), "10.0.0.0/9");
        assert_eq!(read("ffff::1/3").network().to_string(), "e000::/3");
        assert_eq!(read("1.2.3.4/0").network().to_string(), "0.0.0.0/0");
        for bad in ["", "10.0.0", "10.0.0.256", "10.0.0.1/33", "::/129", "1.2.3.4/+1", "::1/"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let card: Hardware = "08-00-2B-01-02-03".parse().unwrap();
        assert_eq!(card.to_string(), "08:00:2b:01:02:03");
        for bad in ["08:00:2b:01:02", "08:00:2b:01:02:3", "08:00:2b:01:02:+3", ""] {
            assert!(bad.parse::<Hardware>().is_err(), "{bad}");
        }
    }
}
