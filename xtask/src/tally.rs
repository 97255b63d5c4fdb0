//! Reads what test runners print: how many tests passed, and which binaries ran none.

use std::fmt;

/// What the test runners said in their closing lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Closing lines seen.
    pub runners: u64,
    /// Why the run doesn't count although nothing failed: binaries without tests, tests left out.
    pub complaints: Vec<String>,
    /// The binary whose lines are being read.
    binary: Option<String>,
}

impl Tally {
    /// Takes in one line of a runner's output; lines that say nothing about tests are passed over.
    pub fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(binary) = line.strip_prefix("Running ").or_else(|| line.strip_prefix("Doc-tests ")) {
            self.binary = Some(binary.to_owned());
        } else if let Some(closing) = line.strip_prefix("test result: ") {
            self.close_binary(closing);
        } else if let Some(counts) = closing_of_pytest(line) {
            self.close_pytest(counts);
        } else if let Some(counts) = closing_of_vitest(line) {
            self.close_vitest(counts);
        }
    }

    /// `1 failed | 10 passed | 2 skipped`
    fn close_vitest(&mut self, counts: &str) {
        let count = |what: &str| {
            let mut parts = counts.split('|').filter_map(|part| part.trim().split_once(' '));
            parts
                .find(|(_, name)| *name == what)
                .and_then(|(count, _)| count.parse::<u64>().ok())
                .unwrap_or(0)
        };
        self.runners += 1;
        self.passed += count("passed");
        self.failed += count("failed");
        if count("passed") + count("failed") == 0 {
            self.complaints.push("vitest ran no test".to_owned());
        }
        let left_out = count("skipped") + count("todo");
        if left_out > 0 {
            self.complaints.push(format!("vitest left out {left_out} of its tests"));
        }
    }

    /// `5 failed, 10 passed, 2 skipped`; a test that is expected to fail and does is neither.
    fn close_pytest(&mut self, counts: &str) {
        let count = |what: &str| {
            let mut parts = counts.split(", ").filter_map(|part| part.split_once(' '));
            parts
                .find(|(_, name)| *name == what)
                .and_then(|(count, _)| count.parse::<u64>().ok())
                .unwrap_or(0)
        };
        self.runners += 1;
        self.passed += count("passed");
        self.failed += count("failed") + count("errors") + count("error");
        if count("passed") + count("failed") == 0 {
            self.complaints.push("pytest ran no test".to_owned());
        }
        let left_out = count("skipped") + count("deselected");
        if left_out > 0 {
            self.complaints.push(format!("pytest left out {left_out} of its tests"));
        }
    }

    /// `ok. 41 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.21s`
    fn close_binary(&mut self, closing: &str) {
        let count = |what: &str| {
            closing
                .split([';', '.'])
                .find_map(|part| part.trim().strip_suffix(what)?.trim().parse::<u64>().ok())
                .unwrap_or(0)
        };
        let binary = self.binary.take().unwrap_or_else(|| "a test binary".to_owned());
        let (passed, failed) = (count("passed"), count("failed"));
        self.runners += 1;
        self.passed += passed;
        self.failed += failed;
        if passed + failed == 0 {
            self.complaints.push(format!("{binary} ran no test"));
        }
        let left_out = count("ignored") + count("filtered out");
        if left_out > 0 {
            self.complaints.push(format!("{binary} left out {left_out} of its tests"));
        }
    }

    /// Adds what another step counted.
    pub fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.runners += other.runners;
    }
}

/// Of pytest's last line, `==== 10 passed in 0.31s ====` or the same without the lines, the counts.
fn closing_of_pytest(line: &str) -> Option<&str> {
    let (counts, seconds) = line.trim_matches('=').trim().rsplit_once(" in ")?;
    let seconds = seconds.split(' ').next()?;
    let is_duration = seconds.strip_suffix('s').is_some_and(|number| number.parse::<f64>().is_ok());
    let is_count = counts.split(", ").all(|part| {
        part.split_once(' ').is_some_and(|(count, name)| {
            count.parse::<u64>().is_ok() && name.chars().all(char::is_alphabetic)
        })
    });
    (is_duration && is_count).then_some(counts)
}

/// Of vitest's closing line, `Tests  1 failed | 10 passed (11)`, the counts.
fn closing_of_vitest(line: &str) -> Option<&str> {
    let (counts, all) = line.strip_prefix("Tests ")?.rsplit_once(" (")?;
    all.strip_suffix(')')?.parse::<u64>().ok()?;
    Some(counts)
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(text: &str) -> Tally {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn pytests_closing_line_counts_too() {
        let tally = tally_of("tests/test_mlp.py ....\n5 passed, 1 xfailed in 0.31s\n");
        assert_eq!((tally.passed, tally.failed, tally.runners), (5, 0, 1));
        assert!(tally.complaints.is_empty());
        let tally = tally_of("=== 1 failed, 5 passed, 2 skipped, 3 warnings in 61.20s (0:01:01) ===");
        assert_eq!((tally.passed, tally.failed), (5, 1));
        assert_eq!(tally.complaints, ["pytest left out 2 of its tests"]);
        assert_eq!(tally_of("no tests ran in 0.01s").runners, 0);
        assert_eq!(tally_of("trained 5 rows in 3s").runners, 0, "a sentence is no closing line");
    }

    #[test]
    fn vitests_closing_line_counts_too() {
        let tally = tally_of(
            " Test Files  1 failed | 1 passed (2)\n      Tests  1 failed | 9 passed | 2 skipped (12)\n",
        );
        assert_eq!((tally.passed, tally.failed, tally.runners), (9, 1, 1));
        assert_eq!(tally.complaints, ["vitest left out 2 of its tests"]);
        assert_eq!(tally_of("Tests  2 passed (2)").to_string(), "2 passed, 0 failed");
        assert_eq!(tally_of("Tests of nothing (here)").runners, 0, "a sentence is no closing line");
    }

    #[test]
    fn closing_lines_are_summed() {
        let tally = tally_of(
            "     Running unittests src/lib.rs (target/debug/deps/deltarule-1f)\n\
             running 41 tests\n\
             test result: ok. 41 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.21s\n\
             Doc-tests deltarule\n\
             test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n",
        );
        // 41 + 2 passed, 0 + 1 failed, by two runners.
        assert_eq!(tally.to_string(), "43 passed, 1 failed");
        assert_eq!(tally.runners, 2);
        assert!(tally.complaints.is_empty());
    }

    #[test]
    fn a_binary_without_tests_is_named() {
        let tally = tally_of(
            "     Running tests/gradients.rs (target/debug/deps/gradients-9a)\n\
             test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!(tally.complaints, ["tests/gradients.rs (target/debug/deps/gradients-9a) ran no test"]);
    }

    #[test]
    fn tests_left_out_are_named() {
        let tally = tally_of(
            "     Running tests/gradients.rs (x)\n\
             test result: ok. 3 passed; 0 failed; 2 ignored; 0 measured; 5 filtered out; finished in 0.00s\n",
        );
        assert_eq!(tally.complaints, ["tests/gradients.rs (x) left out 7 of its tests"]);
    }

    #[test]
    fn other_lines_say_nothing() {
        assert_eq!(tally_of("test golden::adam ... ok\n12 passed\n"), Tally::default());
    }
}
