//! In which order hosts and ways of encryption are tried, and when to stop. Pure.

use std::vec::IntoIter;

use super::address::Address;
use super::address::HostPlace;
use super::error::ConnectError;
use super::tls::Mode;

/// One attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    /// The host's place in the address.
    pub(super) host: usize,
    pub(super) encryption: Encryption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    None,
    IfOffered,
    Required,
}

/// The attempts still to be made. Ask [`Search::next`], and report each failure.
#[derive(Debug)]
pub(super) struct Search {
    routes: IntoIter<Route>,
    host: usize,
    last: Option<ConnectError>,
    server: String,
}

impl Search {
    pub(super) fn new(address: &Address) -> Search {
        let mut routes = Vec::new();
        for (host, what) in address.hosts().iter().enumerate() {
            // Libpq never encrypts a socket, whatever the mode: nobody can listen there.
            let is_socket = matches!(what.place, HostPlace::Socket(_));
            let mode = if is_socket { Mode::Disable } else { address.tls().mode() };
            let ways: &[Encryption] = match mode {
                Mode::Disable => &[Encryption::None],
                Mode::Allow => &[Encryption::None, Encryption::Required],
                Mode::Prefer => &[Encryption::IfOffered, Encryption::None],
                Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[Encryption::Required],
            };
            routes.extend(ways.iter().map(|&encryption| Route { host, encryption }));
        }
        Search { routes: routes.into_iter(), host: 0, last: None, server: address.to_string() }
    }

    /// The next attempt to make.
    pub(super) fn next(&mut self) -> Option<Route> {
        let route = self.routes.next()?;
        self.host = route.host;
        Some(route)
    }

    /// Notes why the last attempt failed; the error comes back if no further one is to be made.
    ///
    /// A host that is away gives way to the next one. Trouble with TLS, and a refusal that depends
    /// on it (28000; 28P01 is a wrong password), only to the other way of reaching the same host.
    pub(super) fn failed(&mut self, error: ConnectError) -> Result<(), ConnectError> {
        let is_other_way = |route: &Route| route.host == self.host;
        match &error {
            ConnectError::Away { .. } => {
                while self.routes.as_slice().first().is_some_and(is_other_way) {
                    self.routes.next();
                }
            }
            ConnectError::Tls { .. }
                if self.routes.as_slice().first().is_some_and(is_other_way) => {}
            ConnectError::Denied { code, .. }
                if code == "28000" && self.routes.as_slice().first().is_some_and(is_other_way) => {}
            _ => return Err(error),
        }
        self.last = Some(error);
        Ok(())
    }

    /// What to report when all attempts have failed.
    pub(super) fn end(self) -> ConnectError {
        self.last.unwrap_or_else(|| ConnectError::away(&self.server, "the address names no host"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ways that are tried if each fails like this, as (host, encryption), and the end.
    fn tried(text: &str, error: &ConnectError) -> (Vec<(usize, Encryption)>, bool) {
        let home = |name: &str| (name == "HOME").then(|| "/nonexistent".to_owned());
        let address = Address::parse(&format!("user=app {text}"), &home).unwrap();
        let mut search = Search::new(&address);
        let mut tried = Vec::new();
        while let Some(route) = search.next() {
            tried.push((route.host, route.encryption));
            if search.failed(error.clone()).is_err() {
                return (tried, false);
            }
        }
        assert_eq!(&search.end(), error);
        (tried, true)
    }

    #[test]
    fn a_host_that_is_away_gives_way_to_the_next() {
        use Encryption::IfOffered;
        use Encryption::None;
        use Encryption::Required;
        let away = ConnectError::away("x", "x");
        let hosts = "host=a,/tmp,b";
        for (mode, expected) in [
            ("disable", [(0, None), (1, None), (2, None)]),
            ("prefer", [(0, IfOffered), (1, None), (2, IfOffered)]),
            ("verify-ca", [(0, Required), (1, None), (2, Required)]),
        ] {
            let (tried, all) = tried(&format!("{hosts} sslmode={mode}"), &away);
            assert_eq!((tried.as_slice(), all), (&expected[..], true), "{mode}");
        }
    }

    #[test]
    fn a_refusal_is_final_unless_the_other_way_may_help() {
        use Encryption::IfOffered;
        use Encryption::None;
        let (wrong_password, not_this_way) = (
            ConnectError::from_server("x", "28P01", "x"),
            ConnectError::from_server("x", "28000", "x"),
        );
        let prefer = "host=a,b sslmode=prefer";
        assert_eq!(tried(prefer, &wrong_password), (vec![(0, IfOffered)], false));
        assert_eq!(tried(prefer, &not_this_way), (vec![(0, IfOffered), (0, None)], false));
        let tls = ConnectError::tls("x", "x");
        assert_eq!(tried(prefer, &tls), (vec![(0, IfOffered), (0, None)], false));
        assert_eq!(tried("host=a,b sslmode=require", &tls).0.len(), 1);
    }
}
