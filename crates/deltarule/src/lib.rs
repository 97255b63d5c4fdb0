//! deltarule.
#![forbid(unsafe_code)]
