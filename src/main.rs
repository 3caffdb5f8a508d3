//! The farm and its client.
fn main() {}
