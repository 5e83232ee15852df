//! What several tests need: real servers, bad weather in front of them, the program itself, and
//! what it must have done. The drills include these files too; hence the paths.

#[path = "support/avro.rs"]
pub(crate) mod avro;
#[path = "support/broker.rs"]
pub(crate) mod broker;
#[path = "support/bucket.rs"]
pub(crate) mod bucket;
#[path = "support/cluster.rs"]
pub(crate) mod cluster;
#[path = "support/command.rs"]
pub(crate) mod command;
#[path = "support/connect.rs"]
pub(crate) mod connect;
#[path = "support/connector.rs"]
pub(crate) mod connector;
#[path = "support/firehose.rs"]
pub(crate) mod firehose;
#[path = "support/iceberg.rs"]
mod iceberg;
#[path = "support/lake.rs"]
pub(crate) mod lake;
#[path = "support/loadgen.rs"]
pub(crate) mod loadgen;
#[path = "support/machine.rs"]
pub(crate) mod machine;
#[path = "support/pooler.rs"]
pub(crate) mod pooler;
#[path = "support/proxy.rs"]
pub(crate) mod proxy;
#[path = "support/registry.rs"]
pub(crate) mod registry;
#[path = "support/replay.rs"]
pub(crate) mod replay;
#[path = "support/server.rs"]
pub(crate) mod server;
#[path = "support/shop.rs"]
pub(crate) mod shop;
#[path = "support/sink.rs"]
pub(crate) mod sink;
#[path = "support/slot.rs"]
pub(crate) mod slot;
#[path = "support/slot_proxy.rs"]
pub(crate) mod slot_proxy;
#[path = "support/told.rs"]
pub(crate) mod told;
