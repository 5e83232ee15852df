//! What others have to be told to reach the same server: where it is, how safely, and the password.

use secrecy::SecretString;

use super::Address;
use super::HostPlace;
use crate::sink::postgres::tls::Mode;

impl Address {
    /// Host and port, for who knows nothing of sockets and of several hosts. The error says which it is.
    pub fn endpoint(&self) -> Result<(String, u16), &'static str> {
        match self.hosts() {
            [host] => match &host.place {
                HostPlace::Network { name, .. } => Ok((name.clone(), host.port)),
                HostPlace::Socket(_) => Err("it is reached by a socket of this machine"),
            },
            _ => Err("its address has several hosts"),
        }
    }

    /// The password, if there is one.
    pub fn secret(&self) -> Option<&SecretString> {
        self.hosts().iter().find_map(|host| self.password(host))
    }

    /// As libpq's `sslmode`.
    pub fn sslmode(&self) -> &'static str {
        let mode = self.tls().mode();
        Mode::NAMES.iter().find(|(_, known)| *known == mode).map_or("prefer", |(name, _)| name)
    }
}
