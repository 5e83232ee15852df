//! Reaching servers: every way of logging in, every `sslmode`, and every kind of failure.
