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

//!
//! ```
//! use deltarule::config::Config;
//! use deltarule::health::Problem;
//! use deltarule::run;
//! use deltarule::table::{ReadOptions, read};
//!
//! let table = read("circles", &ReadOptions::default())?;
//! let mut config = Config::default();
//! // Adam's steps are of the length of the rate: 264 of them lead 0.00003 away from where they began.
//! for (key, value) in [("hidden", "16"), ("optimizer", "adam"), ("learning_rate", "1e-7"), ("epochs", "12")] {
//!     config.set(key, value)?;
//! }
//! let findings = run::fit(table, &config)?.report.findings;
//! let low = findings.iter().find(|finding| finding.id == Problem::LearningRateTooLow).expect("it is found");
//! assert!(low.evidence[0].value < 1e-3);
//! assert_eq!(low.remedies[0].flags(), "--learning-rate 1e-6");
//! # Ok::<(), deltarule::Error>(())
//! ```

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
