//! Cutting outputs into pieces for a pool's threads, each with a workspace of its own.

use crate::Pool;
use crate::pool::Shareable;

impl Pool {
    /// Calls `f(index, a, b, own)` for every pair of pieces of `a` and `b`: `pieces.0` numbers of the one and
    /// `pieces.1` of the other, the last perhaps shorter. `own` is one of `owns`, which no other task uses meanwhile.
    ///
    /// `b` may be empty; its pieces then are.
    ///
    /// # Panics
    /// If there are fewer `owns` than threads, a piece of `a` is of length 0, or `a` and `b` are cut into different
    /// numbers of pieces.
    ///
    /// ```
    /// let pool = deltarule_kernels::Pool::new(2);
    /// let (mut squares, mut calls) = ([0; 5], [0; 2]);
    /// pool.for_pieces_with(&mut squares, &mut [0; 0], (2, 0), &mut calls, |index, squares, _, calls| {
    ///     squares.iter_mut().enumerate().for_each(|(i, square)| *square = (2 * index + i).pow(2));
    ///     *calls += 1;
    /// });
    /// assert_eq!((squares, calls[0] + calls[1]), ([0, 1, 4, 9, 16], 3));
    /// ```
    pub fn for_pieces_with<F: Send, W: Send>(
        &self,
        a: &mut [F],
        b: &mut [F],
        pieces: (usize, usize),
        owns: &mut [W],
        f: impl Fn(usize, &mut [F], &mut [F], &mut W) + Sync,
    ) {
        assert!(owns.len() >= self.threads(), "as many own values as threads");
        assert!(pieces.0 > 0, "pieces have a length");
        let count = a.len().div_ceil(pieces.0);
        assert!(b.is_empty() || b.len().div_ceil(pieces.1) == count, "as many pieces of b as of a");
        let (a_length, b_length) = (a.len(), b.len());
        let (a, b) = (Shareable::new(a.as_mut_ptr()), Shareable::new(b.as_mut_ptr()));
        let owns = Shareable::new(owns.as_mut_ptr());
        self.run_as(count, |participant, index| {
            let part = |length: usize, piece: usize| {
                let begin = (index * piece).min(length);
                (begin, piece.min(length - begin))
            };
            let ((a_begin, a_count), (b_begin, b_count)) =
                (part(a_length, pieces.0), part(b_length, pieces.1));
            // SAFETY: pieces are disjoint parts of `a` and `b`, which are mutably borrowed for the whole call, and
            // each index is run once; participants are below the number of threads, and tasks of one never overlap.
            unsafe {
                let a = std::slice::from_raw_parts_mut(a.pointer().add(a_begin), a_count);
                let b = std::slice::from_raw_parts_mut(b.pointer().add(b_begin), b_count);
                f(index, a, b, &mut *owns.pointer().add(participant));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_both_lengths_meet_and_each_is_seen_once() {
        for threads in [1, 3] {
            let pool = Pool::new(threads);
            let (mut a, mut b) = (vec![0; 103], vec![0; 52]);
            let mut owns = vec![0; threads];
            pool.for_pieces_with(&mut a, &mut b, (10, 5), &mut owns, |index, a, b, own| {
                *own += 1;
                a.iter_mut().for_each(|a| *a += index + 1);
                b.iter_mut().for_each(|b| *b += index + 1);
            });
            assert!(a.iter().enumerate().all(|(i, &a)| a == i / 10 + 1), "{a:?}");
            assert!(b.iter().enumerate().all(|(i, &b)| b == i / 5 + 1), "{b:?}");
            assert_eq!(owns.iter().sum::<usize>(), 11);
            pool.for_pieces_with(&mut a[..0], &mut b[..0], (10, 5), &mut owns, |_, _, _, _| unreachable!());
        }
    }

    #[test]
    #[should_panic(expected = "as many own values as threads")]
    fn too_few_own_values_are_refused() {
        Pool::new(2).for_pieces_with(&mut [0; 4], &mut [0; 0], (1, 0), &mut [0; 1], |_, _, _, _| {});
    }
}
