//! Tiles of rows of x by a packed panel of w, which fetch what is read next while they compute.
//!
//! x is read as it lies, one stream of numbers for each row of the tile. The cache's own prefetchers follow that many
//! streams late, so the rows of the next block come by request: a line or less in each step, between 28 multiply-adds.

/// Computes a tile: `k` steps; x at the tile's first row, and its stride between rows; the packed panel; what to fetch,
/// and how many bytes further in each step; where to put the tile, rows of whole vectors.
pub type PanelFn<F> = unsafe fn(usize, *const F, usize, *const F, *const u8, usize, *mut F);

/// `[rows − 1][vectors − 1]`, for as many rows as the other tiles have.
pub type PanelFns<F> = [[PanelFn<F>; 2]];

/// Asks for the cache line at `at`. Never faults, wherever that points.
#[inline(always)]
fn fetch_line(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint; it reads nothing.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

macro_rules! panels {
    ($(#[$features:meta])? $module:ident, $float:ident, rows [$($rows:literal)+]) => {
        pub(super) mod $module {
            use super::super::lanes::$module::{LANES, load, multiply_add, splat, store, zero};
            use super::{PanelFns, fetch_line};

            $(#[$features])?
            unsafe fn tile<const MR: usize, const NV: usize>(
                k: usize,
                x: *const $float,
                x_stride: usize,
                mut w: *const $float,
                mut fetch: *const u8,
                fetch_step: usize,
                out: *mut $float,
            ) {
                let mut sums = [[zero(); NV]; MR];
                for p in 0..k {
                    fetch_line(fetch);
                    fetch = fetch.wrapping_add(fetch_step);
                    // SAFETY: the caller gives MR rows of `k` numbers, and a panel of `k` steps of NV whole vectors.
                    unsafe {
                        let mut columns = [zero(); NV];
                        for v in 0..NV {
                            columns[v] = load(w.add(v * LANES));
                        }
                        for i in 0..MR {
                            let x = splat(*x.add(i * x_stride + p));
                            for v in 0..NV {
                                sums[i][v] = multiply_add(x, columns[v], sums[i][v]);
                            }
                        }
                        w = w.add(NV * LANES);
                    }
                }
                for i in 0..MR {
                    for v in 0..NV {
                        // SAFETY: `out` has room for MR rows of NV vectors.
                        unsafe { store(out.add((i * NV + v) * LANES), sums[i][v]) };
                    }
                }
            }

            pub(in crate::product) static PANELS: &PanelFns<$float> = &[$([tile::<$rows, 1>, tile::<$rows, 2>]),+];
        }
    };
}

panels!(portable_f32, f32, rows [1 2 3 4]);
panels!(portable_f64, f64, rows [1 2 3 4]);
#[cfg(target_arch = "x86_64")]
panels!(#[target_feature(enable = "avx2,fma")] avx2_f32, f32, rows [1 2 3 4 5 6]);
#[cfg(target_arch = "x86_64")]
panels!(#[target_feature(enable = "avx2,fma")] avx2_f64, f64, rows [1 2 3 4 5 6]);
#[cfg(target_arch = "x86_64")]
panels!(#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")] avx512_f32, f32,
    rows [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
#[cfg(target_arch = "x86_64")]
panels!(#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")] avx512_f64, f64,
    rows [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
