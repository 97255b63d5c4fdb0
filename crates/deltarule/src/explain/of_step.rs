//! A step of a run's training, told in full: its true batch, masks and weights.

// These write tables as CSV files.
#[cfg(all(test, feature = "csv"))]
mod tests;

use deltarule_kernels::{Pool, Real, sum_squares64};

use super::of_model::put_units;
use super::{Account, Anatomy, Clipped, Names, Parameter, Question, TrainingStep};
use crate::config::Config;
use crate::dataset::{Batch, BatchBuffer};
use crate::error::{ErrorKind, Result};
use crate::event::Observer;
use crate::layer::Pass;
use crate::network::Network;
use crate::optimizer::Regularization;
use crate::run::{self, BeforeStep, Prepared, cores};
use crate::run_folder::RunFolder;
use crate::task::Task;
use crate::trainer::Trainer;

/// Tells what training did in a run's step `step`, counted from 1: the gradient that it had of the batch that it took, with
/// dropout's masks, batch statistics, row weights, smoothing and penalties, at the weights that it had then.
///
/// The data are read, split and encoded again as the run's `config.toml` says, and the state before the step is that of
/// the checkpoint, or of the start, with the steps in between done again to the same bits (the same instruction set and
/// version given). Of cross-validation the final model is told, of an ensemble the member that the question names. Nothing
/// is written. `observer` is told of the steps that are done again.
///
/// | argument | |
/// |---|---|
/// | `folder` | the run's, with `config.toml` and `events.jsonl` |
/// | `step` | from 1 to the last one that the events tell of |
/// | `question` | its `output` is not looked at: a step has no one output |
/// | `threads` | `None`: one for each core; the numbers do not depend on it |
///
/// # Errors
/// [`ErrorKind::FileNotFound`] where the configuration, the events or the data are not there;
/// [`ErrorKind::BadSetting`] for a step, member, parameter or layer that is not there, or a batch whose rows all weigh 0;
/// [`ErrorKind::Conflict`] of L-BFGS, whose step is a search over all rows; [`ErrorKind::CannotResume`] where data or
/// configuration are not those of the run; and those of reading and training.
///
/// ```
/// use deltarule::config::Config;
/// use deltarule::control::Unattended;
/// use deltarule::event::Silent;
/// use deltarule::explain::{Question, explain_step};
/// use deltarule::run;
/// use deltarule::run_folder::RunFolder;
///
/// let place = std::env::temp_dir().join(format!("deltarule-explain-{}", std::process::id()));
/// let mut config = Config::default();
/// let run = place.display().to_string();
/// for (key, value) in [("data", "xor"), ("hidden", "4"), ("epochs", "3"), ("run", run.as_str())] {
///     config.set(key, value)?;
/// }
/// run::train(&config, &mut Silent, &mut Unattended)?;
/// let account = explain_step(&RunFolder::open(&place)?, 2, &Question::default(), Some(1), &mut Silent)?;
/// let step = account.step.expect("it is of a step");
/// assert_eq!((step.number, step.replay.from, step.replay.steps), (2, 0, 1));
/// assert!(step.before != step.after && account.difference <= account.tolerance);
/// # std::fs::remove_dir_all(&place).expect("it is ours");
/// # Ok::<(), deltarule::Error>(())
/// ```
pub fn explain_step(
    folder: &RunFolder,
    step: u64,
    question: &Question,
    threads: Option<usize>,
    observer: &mut dyn Observer,
) -> Result<Account> {
    let config = Config::parse_toml(&folder.read_config()?, &folder.config())?;
    let prepared = run::prepare(&config)?;
    let pool = Pool::new(threads.unwrap_or_else(cores));
    match prepared.plan.settings.precision.as_deref() {
        Some("f64") => of_precision::<f64>(&pool, &prepared, folder, step, question, observer),
        _ => of_precision::<f32>(&pool, &prepared, folder, step, question, observer),
    }
}

fn of_precision<F: Real>(
    pool: &Pool,
    prepared: &Prepared,
    folder: &RunFolder,
    step: u64,
    question: &Question,
    observer: &mut dyn Observer,
) -> Result<Account> {
    let mut before = run::before_step::<F>(pool, prepared, folder, question.member, step, observer)?;
    let train_rows = &prepared.split.train;
    let rows: Vec<u32> = before.next.rows.iter().map(|&row| train_rows[row as usize]).collect();
    let names = Names::of(&before.material.encoder, &rows);
    let mut buffer = BatchBuffer::new(&before.material.train, rows.len());
    let batch = buffer.gather(pool, &before.material.train, &before.next.rows);
    if batch.total_weight() <= 0.0 {
        return Err(ErrorKind::BadSetting {
            setting: "the step".into(),
            got: format!("{step}, whose rows all weigh 0"),
            expected: "one that had something to learn from".into(),
            next: "give another".into(),
        }
        .into());
    }
    let told = explained(pool, &before.trainer, batch, &names, question)?;
    let Explained { mut account, parameter, at, clipped } = told;
    before.account.of_step(step, account.cost)?;
    if let (Task::Regression, false) = (before.material.encoder.task(), account.outputs.is_empty()) {
        let outputs: Vec<F> = account.outputs.iter().map(|output| F::from_f64(output.value)).collect();
        put_units(&mut account.outputs, &outputs, &before.material.encoder, &prepared.table, &rows)?;
    }
    let value = |network: &Network<F>| network.params()[at].to_f64();
    let earlier = value(before.trainer.network());
    before.trainer.step(&batch, before.next.learning_rate);
    let BeforeStep { trainer, next, part, account: comparison, .. } = before;
    account.step = Some(TrainingStep {
        run: folder.path().to_owned(),
        part,
        number: step,
        epoch: next.epoch,
        batch: next.batch,
        batches: next.batches,
        data: prepared.table.source.clone(),
        rows: names.rows,
        weight: batch.total_weight(),
        learning_rate: next.learning_rate,
        parameter: parameter.to_string(),
        before: earlier,
        after: value(trainer.network()),
        clipped,
        replay: comparison.replay,
    });
    Ok(account)
}

/// What a step's passes say, before its update.
struct Explained {
    account: Account,
    /// The one that is taken apart.
    parameter: Parameter,
    /// Its place in the flat buffer.
    at: usize,
    clipped: Option<Clipped>,
}

fn explained<F: Real>(
    pool: &Pool,
    trainer: &Trainer<'_, F>,
    batch: Batch<'_, F>,
    names: &Names,
    question: &Question,
) -> Result<Explained> {
    let settings = trainer.settings();
    let (network, penalties) = (trainer.network(), &settings.regularization);
    let pass = Pass::Training { seed: settings.seed, step: trainer.steps() };
    let anatomy = Anatomy::new(pool, network, &settings.loss, penalties, batch, pass, names);
    let parameter = anatomy.chosen(question.parameter.as_ref(), question.layer)?;
    let account = anatomy.account(Some(&parameter), question.layer, question.reach)?;
    let at = parameter.find(network)?.at;
    let clipped = clipped(pool, penalties, anatomy.gradient(), at);
    Ok(Explained { account, parameter, at, clipped })
}

/// What clipping makes of a gradient; `None` where it leaves it as it is.
fn clipped<F: Real>(
    pool: &Pool,
    regularization: &Regularization,
    gradient: &[F],
    at: usize,
) -> Option<Clipped> {
    if regularization.clip_norm.is_none() && regularization.clip_value.is_none() {
        return None;
    }
    let mut left = gradient.to_vec();
    regularization.clip(pool, &mut left);
    if left == gradient {
        return None;
    }
    let norm = |numbers: &[F]| sum_squares64(pool, numbers).sqrt();
    Some(Clipped { norm: norm(gradient), to_norm: norm(&left), gradient: left[at].to_f64() })
}
