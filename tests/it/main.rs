//! Tests on the real command line and real servers.

mod provisioning;
