//! The command line of deltarule.
fn main() {}
