//! What it costs to look at the layers while training.

use std::time::Instant;

use deltarule_kernels::Pool;
use serde::Serialize;

use super::Work;
use crate::control::Unattended;
use crate::error::Result;
use crate::event::Event;
use crate::trainer::Trainer;

/// Training with looks and without, in turns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TelemetryCost {
    /// The case.
    pub case: String,
    /// Threads.
    pub threads: usize,
    /// Pairs of trainings.
    pub pairs: usize,
    /// Steps of each training.
    pub steps: u64,
    /// How many of them were looked at.
    pub looks: usize,
    /// Median seconds of a training without looks.
    pub seconds: f64,
    /// Median of the pairs' ratios, with looks over without.
    pub ratio: f64,
    /// The 95 % interval of that median, by the pairs' order (Conover 1999, §3.2).
    pub from: f64,
    /// Its upper end.
    pub to: f64,
}

impl Work {
    /// Trains `pairs` times with and as often without looks, from the same weights and for the same `steps`, each pair
    /// in the other order than the one before. The looks' events are turned into the text that `events.jsonl` gets.
    ///
    /// # Errors
    /// Where network and settings do not go together, or numbers stop being finite.
    pub fn telemetry_cost(&self, threads: usize, pairs: usize, steps: u64) -> Result<TelemetryCost> {
        let pool = Pool::new(threads);
        let mut looks = 0;
        let mut text = Vec::new();
        let mut train = |telemetry: bool, looks: &mut usize| -> Result<f64> {
            let mut settings = self.settings.clone();
            settings.telemetry = telemetry;
            settings.max_steps = Some(steps);
            settings.epochs = u64::MAX;
            let mut trainer = Trainer::new(&pool, self.network.clone(), settings)?;
            text.clear();
            *looks = 0;
            let mut listen = |event: &Event| {
                if matches!(event, Event::Health { .. }) {
                    *looks += 1;
                    // What a full disk does to an event log is not what is measured.
                    let _ = serde_json::to_writer(&mut text, event);
                }
            };
            let began = Instant::now();
            let mut keep_nothing = |_: &Trainer<'_, f32>, _| Ok(None);
            trainer.run("model", &self.data, None, &mut listen, &mut Unattended, &mut keep_nothing)?;
            Ok(began.elapsed().as_secs_f64())
        };
        train(true, &mut looks)?; // warms up
        let (mut ratios, mut without) = (Vec::new(), Vec::new());
        for pair in 0..pairs.max(1) {
            let mut none = 0;
            let first = pair % 2 == 0;
            let one = train(first, if first { &mut looks } else { &mut none })?;
            let other = train(!first, if first { &mut none } else { &mut looks })?;
            let (with, plain) = if first { (one, other) } else { (other, one) };
            ratios.push(with / plain);
            without.push(plain);
        }
        ratios.sort_by(f64::total_cmp);
        without.sort_by(f64::total_cmp);
        let count = ratios.len();
        // Order statistics around the middle: √n·1.96/2 places down and up.
        let reach = (0.98 * (count as f64).sqrt()).ceil() as usize;
        let middle = count / 2;
        Ok(TelemetryCost {
            case: self.name.clone(),
            threads,
            pairs: count,
            steps,
            looks,
            seconds: without[middle],
            ratio: ratios[middle],
            from: ratios[middle.saturating_sub(reach)],
            to: ratios[(middle + reach).min(count - 1)],
        })
    }
}
