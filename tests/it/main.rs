//! Tests on the library's surface, the real command line and real servers. One binary.

mod pacing;
mod reporting;
