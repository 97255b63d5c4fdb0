//! What is told of a step is what training had: the run is trained once more with forks (the state written down between two
//! steps), and weights, gradients and states are compared bit for bit.

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::control::Control;
use crate::event::Silent;
use crate::run_folder::Progress;
use crate::trainer::Snapshot;

/// 90 rows of two numbers, a colour, a row weight and a kind of three sizes; `moved` is added to some cells.
fn table(folder: &Path, moved: f64) -> String {
    let mut text = "a,b,colour,w,price,kind\n".to_owned();
    for i in 0..90_usize {
        let (a, b) = ((i * 37 % 53) as f64 / 10.0, (i * 29 % 47) as f64 / 9.0 - 2.0);
        let b = if i % 10 == 0 { b + moved } else { b };
        let kind = if a + b > 4.0 { "large" } else { ["small", "middle"][usize::from(a > b)] };
        let (colour, weight) = (["red", "blue", "white"][i % 3], 0.5 + (i % 4) as f64 / 2.0);
        text.push_str(&format!("{a:.1},{b:.3},{colour},{weight},{:.3},{kind}\n", a * b - 3.0));
    }
    let path = folder.join("t.csv");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Everything that the gradient depends on, in one training.
const FULL: [(&str, &str); 12] = [
    ("target", "kind"),
    ("weight", "w"),
    ("class_weight", "balanced"),
    ("hidden", "7,5"),
    ("dropout", "0.2"),
    ("normalization", "batch"),
    ("optimizer", "momentum"),
    ("l2", "0.01"),
    ("label_smoothing", "0.1"),
    ("batch_size", "16"),
    ("epochs", "6"),
    ("early_stopping", "none"),
];

/// The same with other settings in the place of, or beside, those.
fn full_but(others: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let kept = FULL.into_iter().filter(|(key, _)| others.iter().all(|(other, _)| other != key));
    kept.chain(others.iter().copied()).collect()
}

struct Bench {
    place: TempDir,
    config: Config,
}

/// What is asked of a training, each before the step after so many.
type Wishes<'a> = &'a [(u64, Control)];

impl Bench {
    fn new(settings: &[(&str, &str)]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        let (data, run) = (table(place.path(), 0.0), place.path().join("run").display().to_string());
        for (key, text) in [("data", data.as_str()), ("run", run.as_str())].iter().chain(settings) {
            config.set(key, text).unwrap();
        }
        Self { place, config }
    }

    fn folder(&self) -> RunFolder {
        RunFolder::open(&self.place.path().join("run")).unwrap()
    }

    /// Trains with these wishes, and a fork between any two steps.
    fn train(&self, resume: bool, wishes: Wishes<'_>) {
        let mut config = self.config.clone();
        config.resume = Some(resume);
        let (mut asked, mut at) = (None, 0);
        let mut controller = |step: u64| {
            if asked != Some(step) {
                asked = Some(step);
                return Some(Control::Fork);
            }
            let wish = wishes.get(at).filter(|(when, _)| *when == step)?;
            at += 1;
            Some(wish.1.clone())
        };
        run::train(&config, &mut Silent, &mut controller).unwrap();
        assert_eq!(at, wishes.len());
    }

    /// The state after so many steps, as training wrote it.
    fn state<F: Real>(&self, steps: u64) -> Snapshot<'static, F> {
        let path = self.folder().path().join(format!("fork-{steps}.safetensors"));
        Checkpoint::read(&path).unwrap().snapshot
    }

    fn account(&self, step: u64, question: &Question) -> Account {
        explain_step(&self.folder(), step, question, Some(1), &mut Silent).unwrap()
    }

    fn refused(&self, step: u64, question: &Question) -> String {
        explain_step(&self.folder(), step, question, Some(1), &mut Silent).unwrap_err().to_string()
    }

    /// Holds the replay's state before a step, its gradient and its update against what training had.
    fn compare<F: Real>(&self, step: u64, member: usize) -> TrainingStep {
        let prepared = run::prepare(
            &Config::parse_toml(&self.folder().read_config().unwrap(), &self.folder().config()).unwrap(),
        )
        .unwrap();
        let pool = Pool::new(2);
        let before =
            run::before_step::<F>(&pool, &prepared, &self.folder(), member, step, &mut Silent).unwrap();
        // The factor of a control that comes after the fork at the same step is in the replay's state alone.
        let mut then = self.state::<F>(step - 1);
        then.rate_factor = before.trainer.state().rate_factor;
        assert!(before.trainer.state() == then, "the state before step {step}");

        let BeforeStep { material, trainer, next, .. } = before;
        let mut buffer = BatchBuffer::new(&material.train, next.rows.len());
        let batch = buffer.gather(&pool, &material.train, &next.rows);
        let told = Names::of(
            &material.encoder,
            &next.rows.iter().map(|&row| prepared.split.train[row as usize]).collect::<Vec<_>>(),
        );
        let settings = trainer.settings().clone();
        let network = trainer.network().clone();
        let pass = Pass::Training { seed: settings.seed, step: step - 1 };
        let anatomy =
            Anatomy::new(&pool, &network, &settings.loss, &settings.regularization, batch, pass, &told);
        // Phase by phase from what training wrote down: the gradient, and the state that training wrote after it.
        let mut by_hand = Trainer::new(&pool, network.clone(), settings.clone()).unwrap();
        by_hand.restore(&self.state(step - 1)).unwrap();
        by_hand.forward(&batch);
        by_hand.cost(&batch);
        by_hand.backward(&batch);
        by_hand.update(batch.rows, next.learning_rate);
        let after = self.state::<F>(step);
        assert!(by_hand.network().params() == &after.params[..], "the weights after step {step}");
        assert!(by_hand.network().buffers() == &after.buffers[..], "the statistics after step {step}");
        assert_eq!(next.learning_rate, after.last_rate);

        let question = Question { member, ..Question::default() };
        let account = self.account(step, &question);
        let at = anatomy.chosen(None, None).unwrap().find(&network).unwrap().at;
        let step = account.step.clone().unwrap();
        assert_eq!([step.before, step.after], [then.params[at].to_f64(), after.params[at].to_f64()]);
        let followed = by_hand.gradients()[at].to_f64();
        if let Some(clipped) = step.clipped {
            assert_eq!(clipped.gradient, followed);
        } else {
            assert!(by_hand.gradients() == anatomy.gradient(), "the gradient");
            assert_eq!(account.ledger.value, followed);
        }
        assert!(account.difference <= account.tolerance, "{}", account.difference);
        assert!(step.replay.costs > 0 || step.replay.steps == 0, "{:?}", step.replay);
        step
    }
}

#[test]
fn a_step_is_told_as_it_was() {
    let bench = Bench::new(&FULL);
    bench.train(false, &[]);
    let steps = [1, 2, 4, 5, 13, 23];
    for step in steps {
        let told = bench.compare::<f32>(step, 1);
        assert_eq!((told.replay.from, told.replay.steps, told.replay.checkpoint), (0, step - 1, false));
        assert_eq!((told.epoch, told.batch, told.batches), ((step - 1) / 4 + 1, (step - 1) % 4 + 1, 4));
        assert_eq!(told.rows.len(), if told.batch == 4 { 14 } else { 16 });
    }
    // The batches of an epoch are its rows, each once.
    let mut rows: Vec<usize> =
        (5..=8).flat_map(|step| bench.account(step, &Question::default()).step.unwrap().rows).collect();
    let prepared = run::prepare(&bench.config).unwrap();
    let mut train: Vec<usize> = prepared.split.train.iter().map(|&row| row as usize + 1).collect();
    rows.sort_unstable();
    train.sort_unstable();
    assert_eq!(rows, train);
}

#[test]
fn double_precision_adaptive_rules_and_clipping_are_told_as_they_were() {
    let common = [("precision", "f64"), ("schedule", "cosine"), ("max_norm", "2")];
    for rest in [&[("optimizer", "adamw")][..], &[("optimizer", "gradient_descent"), ("clip_norm", "0.05")]] {
        let bench = Bench::new(&full_but(&[&common[..], rest].concat()));
        bench.train(false, &[]);
        let told = bench.compare::<f64>(10, 1);
        assert_eq!(told.clipped.is_some(), rest.len() > 1, "{told:?}");
    }
}

#[test]
fn a_run_that_went_on_is_told_from_its_checkpoint_and_from_its_start() {
    let bench = Bench::new(&full_but(&[("schedule", "constant")]));
    bench.train(false, &[(3, Control::ScaleLearningRate { factor: 0.5 }), (10, Control::Stop)]);
    assert_eq!(bench.folder().progress(), Progress::Resumable);
    assert!(bench.refused(11, &Question::default()).contains("expected 1 to 10"));
    bench.train(true, &[(10, Control::ScaleLearningRate { factor: 0.25 })]);
    for (step, from) in [(4, 0), (9, 0), (10, 0), (11, 10), (16, 10)] {
        let told = bench.compare::<f32>(step, 1);
        let replay = (told.replay.from, told.replay.steps, told.replay.checkpoint);
        assert_eq!(replay, (from, step - 1 - from, from > 0), "step {step}");
    }
    let rate = |step| bench.account(step, &Question::default()).step.unwrap().learning_rate;
    assert_eq!([rate(4) / rate(3), rate(11) / rate(10)], [0.5, 0.5]);
}

#[test]
fn a_control_that_a_crash_cut_off_has_no_part_in_it() {
    let bench = Bench::new(&FULL);
    let slower = |factor| Control::ScaleLearningRate { factor };
    let wishes = [(2, slower(0.5)), (5, Control::Checkpoint), (7, slower(0.1)), (9, Control::Stop)];
    bench.train(false, &wishes);
    // As if it had crashed after step 9: what is left is the checkpoint of step 5, which the fork there equals.
    let folder = bench.folder();
    std::fs::copy(folder.path().join("fork-5.safetensors"), folder.checkpoint()).unwrap();
    bench.train(true, &[]);
    for step in [3, 5, 8, 9, 12] {
        bench.compare::<f32>(step, 1);
    }
    std::fs::remove_file(bench.folder().checkpoint()).unwrap();
    // From the start the factor of step 7 would be met on the way.
    assert_eq!(bench.compare::<f32>(12, 1).replay.from, 0);
}

#[test]
fn what_a_plateau_did_is_done_again() {
    let bench = Bench::new(&full_but(&[
        ("schedule", "reduce_on_plateau"),
        ("plateau_patience", "1"),
        ("gamma", "0.5"),
        ("learning_rate", "0.5"),
        ("early_stopping", "log_loss"),
        ("patience", "40"),
        ("validation", "0.2"),
        ("epochs", "25"),
    ]));
    bench.train(false, &[]);
    let rates: Vec<f64> = [1, 40, 70, 90].map(|step| bench.compare::<f32>(step, 1).learning_rate).into();
    assert!(rates[3] < rates[0], "the rate falls: {rates:?}");
}

#[test]
fn a_member_of_an_ensemble_and_the_model_after_folds_are_told() {
    let bench = Bench::new(&full_but(&[("epochs", "2"), ("ensemble", "2")]));
    bench.train(false, &[]);
    // The forks are those of the second member, which overwrote the first's.
    let told = bench.compare::<f32>(6, 2);
    assert_eq!(told.part, "model, member 2");
    assert_ne!(
        bench.account(6, &Question::default()).cost,
        bench.account(6, &Question { member: 2, ..Question::default() }).cost
    );
    let third = Question { member: 3, ..Question::default() };
    assert!(bench.refused(6, &third).contains("the member: got 3; expected 1 to 2"));

    // The final model has as many epochs as the folds' best took in the mean, which is the length of its cosine.
    let folds = [
        ("epochs", "12"),
        ("folds", "2"),
        ("schedule", "cosine"),
        ("learning_rate", "0.5"),
        ("early_stopping", "log_loss"),
        ("patience", "3"),
    ];
    let bench = Bench::new(&full_but(&folds));
    bench.train(false, &[]);
    assert_eq!(bench.compare::<f32>(5, 1).part, "model");
}

#[test]
fn rows_that_are_not_shuffled_and_single_rows_are_told_in_their_units() {
    let settings = [
        ("target", "price"),
        ("hidden", "4"),
        ("batch_size", "1"),
        ("epochs", "1"),
        ("shuffle", "false"),
        ("validation", "0"),
        ("test", "0"),
    ];
    let bench = Bench::new(&settings);
    bench.train(false, &[]);
    let account = bench.account(7, &Question::default());
    let output = &account.outputs[0];
    // Row 7: i = 6, a = (222 mod 53)/10 = 1, b = (174 mod 47)/9 − 2 = 1.667.
    let price: f64 = 1.0 * (33.0 / 9.0 - 2.0) - 3.0;
    assert!((output.in_units.unwrap().target - price).abs() < 1e-3, "{output:?}");
    let step = account.step.unwrap();
    assert_eq!((step.rows, step.weight), (vec![7], 1.0));
    bench.compare::<f32>(7, 1);
}

#[test]
fn what_cannot_be_told_is_refused_and_nothing_is_written() {
    let bench = Bench::new(&FULL);
    bench.train(false, &[]);
    let files = || {
        let names = std::fs::read_dir(bench.folder().path()).unwrap();
        names
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = files();
    let usual = Question::default();
    for step in [0, 25, u64::MAX] {
        let words = bench.refused(step, &usual);
        assert!(words.contains("the step: got") && words.contains("expected 1 to 24"), "{words}");
    }
    let absent = Question { parameter: Some(Parameter::weight(9, 0, 0)), ..usual.clone() };
    assert!(bench.refused(3, &absent).contains("layers.9.w"));
    // Without a checkpoint the costs tell that the data are others.
    table(bench.place.path(), 0.75);
    let words = bench.refused(20, &usual);
    assert!(
        words.contains("the data (or")
            && words.contains("by the mean cost of step")
            && words.contains("restore it"),
        "{words}"
    );
    std::fs::remove_file(bench.place.path().join("t.csv")).unwrap();
    assert!(bench.refused(3, &usual).contains("t.csv: "));
    assert_eq!(files(), before);

    table(bench.place.path(), 0.0);
    std::fs::remove_file(bench.folder().config()).unwrap();
    let words = bench.refused(3, &usual);
    assert!(words.contains("config.toml: no such file"), "{words}");
}

#[test]
fn a_checkpoint_knows_its_data_and_its_configuration() {
    let bench = Bench::new(&FULL);
    bench.train(false, &[(6, Control::Stop)]);
    let usual = Question::default();
    table(bench.place.path(), 1e-3);
    let words = bench.refused(1, &usual);
    assert!(words.contains("cannot resume or replay: the data was"), "{words}");
    table(bench.place.path(), 0.0);
    let config = bench.folder().read_config().unwrap();
    bench.folder().write_config(&config.replace("l2 = 0.01", "l2 = 0.02")).unwrap();
    assert!(bench.refused(1, &usual).contains("the configuration was"));
}

#[test]
fn of_a_line_search_there_is_no_batch_to_tell_of() {
    let settings = [("target", "price"), ("hidden", "3"), ("optimizer", "lbfgs"), ("epochs", "3")];
    let bench = Bench::new(&settings);
    let mut config = bench.config.clone();
    config.resume = Some(false);
    run::train(&config, &mut Silent, &mut crate::control::Unattended).unwrap();
    let words = bench.refused(2, &Question::default());
    assert!(words.contains("optimizer lbfgs") && words.contains("line search over all rows"), "{words}");
}
