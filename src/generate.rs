//! What each action is. A pure function of (scenario, seed, lane): reads no clock, does no I/O,
//! starts no thread, and knows no destination.
//!
//! [`World`] is a scenario made ready: tables of all domains in one list, statements, mixes. A
//! [`Lane`] takes its decisions one after the other ([`Decision`]: which action, which rows), and
//! [`World::render`] turns a decision into the values to send, whenever that is.

mod bank;
mod browser;
mod chance;
mod children;
mod column;
mod compile;
mod dependent;
mod derive;
mod faults;
mod fingerprint;
mod identity;
mod invent;
mod involved;
mod key;
mod lane;
mod lanes;
mod lookup;
mod marker;
mod moment;
mod parts;
mod permute;
mod pick;
mod place;
mod population;
mod ranks;
mod relation;
mod render;
mod seeding;
mod sentence;
mod spread;
mod step;
mod sums;
mod unique;
mod typed;
mod walk;
mod words;
mod world;
mod zipf;

pub use fingerprint::fingerprint;
pub use lane::Decision;
pub use lane::Due;
pub use lane::Lane;
pub use lane::RowId;
pub use lane::Turn;
pub use lane::Unscheduled;
pub use moment::Hours;
pub use ranks::Ranks;
pub use seeding::Chunk;
pub use sums::Addition;
pub use world::World;
