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
