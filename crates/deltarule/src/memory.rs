//! How much memory there is, told before it is used.
//!
//! Reads what the machine has free and what its limits allow (control groups, `ulimit -v`), all from files, so that a
//! plan that cannot fit is refused with both numbers instead of being killed half-way.
//!
//! # What a training holds
//!
//! At its peak, and whatever the number of epochs,
//!
//! ```text
//! data + 3 × parameters + the optimizer's state (2 × parameters for Adam) + workspace
//! ```
//!
//! | | bytes |
//! |---|---|
//! | data | the table ([`Table::bytes`](crate::table::Table::bytes)), from which the test rows are encoded at the end, and the encoded training, validation and test rows; of [sparse rows](crate::dataset::SparseRows) what they hold |
//! | 3 × parameters | the parameters, their gradient, and the best epoch's parameters; each further member of an ensemble, or the network of each finished fold, once more |
//! | the optimizer's state | [`OptimizerSpec::state_per_parameter`](crate::optimizer::OptimizerSpec::state_per_parameter) numbers per parameter |
//! | workspace | activations and deltas of one batch, its rows laid out together, the activations of 512 rows that are scored at once |
//!
//! and, not counted, the program itself with its threads (some 10 MiB), a copy of the state of up to 16 MiB from which a
//! search for a first NaN begins, and the predictions of the rows that are being scored. While a CSV file is read,
//! about a mebibyte of it per core is held beside the table, and one column twice while its pieces are put together.
//! [`Need`](crate::trainer::Need) counts what comes with the network, `inspect` shows it, and `train` reports the account
//! beside the peak that the system measured ([`peak`]).

use std::fmt;

use crate::error::{ErrorKind, Result};

/// A number of bytes, worded for people: `1.5 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} bytes", self.0);
        }
        let mut value = self.0 as f64;
        let mut unit = "bytes";
        for name in UNITS {
            if value < 1024.0 {
                break;
            }
            value /= 1024.0;
            unit = name;
        }
        write!(f, "{value:.1} {unit}")
    }
}

/// The most that may still be used, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes.
    pub bytes: u64,
    /// `the machine's free memory`, `its control group`, `the address-space limit (ulimit -v)`.
    pub by: &'static str,
}

/// The tightest of the limits that this machine tells; `None` where it tells none (not Linux).
#[must_use]
pub fn limit() -> Option<Limit> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let free = read("/proc/meminfo").and_then(|text| kibibytes(&text, "MemAvailable:"));
    let group = control_group(&read);
    let address_space = read("/proc/self/limits").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?.to_owned();
        let most: u64 = line.split_whitespace().next()?.parse().ok()?;
        let used = read("/proc/self/status").and_then(|text| kibibytes(&text, "VmSize:")).unwrap_or(0);
        Some(most.saturating_sub(used))
    });
    [
        (free, "the machine's free memory"),
        (group, "its control group"),
        (address_space, "the address-space limit (ulimit -v)"),
    ]
    .into_iter()
    .filter_map(|(bytes, by)| Some(Limit { bytes: bytes?, by }))
    .min_by_key(|limit| limit.bytes)
}

/// Refuses a plan that needs more than [`limit`] allows; `next` says what would make it smaller.
///
/// # Errors
/// [`ErrorKind::NotEnoughMemory`] with both numbers.
pub fn require(what: &str, need: u64, next: &str) -> Result<()> {
    match limit() {
        Some(limit) if need > limit.bytes => Err(ErrorKind::NotEnoughMemory {
            what: what.to_owned(),
            need,
            limit: limit.bytes,
            limited_by: limit.by.to_owned(),
            next: next.to_owned(),
        }
        .into()),
        _ => Ok(()),
    }
}

/// The most memory that this process has had resident so far, in bytes; `None` where the system does not tell (not
/// Linux).
#[must_use]
pub fn peak() -> Option<u64> {
    kibibytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// What the control group (version 2, else version 1) leaves: its limit less what is used.
fn control_group(read: &impl Fn(&str) -> Option<String>) -> Option<u64> {
    let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
    let pairs = [
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ];
    pairs.into_iter().find_map(|(most, used)| Some(number(most)?.saturating_sub(number(used).unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_as_people_write_them() {
        assert_eq!(Bytes(12).to_string(), "12 bytes");
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB");
        assert_eq!(Bytes(3 << 30).to_string(), "3.0 GiB");
    }

    #[test]
    fn a_need_above_every_machine_is_refused_with_both_numbers() {
        if limit().is_none() {
            return; // a system that tells no limit refuses nothing
        }
        let message = require("the plan", u64::MAX, "use fewer rows").unwrap_err().to_string();
        assert!(message.contains("PiB") && message.contains("allows"), "{message}");
        require("a small plan", 1, "").unwrap();
    }
}
