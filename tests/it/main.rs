//! The integration tests: one binary, a story per file.

mod architecture;
