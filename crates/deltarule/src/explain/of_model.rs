//! A model's prediction and gradient on rows of a table, told in full.

use deltarule_kernels::{Pool, Real};

use super::{Account, Anatomy, Columns, Drawing, InUnits, Names, Output, Parameter, Reach};
use crate::config::resolve;
use crate::encoder::Encoder;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::Pass;
use crate::model::{Members, Model};
use crate::network::Network;
use crate::table::Table;
use crate::task::Task;

/// What is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The parameter whose gradient is taken apart; the largest one's otherwise.
    pub parameter: Option<Parameter>,
    /// The layer whose largest gradients are looked for.
    pub layer: Option<usize>,
    /// How far it is taken apart.
    pub reach: Reach,
    /// Which network of an ensemble, from 1.
    pub member: usize,
    /// The class or target whose columns are told; the most probable class of the first row otherwise.
    pub output: Option<String>,
}

impl Default for Question {
    fn default() -> Self {
        Self { parameter: None, layer: None, reach: Reach::default(), member: 1, output: None }
    }
}

/// Tells it of these rows as one batch, with inference statistics and no dropout. `rows` follow one another.
///
/// # Errors
/// As [`Encoder::encode`]; [`ErrorKind::BadSetting`] for a parameter, layer, member or output that is not there.
///
/// # Panics
/// Where there is no row, or one is beyond the table's end.
pub fn explain(
    pool: &Pool,
    model: &Model,
    table: &Table,
    rows: &[u32],
    question: &Question,
) -> Result<Account> {
    match model.members() {
        Members::F32(networks) => of_network(pool, model, networks, table, rows, question, |_, _| Ok(())),
        Members::F64(networks) => of_network(pool, model, networks, table, rows, question, |_, _| Ok(())),
    }
    .map(|(account, ())| account)
}

/// As [`explain`] of one row, with a drawing of at most `most` units of each layer.
///
/// # Errors
/// As [`explain`].
///
/// # Panics
/// Where the row is beyond the table's end.
pub fn explain_drawn(
    pool: &Pool,
    model: &Model,
    table: &Table,
    row: u32,
    question: &Question,
    most: usize,
) -> Result<(Account, Drawing)> {
    match model.members() {
        Members::F32(networks) => drawn_network(pool, model, networks, table, row, question, most),
        Members::F64(networks) => drawn_network(pool, model, networks, table, row, question, most),
    }
}

fn drawn_network<F: Real>(
    pool: &Pool,
    model: &Model,
    networks: &[Network<F>],
    table: &Table,
    row: u32,
    question: &Question,
    most: usize,
) -> Result<(Account, Drawing)> {
    of_network(pool, model, networks, table, &[row], question, |anatomy, account| {
        let chosen = anatomy.chosen(question.parameter.as_ref(), question.layer)?;
        Ok(anatomy.drawing(&chosen, &account.ledger, most))
    })
}

/// The account, and what `more` makes of the same passes.
fn of_network<F: Real, T>(
    pool: &Pool,
    model: &Model,
    networks: &[Network<F>],
    table: &Table,
    rows: &[u32],
    question: &Question,
    more: impl FnOnce(&Anatomy<'_, F>, &Account) -> Result<T>,
) -> Result<(Account, T)> {
    let Some(network) = question.member.checked_sub(1).and_then(|member| networks.get(member)) else {
        let expected = format!("1 to {}, one for each network", networks.len());
        return Err(absent("the member", &question.member.to_string(), expected));
    };
    let config = model.config();
    let (loss, regularization) = (resolve::loss(config)?, resolve::regularization(config));
    let data = model.encoder().encode::<F>(table, rows)?;
    let names = Names::of(model.encoder(), rows);
    let batch = data.range(0, data.rows);
    let anatomy = Anatomy::new(pool, network, &loss, &regularization, batch, Pass::Inference, &names);
    let mut account = anatomy.account(question.parameter.as_ref(), question.layer, question.reach)?;
    if model.encoder().task() == Task::Regression {
        put_units(&mut account.outputs, anatomy.outputs(), model.encoder(), table, rows)?;
    }
    let output = output_of(question, &names, anatomy.outputs())?;
    let gradient = anatomy.input_gradient(pool, output);
    account.columns = Some(Columns {
        output: names.outputs[output].clone(),
        shares: gradient.by_column(model.encoder(), table, rows)?,
    });
    let more = more(&anatomy, &account)?;
    Ok((account, more))
}

/// Outputs and targets of one row as the table has them.
pub(super) fn put_units<F: Real>(
    outputs: &mut [Output],
    values: &[F],
    encoder: &Encoder,
    table: &Table,
    rows: &[u32],
) -> Result<()> {
    let (values, targets) = (encoder.decode_targets(values), encoder.target_values(table, rows)?);
    for (output, (value, target)) in outputs.iter_mut().zip(values.into_iter().zip(targets)) {
        output.in_units = Some(InUnits { value, target });
    }
    Ok(())
}

/// The output that was asked for: by the name that is shown, or by the class alone.
fn output_of<F: Real>(question: &Question, names: &Names, outputs: &[F]) -> Result<usize> {
    let Some(said) = &question.output else {
        let first = outputs[..names.outputs.len()].iter().enumerate();
        return Ok(first.max_by(|(_, a), (_, b)| a.to_f64().total_cmp(&b.to_f64())).map_or(0, |(at, _)| at));
    };
    let is_it =
        |name: &String| name == said || name.split_once(" = ").is_some_and(|(_, class)| class == said);
    let expected = || format!("one of {}", names.outputs.join(", "));
    names.outputs.iter().position(is_it).ok_or_else(|| absent("the output", said, expected()))
}

impl Names {
    /// Columns and classes. A binary task's one output is the probability of its second class. `rows` are the
    /// batch's rows in their table, from 0.
    #[must_use]
    pub fn of(encoder: &Encoder, rows: &[u32]) -> Self {
        let target = encoder.target_names().join(", ");
        let outputs = match (encoder.task(), encoder.classes()) {
            (Task::Binary, [_, second]) => vec![format!("{target} = {second}")],
            (_, []) => encoder.target_names().to_vec(),
            (_, classes) => classes.iter().map(|class| format!("{target} = {class}")).collect(),
        };
        let rows = rows.iter().map(|&row| row as usize + 1).collect();
        Self { inputs: encoder.feature_names(), outputs, rows }
    }
}

fn absent(what: &str, got: &str, expected: String) -> Error {
    let next = "give one of these".into();
    ErrorKind::BadSetting { setting: what.into(), got: got.into(), expected, next }.into()
}
