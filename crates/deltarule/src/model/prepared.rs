//! Prediction of tables again and again: weights packed once, room kept.

use deltarule_kernels::{Pool, Real};

use super::members::{self, Forward};
use super::{Members, Model, Predictions, numbered_rows};
use crate::encoder::Encoder;
use crate::error::Result;
use crate::table::Table;

/// A model made ready to predict tables one after another, as a server does.
///
/// [`Model::predict`] packs the weights and makes room for each table anew, which of a row takes longer than the row does. The bits
/// are the same.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use deltarule::activation::Activation;
/// # use deltarule::config::Config;
/// # use deltarule::encoder::{Encoder, EncoderOptions};
/// # use deltarule::model::{Members, Model};
/// # use deltarule::network::NetworkSpec;
/// use deltarule::Pool;
/// use deltarule::table::{ReadOptions, read};
///
/// let table = read("xor", &ReadOptions::default())?;
/// # let options = EncoderOptions { target: vec!["y".into()], ..EncoderOptions::default() };
/// # let encoder = Encoder::fit(&table, &[0, 1, 2, 3], &options)?;
/// # let network = NetworkSpec::on(encoder.input_shape().clone()).dense(1, Activation::Sigmoid).build::<f32>(1)?;
/// # let model = Model::new(encoder, Members::of(&[network]), &Config::default(), BTreeMap::new())?;
/// let pool = Pool::new(1);
/// let mut prepared = model.prepare(&pool);
/// let first = prepared.predict(&table.take_rows(&[0]))?;
/// assert_eq!(first.values(), &model.predict(&pool, &table)?.values()[..1]);
/// # Ok::<(), deltarule::Error>(())
/// ```
pub struct Prepared<'m> {
    encoder: &'m Encoder,
    /// What every answer begins as.
    none: Predictions,
    forward: Ready<'m>,
}

/// The forward pass in the members' precision.
enum Ready<'m> {
    F32(Forward<'m, f32>),
    F64(Forward<'m, f64>),
}

impl<'m> Prepared<'m> {
    pub(super) fn new(model: &'m Model, pool: &'m Pool, rows: usize) -> Self {
        let encoder = model.encoder();
        let forward = match model.members() {
            Members::F32(networks) => Ready::F32(Forward::new(networks, encoder, pool, rows)),
            Members::F64(networks) => Ready::F64(Forward::new(networks, encoder, pool, rows)),
        };
        Self { encoder, none: Predictions::none(model), forward }
    }

    /// As [`Model::predict`].
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict(&mut self, table: &Table) -> Result<Predictions> {
        let mut all = self.none.clone();
        self.predict_in_blocks(table, &mut |block| {
            all.append(block);
            Ok(())
        })?;
        Ok(all)
    }

    /// As [`Model::predict_in_blocks`].
    ///
    /// # Errors
    /// As [`Model::predict_in_blocks`].
    pub fn predict_in_blocks(
        &mut self,
        table: &Table,
        each: &mut dyn FnMut(&Predictions) -> Result<()>,
    ) -> Result<()> {
        match &mut self.forward {
            Ready::F32(forward) => in_blocks(forward, self.encoder, &self.none, table, each),
            Ready::F64(forward) => in_blocks(forward, self.encoder, &self.none, table, each),
        }
    }
}

fn in_blocks<F: Real>(
    forward: &mut Forward<'_, F>,
    encoder: &Encoder,
    none: &Predictions,
    table: &Table,
    each: &mut dyn FnMut(&Predictions) -> Result<()>,
) -> Result<()> {
    let rows = numbered_rows(table)?;
    // An empty table still has its columns checked.
    let blocks = rows.chunks(members::rows_at_once::<F>(encoder)).chain(rows.is_empty().then_some(&[][..]));
    for block in blocks {
        let data = encoder.encode_features::<F>(table, block)?;
        let mut predictions = none.clone();
        predictions.extend(&forward.run(&data));
        each(&predictions)?;
    }
    Ok(())
}
