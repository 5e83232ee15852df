//! Tests on the library's surface, the real command line and real servers. One binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::cast_precision_loss,
    clippy::format_push_string,
    clippy::struct_field_names,
    reason = "the whole binary is tests; clippy excuses only the functions marked as such"
)]

mod across;
mod acts;
mod canary;
mod commands;
mod connector;
mod contention;
mod continued;
mod dirty;
mod doctor;
mod elsewhere;
mod embedded;
mod events;
mod faults;
mod fills;
mod fingerprints;
mod firehose;
mod fitting;
mod guarding;
mod history;
mod hot;
mod judging;
mod kafka;
mod lag;
mod lake;
mod layers;
mod ledger;
mod lines;
mod marks;
mod messages;
mod mistakes;
mod observing;
mod odd_columns;
mod odd_names;
mod pacing;
mod picks;
mod planning;
mod planted;
mod platform;
mod provisioning;
mod readme;
mod reach;
mod records;
mod reference;
mod replica;
mod reporting;
mod roles;
mod running;
mod same_rows;
mod sessions;
mod shards;
mod slots;
mod stress;
#[expect(dead_code, reason = "the drills share these files and use the rest")]
mod support;
mod tenants;
mod topics;
mod twins;
mod type_zoo;
mod verifying;
mod weather;
mod zoo;
