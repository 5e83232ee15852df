//! What several tests need: real servers, and bad weather in front of them.

pub(crate) mod machine;
pub(crate) mod proxy;
pub(crate) mod server;
