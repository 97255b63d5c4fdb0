//! One job on the field: everyone takes the same steps, the promising ones stay, and take turns.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::bench::jobs::Job;
use crate::bench::peers::{Ground, PEERS, PRODUCTS, Peer};
use crate::bench::report::{Compared, OURS};
use crate::bench::turns::Contestant;
use crate::bench::wishes::Wishes;
use crate::bench::{figure, folder, output, program};
use crate::steps::Steps;

/// How far the losses of the same steps may lie apart, relative to ours: f32 sums in different orders.
const AGREEMENT: f64 = 1e-3;

/// A way or a number of threads that is slower than this times its peer's best has no turn in the rounds.
const PROMISING: f64 = 1.15;

/// A peer that is slower than this times the fastest one is not asked in every round, but in the first two.
const NEAR: f64 = 2.5;

/// Where it is measured.
#[derive(Clone, Debug)]
pub struct Field {
    ground: Ground,
    folder: PathBuf,
    realtime: bool,
}

impl Field {
    /// Sets up the peers that are wished for.
    pub fn new(steps: &mut Steps, wishes: &Wishes) -> Result<Self> {
        let mut peers: Vec<&Peer> = PEERS.iter().filter(|peer| wishes.peer(peer.name)).collect();
        peers.push(&PRODUCTS);
        let ground = Ground::new(steps, &peers, wishes.python.as_deref())?;
        Ok(Self { ground, folder: folder(steps)?, realtime: wishes.realtime })
    }

    /// One job: the same steps by all, then the rounds.
    pub fn compare(&self, steps: &Steps, job: &Job, wishes: &Wishes) -> Result<Compared> {
        let exported = self.export(steps, job)?;
        let mut ours: Vec<Contestant> = Vec::new();
        for &threads in &wishes.threads {
            ours.push(self.ours(steps, job, &exported, threads)?);
        }
        let mut compared = Compared::new(job, ours[0].turn(&format!("steps {}", job.steps))?);
        let mut others = Vec::new();
        for peer in PEERS.iter().filter(|peer| wishes.peer(peer.name) && peer.takes(job)) {
            others.extend(self.qualified(steps, job, peer, &exported, wishes, &mut compared)?);
        }
        others.extend(self.qualified(steps, job, &PRODUCTS, &exported, wishes, &mut compared)?);
        let turn = format!("seconds {}", wishes.seconds);
        for round in 0..wishes.rounds {
            for other in &mut others {
                if round >= 2 && !compared.is_near(other.who, NEAR) {
                    continue;
                }
                // Ours right before each: both see the machine in the same mood.
                for contestant in ours.iter_mut().chain([other]) {
                    let answer = contestant.turn(&turn)?;
                    compared.add(contestant, round, answer);
                }
            }
        }
        // MNIST's rows are 190 MB, once for each case.
        std::fs::remove_dir_all(&exported)
            .with_context(|| format!("could not remove {}", exported.display()))?;
        Ok(compared)
    }

    /// Starts a peer in each of its ways; those stay that are about as fast as its best one.
    fn qualified(
        &self,
        steps: &Steps,
        job: &Job,
        peer: &'static Peer,
        exported: &Path,
        wishes: &Wishes,
        compared: &mut Compared,
    ) -> Result<Vec<Contestant>> {
        let mut tried = Vec::new();
        for variant in peer.variants(job, wishes.all_variants) {
            for &threads in peer.threads(&wishes.threads) {
                let command = self.ground.command(steps, peer, variant, exported, threads);
                let mut contestant = self.start(steps, peer.name, variant, threads, command)?;
                if peer.name != PRODUCTS.name {
                    let theirs = contestant.turn(&format!("steps {}", job.steps))?;
                    compared.checks.push(agreement(job, peer, &contestant, &compared.counted, &theirs)?);
                }
                let answer = contestant.turn(&format!("seconds {}", wishes.seconds))?;
                let time = figure(&answer, "microseconds_per_step")?;
                println!("    {}: {time:.2} µs", contestant.name());
                compared.qualifying.push(json!({ "who": contestant.who, "answer": answer }));
                tried.push((time, contestant));
            }
        }
        let best = tried.iter().map(|(time, _)| *time).fold(f64::INFINITY, f64::min);
        tried.retain(|(time, _)| *time <= best * PROMISING);
        Ok(tried.into_iter().map(|(_, contestant)| contestant).collect())
    }

    fn export(&self, steps: &Steps, job: &Job) -> Result<PathBuf> {
        let mut command = steps.program(program(steps));
        command.args(["bench", "--quiet", "--case", job.case, "--optimizer", job.optimizer, "--export"]);
        command.arg(&self.folder);
        output(command)?;
        Ok(self.folder.join(job.case))
    }

    fn ours(&self, steps: &Steps, job: &Job, exported: &Path, threads: usize) -> Result<Contestant> {
        let mut command = steps.program(program(steps));
        command.args(["bench", "--quiet", "--turns", "--case", job.case, "--optimizer", job.optimizer]);
        command
            .args(["--threads", &threads.to_string(), "--weights"])
            .arg(exported.join("weights.safetensors"));
        self.start(steps, OURS, "", threads, command)
    }

    fn start(
        &self,
        steps: &Steps,
        who: &'static str,
        variant: &'static str,
        threads: usize,
        command: Command,
    ) -> Result<Contestant> {
        let command = if self.realtime { ahead(steps, &command) } else { command };
        Contestant::start(who, variant, threads, command, &self.folder)
    }
}

/// The same command, ahead of everything else on the machine.
pub fn ahead(steps: &Steps, command: &Command) -> Command {
    let mut first = steps.program("chrt");
    first.args(["-f", "10"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => first.env(name, value),
            None => first.env_remove(name),
        };
    }
    first
}

/// That a peer took the steps that we took: its last batch's loss is ours.
fn agreement(job: &Job, peer: &Peer, contestant: &Contestant, ours: &Value, theirs: &Value) -> Result<Value> {
    let (our_loss, their_loss) = (figure(ours, "loss")?, figure(theirs, "loss")?);
    let mut check = json!({
        "who": contestant.who, "variant": contestant.variant, "threads": contestant.threads,
        "steps": job.steps, "our_loss": our_loss, "their_loss": their_loss,
    });
    if let Some(why) = peer.differs(job) {
        check["not_compared"] = why.into();
        return Ok(check);
    }
    let apart = apart(our_loss, their_loss);
    // A NaN must not pass.
    ensure!(
        apart <= AGREEMENT,
        "{}: after {} steps the loss is {our_loss}, {} has {their_loss}: {apart:.1e} apart, at most {AGREEMENT:.0e} is \
         expected",
        job.name(),
        job.steps,
        contestant.name()
    );
    check["relative_difference"] = apart.into();
    Ok(check)
}

fn apart(ours: f64, theirs: f64) -> f64 {
    (ours - theirs).abs() / ours.abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::jobs::JOBS;

    #[test]
    fn losses_that_differ_are_not_compared_any_further() {
        let mut command = Command::new("true");
        command.stdin(std::process::Stdio::null());
        let contestant = Contestant::start("jax", "unroll-1", 2, command, &std::env::temp_dir()).unwrap();
        let of = |loss: f64| json!({ "loss": loss });
        let check = |theirs: &Value| agreement(&JOBS[0], &PEERS[0], &contestant, &of(0.5), theirs);
        assert!(check(&of(0.500_4)).unwrap()["relative_difference"].as_f64().unwrap() < 1e-3);
        let error = check(&of(0.6)).unwrap_err().to_string();
        assert!(error.contains("jax unroll-1, 2 threads has 0.6: 2.0e-1 apart"), "{error}");
        assert!(check(&of(f64::NAN)).is_err(), "a NaN is null in JSON");
        assert!(check(&json!({})).is_err());
        let other = PEERS.iter().find(|peer| peer.differs(&JOBS[0]).is_some()).unwrap();
        let check = agreement(&JOBS[0], other, &contestant, &of(0.5), &of(0.7)).unwrap();
        assert!(check["not_compared"].is_string() && check["relative_difference"].is_null());
    }

    #[test]
    fn a_command_ahead_of_others_keeps_its_words_and_variables() {
        let steps = Steps::new(std::env::temp_dir());
        let mut command = Command::new("python");
        command.arg("a.py").env("A", "1").env_remove("B");
        let ahead = ahead(&steps, &command);
        assert_eq!(crate::steps::shown(&ahead), "A=1 chrt -f 10 python a.py");
        assert!(ahead.get_envs().any(|(name, value)| name == "B" && value.is_none()));
    }
}
