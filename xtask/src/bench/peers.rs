//! The libraries that we are compared with: their programs, what they run on, and how that is set up.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::bench::jobs::{ADAM, Job, PLAIN};
use crate::steps::Steps;
use crate::{machine, python};

/// A library to be compared with: a program under `bench/` that trains an exported case, turn by turn.
///
/// `bench/peers/case.py` says what such a program is given and what it answers.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// As the table and the archive call it.
    pub name: &'static str,
    program: Program,
    /// Ways of using it, of which the best one counts; which of them are tried on a case is for [`Peer::variants`].
    ways: &'static [&'static str],
}

/// How a peer's program is come by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Program {
    /// A file of `bench/peers/`, for the virtual environment's interpreter.
    Python(&'static str),
    /// A binary of the workspace `bench/rust-peers`.
    Rust(&'static str),
    /// A C program of `bench/peers/`, without its `.c`.
    C(&'static str),
}

/// Every peer.
pub const PEERS: &[Peer] = &[
    Peer { name: "pytorch-eager", program: Program::Python("pytorch_eager.py"), ways: &[""] },
    Peer {
        name: "pytorch-compiled",
        program: Program::Python("pytorch_compiled.py"),
        ways: &["whole", "autotuned", "unrolled"],
    },
    Peer { name: "jax", program: Program::Python("jax_scan.py"), ways: &["unroll-1", "unroll-8"] },
    Peer { name: "scikit-learn", program: Program::Python("scikit_learn.py"), ways: &[""] },
    Peer { name: "keras", program: Program::Python("keras_tensorflow.py"), ways: &[""] },
    Peer { name: "burn-flex", program: Program::Rust("burn-flex"), ways: &[""] },
    Peer { name: "candle", program: Program::Rust("candle"), ways: &[""] },
    Peer { name: "fann", program: Program::C("fann"), ways: &[""] },
];

/// Not a peer but the limit: PyTorch's products alone.
pub const PRODUCTS: Peer =
    Peer { name: "torch.mm", program: Program::Python("torch_products.py"), ways: &[""] };

impl Peer {
    /// The ways that are tried on a job: all of them, or those that are worth the minutes that their compilation takes.
    pub fn variants(&self, job: &Job, all: bool) -> Vec<&'static str> {
        let worth = |way: &str| match (self.name, way) {
            // 16 steps unrolled save calls; where a step takes long there is nothing to save.
            ("pytorch-compiled", "unrolled") => ["xor", "nielsen", "tabular"].contains(&job.case),
            // Products are tuned where products are what takes the time.
            ("pytorch-compiled", "autotuned") => {
                ["mnist-small", "mnist-large", "ciresan"].contains(&job.case)
            }
            _ => true,
        };
        let whole = |way: &str| job.steps.is_multiple_of(steps_at_once(way));
        self.ways.iter().copied().filter(|way| whole(way) && (all || worth(way))).collect()
    }

    /// Whether it can train that.
    pub fn takes(&self, job: &Job) -> bool {
        self.name != "fann" || (job.optimizer == PLAIN && ["xor", "nielsen"].contains(&job.case))
    }

    /// The numbers of threads worth trying, of those that everyone is given.
    pub fn threads<'w>(&self, wished: &'w [usize]) -> &'w [usize] {
        // FANN has one thread, whatever it is given.
        if self.name == "fann" { &wished[..1] } else { wished }
    }

    /// Why its loss after the same steps is another one, where it has to be.
    pub fn differs(&self, job: &Job) -> Option<&'static str> {
        match (self.name, job.case) {
            ("fann", _) => Some("updates after each sample: its steps are others"),
            ("scikit-learn", "xor" | "nielsen") => {
                Some("has no sigmoid output under a squared error: it trains an identity output")
            }
            // The ε̂ of Kingma and Ba's section 2.1: in the first steps up to 30 times the ε of their algorithm 1.
            ("scikit-learn" | "keras", _) if job.optimizer == ADAM => {
                Some("adds Adam's epsilon before the correction of the second moment's bias")
            }
            _ => None,
        }
    }
}

/// The steps that this way takes at once: their loss can be had after multiples of them only.
fn steps_at_once(way: &str) -> u64 {
    if way == "unrolled" { 16 } else { 1 }
}

/// What the peers run on, set up.
#[derive(Clone, Debug)]
pub struct Ground {
    python: PathBuf,
    programs: PathBuf,
    rust: PathBuf,
    built: PathBuf,
    cache: PathBuf,
}

impl Ground {
    /// Sets up what these peers need. With `python` given, that interpreter has to have the packages.
    pub fn new(steps: &mut Steps, peers: &[&Peer], python: Option<&Path>) -> Result<Self> {
        let needs = |wanted: fn(&Program) -> bool| peers.iter().any(|peer| wanted(&peer.program));
        let python = match python {
            Some(python) => python.to_owned(),
            None => virtual_environment(steps, peers)?,
        };
        let target = absolute(&steps.target())?;
        let ground = Self {
            python,
            programs: steps.root().join("bench/peers"),
            rust: target.join("bench-rust-peers"),
            built: target.join("bench"),
            cache: target.join("bench/inductor"),
        };
        std::fs::create_dir_all(&ground.built)
            .with_context(|| format!("could not make {}", ground.built.display()))?;
        if needs(|program| matches!(program, Program::Rust(_))) {
            let mut command = steps.cargo(&["build", "--release", "--locked", "--manifest-path"]);
            command.arg(steps.root().join("bench/rust-peers/Cargo.toml"));
            command.env("CARGO_TARGET_DIR", &ground.rust).env("RUSTFLAGS", "-C target-cpu=native");
            // However quickly ours is built for a trial, the peers are built to be fast.
            for (name, _) in std::env::vars_os() {
                if name.to_string_lossy().starts_with("CARGO_PROFILE_") {
                    command.env_remove(name);
                }
            }
            steps.run("build the peers in Rust", command)?;
        }
        for peer in peers {
            if let Program::C(name) = peer.program {
                ground.build_c(steps, name)?;
            }
        }
        Ok(ground)
    }

    fn build_c(&self, steps: &mut Steps, name: &str) -> Result<()> {
        machine::packages(steps, &[("/usr/include/floatfann.h", "libfann-dev")])?;
        let mut command = steps.program("cc");
        command
            .args(["-O3", "-march=native", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(self.built.join(name));
        command.arg(self.programs.join(format!("{name}.c"))).args(["-lfloatfann", "-lm"]);
        steps.run(&format!("build {name}"), command)
    }

    /// The command that starts a peer on an exported case.
    pub fn command(
        &self,
        steps: &Steps,
        peer: &Peer,
        variant: &str,
        exported: &Path,
        threads: usize,
    ) -> Command {
        let cores = format!("0-{}", threads - 1);
        let mut command = match peer.program {
            Program::Python(file) => {
                // JAX takes as many threads as it sees cores.
                let mut command = if peer.name == "jax" {
                    let mut command = steps.program("taskset");
                    command.args(["--cpu-list", &cores]).arg(&self.python);
                    command
                } else {
                    steps.program(&self.python)
                };
                command.arg(self.programs.join(file));
                command
            }
            Program::Rust(name) => steps.program(self.rust.join("release").join(name)),
            Program::C(name) => steps.program(self.built.join(name)),
        };
        command.arg("--case-folder").arg(exported).args(["--threads", &threads.to_string()]);
        if !variant.is_empty() {
            command.args(["--variant", variant]);
        }
        for variable in ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"] {
            command.env(variable, threads.to_string());
        }
        if threads == 1 {
            command.env("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false");
        }
        command
            .env("TORCHINDUCTOR_CACHE_DIR", &self.cache)
            .env("JAX_PLATFORMS", "cpu")
            .env("CUDA_VISIBLE_DEVICES", "")
            .env("TF_CPP_MIN_LOG_LEVEL", "3")
            .env("KERAS_BACKEND", "tensorflow")
            // Where these are set they keep OpenBLAS from choosing the kernels of this machine.
            .env_remove("OPENBLAS_CORETYPE")
            .env_remove("OPENBLAS_L2_SIZE");
        command
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("no such place: {}", path.display()))
}

/// The files that say what is installed: Keras on its own, since its framework is the largest of all.
fn requirements(peers: &[&Peer]) -> Vec<&'static str> {
    let mut files = vec!["requirements.txt"];
    if peers.iter().any(|peer| peer.name == "keras") {
        files.push("requirements-keras.txt");
    }
    files
}

/// The interpreter of a virtual environment with what these peers' requirements pin.
pub fn virtual_environment(steps: &mut Steps, peers: &[&Peer]) -> Result<PathBuf> {
    let bench = steps.root().join("bench");
    let files: Vec<PathBuf> = requirements(peers).into_iter().map(|file| bench.join(file)).collect();
    python::environment(steps, "bench-venv", &files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::jobs::JOBS;

    #[test]
    fn every_peer_has_its_program_and_its_pinned_packages() {
        let bench = crate::workspace_root().join("bench");
        for peer in PEERS.iter().chain([&PRODUCTS]) {
            let file = match peer.program {
                Program::Python(file) => bench.join("peers").join(file),
                Program::Rust(name) => bench.join("rust-peers/src/bin").join(format!("{name}.rs")),
                Program::C(name) => bench.join("peers").join(format!("{name}.c")),
            };
            assert!(file.is_file(), "{}", file.display());
        }
        let everyone: Vec<&Peer> = PEERS.iter().collect();
        for file in requirements(&everyone) {
            let text = std::fs::read_to_string(bench.join(file)).unwrap();
            let packages: Vec<&str> =
                text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
            assert!(!packages.is_empty() && packages.iter().all(|line| line.contains("==")), "{packages:?}");
        }
    }

    #[test]
    fn every_job_is_taken_by_a_peer_in_some_way_and_compared_with_one_that_takes_the_same_steps() {
        for job in &JOBS {
            for peer in PEERS.iter().filter(|peer| peer.takes(job)) {
                assert!(!peer.variants(job, false).is_empty(), "{} {}", peer.name, job.name());
            }
            let same = PEERS.iter().filter(|peer| peer.takes(job) && peer.differs(job).is_none());
            assert!(same.count() >= 3, "{}", job.name());
            for way in PEERS.iter().flat_map(|peer| peer.variants(job, false)) {
                assert_eq!(job.steps % steps_at_once(way), 0, "{} {way}", job.name());
            }
            // Only `ciresan` is too chaotic for the way that takes the most steps at once.
            let every = PEERS.iter().all(|peer| peer.variants(job, true).len() == peer.ways.len());
            assert_eq!(every, job.case != "ciresan", "{}", job.name());
        }
    }
}
