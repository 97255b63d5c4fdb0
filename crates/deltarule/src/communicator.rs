//! Processes that train one network together: sums over all of them, copies from one of them.
//!
//! A batch spread over processes is one batch: each takes its rows forward and back, the sums Σ weight·C, W and the
//! undivided gradients are added ([`Communicator::all_reduce`]), and every process makes the same update. [`Alone`] is
//! the communicator of a single process; those of many machines live outside this crate and implement the trait.
//!
//! Refuses to know networks and files: stretches of numbers in, stretches of numbers out.

use deltarule_kernels::Real;

use crate::error::Result;

/// A group of processes, each with a number. All of them make the same calls in the same order.
///
/// The sum of [`all_reduce`](Self::all_reduce) is taken in the order of the ranks, so that every process gets the same
/// bits at every run.
pub trait Communicator<F: Real> {
    /// This process's number, from 0, below [`size`](Self::size).
    fn rank(&self) -> usize;

    /// How many processes there are, at least 1.
    fn size(&self) -> usize;

    /// Writes over `numbers`, in every process, their sums over all processes.
    ///
    /// # Errors
    /// Where another process cannot be reached; `numbers` is of no use then.
    fn all_reduce(&self, numbers: &mut [F]) -> Result<()>;

    /// Writes over `numbers`, in every process, what they are in process `root`.
    ///
    /// # Errors
    /// Where another process cannot be reached; `numbers` is of no use then.
    ///
    /// # Panics
    /// Where `root` is not below [`size`](Self::size).
    fn broadcast(&self, numbers: &mut [F], root: usize) -> Result<()>;

    /// Returns when all processes have called it.
    ///
    /// # Errors
    /// Where another process cannot be reached.
    fn barrier(&self) -> Result<()>;
}

/// One process alone: its sums are its own numbers.
///
/// ```
/// use deltarule::communicator::{Alone, Communicator};
/// let mut numbers = [1.0_f32, 2.0];
/// Alone.all_reduce(&mut numbers)?;
/// assert_eq!(numbers, [1.0, 2.0]);
/// # Ok::<(), deltarule::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alone;

impl<F: Real> Communicator<F> for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_reduce(&self, _: &mut [F]) -> Result<()> {
        Ok(())
    }

    fn broadcast(&self, _: &mut [F], root: usize) -> Result<()> {
        assert_eq!(root, 0, "there is one process, number 0");
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex};

    use super::*;

    /// Threads that play processes.
    struct Threads<'t> {
        rank: usize,
        shared: &'t [Mutex<Vec<f64>>],
        all: &'t Barrier,
    }

    impl Communicator<f64> for Threads<'_> {
        fn rank(&self) -> usize {
            self.rank
        }

        fn size(&self) -> usize {
            self.shared.len()
        }

        fn all_reduce(&self, numbers: &mut [f64]) -> Result<()> {
            *self.shared[self.rank].lock().unwrap() = numbers.to_vec();
            self.barrier()?;
            numbers.fill(0.0);
            for part in self.shared {
                numbers.iter_mut().zip(part.lock().unwrap().iter()).for_each(|(sum, part)| *sum += part);
            }
            self.barrier()
        }

        fn broadcast(&self, numbers: &mut [f64], root: usize) -> Result<()> {
            if self.rank == root {
                *self.shared[root].lock().unwrap() = numbers.to_vec();
            }
            self.barrier()?;
            numbers.copy_from_slice(&self.shared[root].lock().unwrap());
            self.barrier()
        }

        fn barrier(&self) -> Result<()> {
            self.all.wait();
            Ok(())
        }
    }

    /// The gradient of Σ ½(w − y)² over rows, from whichever rows a process has: Σ (w − y) and W, then their quotient.
    fn descended(communicator: &dyn Communicator<f64>, rows: &[f64]) -> f64 {
        let mut w = [communicator.rank() as f64]; // each begins elsewhere; the first one's w counts
        communicator.broadcast(&mut w, 0).unwrap();
        for _ in 0..3 {
            let mut sums = [rows.iter().map(|y| w[0] - y).sum::<f64>(), rows.len() as f64];
            communicator.all_reduce(&mut sums).unwrap();
            w[0] -= 0.5 * sums[0] / sums[1];
        }
        w[0]
    }

    #[test]
    fn rows_spread_over_processes_train_as_the_rows_together() {
        // Mean 3: w goes 0, 1.5, 2.25, 2.625, exactly.
        let rows = [1.0, 2.0, 3.0, 6.0];
        assert_eq!(descended(&Alone, &rows), 2.625);
        let shared: Vec<_> = (0..2).map(|_| Mutex::new(Vec::new())).collect();
        let all = Barrier::new(2);
        std::thread::scope(|scope| {
            for (rank, rows) in [&rows[..1], &rows[1..]].into_iter().enumerate() {
                let process = Threads { rank, shared: &shared, all: &all };
                scope.spawn(move || assert_eq!(descended(&process, rows), 2.625));
            }
        });
    }
}
