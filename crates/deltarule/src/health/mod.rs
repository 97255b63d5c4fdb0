//! How a training fares, layer by layer, and what is wrong with it.
//!
//! ```text
//! training rows ─ Survey ─┐
//! sampled steps ─ looks ──┤
//! epochs, failure, end ───┼─▶ events ─▶ Record ─┐
//! trained network ─ Judgement                   ├─▶ findings(record, plan)
//! the plan's settings ──────────────────────────┘
//! ```
//!
//! [`findings`] is a pure function: equal events and an equal plan give equal findings, whether they are told while a run
//! goes on or read from its folder years later. Nothing here changes a run, draws a conclusion from one number alone, or
//! says that a remedy helps: that is measured, by whoever tries it.

pub mod finding;
pub mod judgement;
pub mod record;
pub mod remedies;
mod rules;
pub mod survey;
pub mod telemetry;
pub mod thresholds;

pub use finding::{Evidence, Finding, Problem, Remedy, Severity};
pub use judgement::Judgement;
pub use record::Record;
pub use rules::findings;
pub use survey::Survey;
