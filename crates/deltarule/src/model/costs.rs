//! What each row costs by itself: where a model does worst.

use deltarule_kernels::{Pool, Real};

use super::members::{Forward, rows_at_once};
use super::{Members, Model};
use crate::config::resolve;
use crate::error::Result;
use crate::network::Network;
use crate::table::Table;

impl Model {
    /// The cost that was trained on of each of these rows, without penalties and whatever the row weighs; of an ensemble
    /// the mean of its networks' costs. Each row has a target that training knew, see
    /// [`Encoder::usable_rows`](crate::encoder::Encoder::usable_rows).
    ///
    /// # Errors
    /// As [`Encoder::encode`](crate::encoder::Encoder::encode).
    ///
    /// # Panics
    /// Where a row is beyond the table's end.
    ///
    /// ```
    /// use deltarule::config::Config;
    /// use deltarule::table::{ReadOptions, read};
    /// use deltarule::{Pool, run};
    ///
    /// let table = read("xor", &ReadOptions::default())?;
    /// let mut config = Config::default();
    /// config.set("hidden", "4")?;
    /// let model = run::fit(table.clone(), &config)?.model;
    /// let pool = Pool::new(1);
    /// let costs = model.row_costs(&pool, &table, &[0, 1, 2, 3])?;
    /// // Two classes: a row costs −ln of the probability that its own class was given.
    /// let said = model.predict(&pool, &table)?;
    /// assert!((costs[0] + said.probability(0, 0).unwrap().ln()).abs() < 1e-5);
    /// # Ok::<(), deltarule::Error>(())
    /// ```
    pub fn row_costs(&self, pool: &Pool, table: &Table, rows: &[u32]) -> Result<Vec<f64>> {
        match self.members() {
            Members::F32(networks) => self.costs_by(networks, pool, table, rows),
            Members::F64(networks) => self.costs_by(networks, pool, table, rows),
        }
    }

    fn costs_by<F: Real>(
        &self,
        networks: &[Network<F>],
        pool: &Pool,
        table: &Table,
        rows: &[u32],
    ) -> Result<Vec<f64>> {
        let loss = resolve::loss(self.config())?;
        let share = 1.0 / networks.len() as f64;
        let mut costs = Vec::with_capacity(rows.len());
        for block in rows.chunks(rows_at_once::<F>(self.encoder())) {
            let data = self.encoder().encode::<F>(table, block)?;
            let begin = costs.len();
            costs.resize(begin + block.len(), 0.0);
            for network in networks {
                let one = std::slice::from_ref(network);
                let mut at = begin;
                Forward::new(one, self.encoder(), pool, data.rows).run_watched(&data, &mut |batch, z, a| {
                    for cost in loss.row_costs(pool, z, a, batch.targets) {
                        costs[at] += share * cost;
                        at += 1;
                    }
                });
            }
        }
        Ok(costs)
    }
}
