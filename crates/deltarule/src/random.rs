//! Every random number of a run, as a function of (seed, purpose, counter).
//!
//! No generator is carried from step to step: the dropout masks of step 1,000 are a function of the seed and the number
//! 1,000 alone. So a resumed run, a replayed step and a run on another number of threads draw the same numbers, and a
//! snapshot of the random state is the step's number.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What random numbers are drawn for. Streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Which rows go to training, validation and test; which fold.
    Split,
    /// Initial parameters; the counter is the place of a tensor's first number among all parameters.
    Init,
    /// The order of rows; the counter is the epoch.
    Shuffle,
    /// Dropout masks; the counter is `step << 16 | layer`.
    Dropout,
    /// Generated data (bundled `circles`, noise).
    Data,
    /// Targets in another order, to be fitted no better than by chance; the counter is the permutation.
    Permutation,
    /// A remedy that nobody prescribed.
    Remedy,
}

/// The generator for one purpose and counter (ChaCha8, Bernstein 2008; the counter selects the cipher's stream).
///
/// ```
/// use deltarule::random::{stream, Purpose};
/// use rand::Rng;
/// let (mut a, mut b) = (stream(7, Purpose::Shuffle, 3), stream(7, Purpose::Shuffle, 3));
/// assert_eq!(a.next_u64(), b.next_u64());
/// ```
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, counter: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8] = purpose as u8;
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(counter);
    rng
}

/// The numbers 0 … n−1 in a random order (Fisher & Yates 1938, Durstenfeld 1964), written over `order`.
pub fn shuffle(order: &mut [u32], rng: &mut ChaCha8Rng) {
    use rand::seq::SliceRandom;
    order.shuffle(rng);
}
