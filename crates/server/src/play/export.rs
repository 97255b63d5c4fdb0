//! What a session gives to take away: a configuration that `train` takes, a model that `predict` reads.

use std::collections::BTreeMap;

use deltarule::Real;
use deltarule::config::Config;
use deltarule::model::{Members, Model};

use super::training::Training;

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    Config,
    Model,
}

impl<F: Real> Training<'_, F> {
    /// A file's content.
    ///
    /// # Errors
    /// The library's words.
    pub fn export(&self, file: File) -> Result<Vec<u8>, String> {
        match file {
            File::Config => Ok(self.config_file().into_bytes()),
            File::Model => self.model_file(),
        }
    }

    /// The whole plan. Where training had no end of its own it has one now: the epoch that it has come to.
    fn config(&self) -> Config {
        let mut config = self.subject.prepared.plan.to_config();
        if self.subject.is_open {
            let is_within = self.trainer.state().batch > 0;
            config.epochs = Some((self.trainer.epochs() + u64::from(is_within)).max(1));
        }
        if let Some(rate) = &mut config.learning_rate {
            let factor = self.trainer.state().rate_factor;
            if factor != 1.0 {
                *rate *= factor;
            }
        }
        config
    }

    fn config_file(&self) -> String {
        let mut text = String::from("# deltarule train --config config.toml\n");
        if let Some(origin) = &self.subject.origin {
            text.push_str("# ");
            text.push_str(origin);
            text.push('\n');
        }
        text.push_str(&self.config().to_toml());
        text
    }

    fn model_file(&self) -> Result<Vec<u8>, String> {
        let network = std::slice::from_ref(self.network());
        let mut figures = BTreeMap::new();
        figures.insert("train".to_owned(), self.training.score(self.pool, self.network()));
        if let Some(scorer) = &self.validation {
            figures.insert("validation".to_owned(), scorer.score(self.pool, self.network()));
        }
        if self.network().params().iter().any(|parameter| !parameter.is_finite()) {
            return Err("a parameter is not finite: this network predicts nothing; restart".into());
        }
        let model = Model::new(self.encoder().clone(), Members::of(network), &self.config(), figures);
        model.and_then(|model| model.to_bytes()).map_err(|error| error.to_string())
    }
}
