//! What a frame shows: the state between two steps.

use deltarule::dataset::{Batch, BatchBuffer, Samples, Targets};
use deltarule::explain::{Anatomy, Names};
use deltarule::health::telemetry::LayerOutline;
use deltarule::layer::{Layer, Pass};
use deltarule::model::Scorer;
use deltarule::network::Workspace;
use deltarule::{Real, Task};
use serde_json::{Value, json};

use super::logits::Logits;
use super::maps::{Plane, extents};
use super::messages::{DataTold, Delta, Extent, Frame, Image, LayerNumbers, Points, Ready, RowNumbers};
use super::phases::{row_of, weights_of};
use super::training::Training;

/// Rows that are drawn, at most.
const DRAWN: usize = 2000;

/// Inputs and targets of rows, as the network sees them: at most [`DRAWN`], evenly chosen.
fn points_of<F: Real>(rows: &Samples<'_, F>) -> Points {
    let every = rows.rows.div_ceil(DRAWN).max(1);
    let drawn = || (0..rows.rows).step_by(every);
    let x = drawn().map(|row| row_of(&rows.dense, row, rows.dense_width)).collect();
    let y = drawn().map(|row| match &rows.targets {
        Targets::Classes { codes, .. } => f64::from(codes[row]),
        Targets::Values { outputs, values } => values[row * outputs].to_f64(),
    });
    Points { every, x, y: y.collect() }
}

/// What is looked at.
pub struct View<F: Real> {
    pub row: usize,
    pub plane: Option<Plane<F>>,
    pub logits: Logits<F>,
    one: Workspace<F>,
}

impl<F: Real> View<F> {
    /// The first row, and no maps.
    ///
    /// # Errors
    /// As the network itself.
    pub fn new(training: &Training<'_, F>) -> deltarule::Result<Self> {
        let network = training.network();
        Ok(Self { row: 0, plane: None, logits: Logits::new(network)?, one: network.workspace(1) })
    }
}

impl<F: Real> Training<'_, F> {
    /// What the page is told first.
    pub fn ready(&self, session: &str) -> Ready {
        let (encoder, rows) = (self.encoder(), self.rows());
        let names = encoder.feature_names();
        let outputs = if encoder.classes().is_empty() { encoder.target_names() } else { encoder.classes() };
        let data = DataTold {
            name: self.subject.name.clone(),
            task: if encoder.task() == Task::Regression { "numbers" } else { "classes" },
            rows: rows.rows,
            validation: self.validation.as_ref().map_or(0, |scorer| scorer.rows().rows),
            image: image_of(names.len(), self.subject.prepared.facts.pixel_like),
            inputs: names,
            outputs: outputs.to_vec(),
            steps_per_epoch: self.steps_per_epoch(),
            points: self.extents().map(|_| points_of(rows)),
            validation_points: self
                .extents()
                .and(self.validation.as_ref())
                .map(|scorer| points_of(scorer.rows())),
            range: self.extents(),
        };
        Ready {
            session: session.to_owned(),
            settings: serde_json::to_value(self.subject.prepared.plan.to_config()).unwrap_or_default(),
            said: self.subject.said.clone(),
            data,
            layers: self.network().layers().iter().map(LayerOutline::of).collect(),
            parameters: self.network().params().len(),
        }
    }

    /// How far the maps reach: over training and validation rows, since both are drawn on them.
    pub fn extents(&self) -> Option<Vec<Extent>> {
        let validation = self.validation.as_ref().map(Scorer::rows);
        let parts: Vec<_> = std::iter::once(self.rows()).chain(validation).collect();
        extents(&parts)
    }

    /// The state as it stands.
    pub fn frame(&self, view: &mut View<F>, running: bool, steps_per_second: Option<f64>) -> Frame {
        let (pool, network) = (self.pool, self.network());
        Frame {
            step: self.trainer.steps(),
            epoch: self.trainer.epochs(),
            running,
            next: self.next_phase(),
            cost: self.cost(),
            training: self.training.score(pool, network),
            validation: self.validation.as_ref().map(|scorer| scorer.score(pool, network)),
            learning_rate: self.learning_rate(),
            steps_per_second,
            weights: self.is_told_in_whole().then(|| weights_of(network, network.params())),
            maps: view.plane.as_mut().map(|plane| plane.draw(pool, network)),
            deltas: self.deltas(),
            row: self.row(view),
            problem: self.problem.clone(),
        }
    }

    /// ‖δ‖ of each layer over the batch that comes next.
    fn deltas(&self) -> Vec<Delta> {
        let told = self.with_next_batch(|anatomy| {
            let norms = anatomy.delta_norms().into_iter().enumerate();
            norms.map(|(layer, norm)| Delta { layer, norm }).collect()
        });
        told.unwrap_or_default()
    }

    /// Looks at both passes over the batch that comes next, as training will make them; `None` of L-BFGS.
    pub fn with_next_batch<T>(&self, look: impl FnOnce(&Anatomy<'_, F>) -> T) -> Option<T> {
        let next = self.next_step()?;
        let train = &self.subject.prepared.split.train;
        let rows: Vec<u32> = next.rows.iter().map(|&row| train[row as usize]).collect();
        let names = Names::of(self.encoder(), &rows);
        let mut buffer = BatchBuffer::new(self.rows(), next.rows.len());
        let batch = buffer.gather(self.pool, self.rows(), &next.rows);
        let settings = self.trainer.settings();
        let pass = Pass::Training { seed: settings.seed, step: self.trainer.steps() };
        let (loss, penalties) = (&settings.loss, &settings.regularization);
        Some(look(&Anatomy::new(self.pool, self.network(), loss, penalties, batch, pass, &names)))
    }

    /// The forward pass of the chosen row.
    fn row(&self, view: &mut View<F>) -> RowNumbers {
        let (pool, network, rows) = (self.pool, self.network(), self.rows());
        let row = view.row.min(rows.rows - 1);
        let batch = rows.range(row, row + 1);
        network.forward(pool, &mut view.one, &batch, Pass::Inference);
        let (z, a) = network.output(&view.one, 1);
        let cost = self.material.loss.value_and_delta(pool, z, a, batch.targets, None, None);
        let layers = network.layers().iter().enumerate().map(|(layer, kind)| LayerNumbers {
            layer,
            z: view.logits.row(pool, network, &view.one, &batch, 0, layer),
            a: row_of(&view.one.kept[layer].a, 0, kind.units()),
        });
        let layers = layers.collect();
        RowNumbers { row, x: self.inputs(&batch, &view.one), target: self.target(row), cost, layers }
    }

    /// What the first dense layer's weights meet in a row.
    fn inputs(&self, batch: &Batch<'_, F>, passes: &Workspace<F>) -> Vec<f64> {
        let network = self.network();
        let mut x = match network.layers().first() {
            Some(Layer::Embedding(_)) => row_of(&passes.kept[0].a, 0, network.layers()[0].units()),
            _ => (0..network.spec().input.dense).map(|column| batch.number(0, column).to_f64()).collect(),
        };
        let groups = &network.spec().input.one_hot;
        let codes = &batch.codes[batch.codes.len() - groups.len()..];
        for (&categories, &code) in groups.iter().zip(codes) {
            x.extend((0..categories).map(|category| f64::from(u8::from(category == code as usize))));
        }
        x
    }

    /// The target as it is called: a class by its name, a number as the table has it.
    fn target(&self, row: usize) -> Value {
        let (encoder, table) = (self.encoder(), &self.subject.prepared.table);
        match (&self.rows().targets, encoder.classes()) {
            (Targets::Classes { codes, .. }, classes) => json!(classes.get(codes[row] as usize)),
            (Targets::Values { outputs: 1, values }, [first, second]) => {
                json!(if values[row].to_f64() > 0.5 { second } else { first })
            }
            (Targets::Values { .. }, []) => {
                let in_table = self.subject.prepared.split.train.get(row);
                let values = in_table.and_then(|&row| encoder.target_values(table, &[row]).ok());
                json!(values.and_then(|values| values.first().copied()))
            }
            _ => Value::Null,
        }
    }
}

/// The sides of a square picture whose pixels the inputs are.
fn image_of(inputs: usize, is_pixels: bool) -> Option<Image> {
    let side = inputs.isqrt();
    (is_pixels && side * side == inputs).then_some(Image { width: side, height: side })
}
