//! Runs the command line and returns its exit code.

use std::process::ExitCode;

/// Memory that one thread takes and another gives back, as that of each event is, costs half as much as by the
/// allocator of the C library: librdkafka is given it as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(loadgen::cli::main())
}
