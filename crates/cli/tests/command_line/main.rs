//! The real binary in temporary folders: what users and scripts rely on.

mod bad_input;
mod contracts;
mod dashboard;
mod explain;
mod formats;
mod health;
mod help;
mod interruption;
mod latex;
mod place;
mod report;
mod same_bits;
mod serve;
mod streams;
