//! Destinations: how each is made ready and sent to. Nothing here knows a generator.

pub mod postgres;
