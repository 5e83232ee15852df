//! Tests on real command lines and real servers, in one binary.

mod embedded;
