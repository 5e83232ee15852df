//! Kafka Connect: the configuration of Debezium that fits a scenario; connectors registered, watched and
//! removed.
//!
//! RUNNING is not streaming: Kafka Connect says it before a snapshot, and still says it of a worker that is
//! gone. So the server is asked, too: a connector streams once its slot is read.

mod api;
mod config;
mod found;
mod register;
mod remove;
mod secrets;
mod watch;

pub use api::Api;
pub use api::ConnectError;
pub use api::Standing;
pub use config::Connector;
pub use config::Source;
pub use config::connector;
pub use config::patterns;
pub use config::slot_of;
pub use config::variable_of;
pub use found::Connectors;
pub use found::FoundSink;
pub use found::FoundSource;
pub use found::found;
pub use found::slots;
pub use register::Reading;
pub use register::Slots;
pub use register::look_ahead;
pub use register::register;
pub use remove::Removed;
pub use remove::remove;
pub use watch::Watch;
