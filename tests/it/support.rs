//! What several tests need: real servers, the real program, and bad weather in front of them.

pub(crate) mod command;
pub(crate) mod machine;
pub(crate) mod proxy;
pub(crate) mod server;
