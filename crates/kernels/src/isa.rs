//! Which vector instructions run: found at run time, carried by the [`Pool`](crate::Pool).

/// A level of vector instructions.
///
/// Results are the same bits on any machine that runs the same level; two levels differ in the last digits, because
/// the higher ones round a·b + c once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstructionSet {
    /// What the compiler's baseline for the target has; nothing is asked of the processor.
    Portable,
    /// x86-64 with AVX2 and FMA (Haswell 2013, Zen 2017): 8 lanes.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL (Skylake-X 2017, Zen 4 2022): 16 lanes.
    Avx512,
}

impl InstructionSet {
    /// The levels this machine can run, from the lowest.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512].into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The highest level this machine can run.
    pub fn best() -> Self {
        [Self::Avx512, Self::Avx2].into_iter().find(|isa| isa.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this machine can run this level.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            // All processors with AVX2 count bits too.
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("popcnt")
                    && is_x86_feature_detected!("bmi1")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The level's name in reports: `portable`, `avx2`, `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// A body of plain Rust that is compiled once per instruction set.
///
/// `run` must be `#[inline(always)]`, with everything it calls: only then is it compiled with the vector
/// instructions of the function around it. `FMA` says whether fused multiply-add is one instruction there.
pub(crate) trait Vectorised: Sized {
    type Output;
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// Runs `body` compiled for `isa`. The caller has `isa` from a pool, which has checked that it is available.
#[inline]
pub(crate) fn vectorised<V: Vectorised>(isa: InstructionSet, body: V) -> V::Output {
    match isa {
        InstructionSet::Portable => body.run::<false>(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a pool refuses a level that the machine lacks.
        InstructionSet::Avx2 => unsafe { run_avx2(body) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        InstructionSet::Avx512 => unsafe { run_avx512(body) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("a pool refuses a level that the machine lacks"),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<V: Vectorised>(body: V) -> V::Output {
    body.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn run_avx512<V: Vectorised>(body: V) -> V::Output {
    body.run::<true>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_is_the_last_available_and_portable_always_is() {
        let available = InstructionSet::available();
        assert_eq!(available[0], InstructionSet::Portable);
        assert_eq!(*available.last().unwrap(), InstructionSet::best());
        assert!(available.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
