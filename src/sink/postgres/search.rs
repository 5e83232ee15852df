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
