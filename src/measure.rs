//! How punctual, how well received.
