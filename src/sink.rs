//! Where actions go.

pub mod postgres;
