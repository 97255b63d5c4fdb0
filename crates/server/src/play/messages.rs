//! What page and engine say to each other: `web/src/play/protocol.ts` in Rust.

use std::collections::BTreeMap;

use deltarule::event::Figures;
use deltarule::explain;
use deltarule::health::telemetry::LayerOutline;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Numbers, those that are not finite as null.
pub type Numbers = Vec<f64>;

/// What the page asks.
#[derive(Debug, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    Hello { token: String },
    Set { data: Data, settings: BTreeMap<String, String> },
    Import { run: String },
    Restart {},
    Run {},
    Pause {},
    Epoch {},
    Batch {},
    Phase {},
    Rate { learning_rate: f64 },
    Row { row: usize },
    Weight { parameter: Parameter, value: f64 },
    Check { parameter: Parameter },
    Ledger { parameter: Parameter },
    Draw { grid: usize, units: bool },
    Drawn {},
}

impl Ask {
    /// Its name, for a refusal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Set { .. } => "set",
            Self::Import { .. } => "import",
            Self::Restart {} => "restart",
            Self::Run {} => "run",
            Self::Pause {} => "pause",
            Self::Epoch {} => "epoch",
            Self::Batch {} => "batch",
            Self::Phase {} => "phase",
            Self::Rate { .. } => "rate",
            Self::Row { .. } => "row",
            Self::Weight { .. } => "weight",
            Self::Check { .. } => "check",
            Self::Ledger { .. } => "ledger",
            Self::Draw { .. } => "draw",
            Self::Drawn {} => "drawn",
        }
    }
}

/// What to train on: one of `name` and `upload`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    pub name: Option<String>,
    pub rows: Option<u64>,
    pub noise: Option<f64>,
    pub seed: Option<u64>,
    pub upload: Option<String>,
    pub target: Option<String>,
}

/// Where a number of the network stands.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    pub layer: usize,
    pub from: Option<usize>,
    pub to: usize,
}

impl Parameter {
    /// As the library names it.
    pub fn named(self) -> explain::Parameter {
        match self.from {
            Some(from) => explain::Parameter::weight(self.layer, from, self.to),
            None => explain::Parameter::bias(self.layer, self.to),
        }
    }
}

/// What the engine tells.
#[derive(Debug, Serialize)]
#[serde(tag = "tell", rename_all = "snake_case")]
pub enum Tell {
    Ready(Box<Ready>),
    Frame(Box<Frame>),
    Phase(Box<PhaseTold>),
    Checked(Checked),
    Ledger { parameter: Parameter, ledger: Value },
    Refused { ask: String, why: String },
}

#[derive(Debug, Serialize)]
pub struct Ready {
    pub session: String,
    pub settings: Value,
    pub said: BTreeMap<String, String>,
    pub data: DataTold,
    pub layers: Vec<LayerOutline>,
    pub parameters: usize,
}

#[derive(Debug, Serialize)]
pub struct DataTold {
    pub name: String,
    pub task: &'static str,
    pub rows: usize,
    pub validation: usize,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub steps_per_epoch: u64,
    pub points: Option<Points>,
    pub validation_points: Option<Points>,
    pub image: Option<Image>,
    pub range: Option<Vec<Extent>>,
}

#[derive(Debug, Serialize)]
pub struct Points {
    /// They are those of each so-manieth row, from 0 on.
    pub every: usize,
    pub x: Vec<Numbers>,
    pub y: Numbers,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Image {
    pub width: usize,
    pub height: usize,
}

/// From where to where an input goes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Extent {
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Serialize)]
pub struct Frame {
    pub step: u64,
    pub epoch: u64,
    pub running: bool,
    pub next: Next,
    pub cost: f64,
    pub training: Figures,
    pub validation: Option<Figures>,
    pub learning_rate: f64,
    pub steps_per_second: Option<f64>,
    pub weights: Option<Vec<Weights>>,
    pub maps: Option<Maps>,
    pub deltas: Vec<Delta>,
    pub row: RowNumbers,
    pub problem: Option<String>,
}

/// A dense layer's numbers: its parameters, or their gradients.
#[derive(Debug, Serialize)]
pub struct Weights {
    pub layer: usize,
    pub w: Numbers,
    pub b: Numbers,
}

#[derive(Debug, Serialize)]
pub struct Maps {
    pub grid: usize,
    pub outputs: Vec<Map>,
    pub units: Vec<UnitMap>,
}

#[derive(Debug, Serialize)]
pub struct Map {
    pub low: f64,
    pub high: f64,
    pub bytes: String,
}

#[derive(Debug, Serialize)]
pub struct UnitMap {
    pub layer: usize,
    pub unit: usize,
    pub map: Map,
}

#[derive(Debug, Serialize)]
pub struct Delta {
    pub layer: usize,
    pub norm: f64,
}

#[derive(Debug, Serialize)]
pub struct RowNumbers {
    pub row: usize,
    pub x: Numbers,
    pub target: Value,
    pub cost: f64,
    pub layers: Vec<LayerNumbers>,
}

#[derive(Debug, Serialize)]
pub struct LayerNumbers {
    pub layer: usize,
    pub z: Option<Numbers>,
    pub a: Numbers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    Forward,
    Cost,
    Backward,
    Update,
}

/// What the next phase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    pub phase: PhaseName,
    pub layer: Option<usize>,
}

impl Next {
    /// The beginning of a step.
    pub const FIRST: Self = Self { phase: PhaseName::Forward, layer: Some(0) };

    /// What follows in a network of so many layers.
    pub fn after(self, layers: usize) -> Self {
        let of = |phase, layer| Self { phase, layer };
        match (self.phase, self.layer) {
            (PhaseName::Forward, Some(layer)) if layer + 1 < layers => {
                of(PhaseName::Forward, Some(layer + 1))
            }
            (PhaseName::Forward, _) => of(PhaseName::Cost, None),
            (PhaseName::Cost, _) => of(PhaseName::Backward, layers.checked_sub(1)),
            (PhaseName::Backward, Some(layer)) if layer > 0 => of(PhaseName::Backward, Some(layer - 1)),
            (PhaseName::Backward, _) => of(PhaseName::Update, None),
            (PhaseName::Update, _) => Self::FIRST,
        }
    }
}

#[derive(Debug, Serialize)]
pub struct PhaseTold {
    pub phase: PhaseName,
    pub layer: Option<usize>,
    pub next: Next,
    pub step: u64,
    pub rows: Vec<u32>,
    pub shown: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostTold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradients: Option<Vec<Weights>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<Vec<Updated>>,
}

impl PhaseTold {
    /// With nothing of what it made; `place` is the shown row's in the batch.
    pub fn of(now: Next, next: Next, step: u64, rows: Vec<u32>, place: usize) -> Self {
        Self {
            phase: now.phase,
            layer: now.layer,
            next,
            step,
            shown: rows.get(place).copied().unwrap_or(0),
            rows,
            z: None,
            a: None,
            delta: None,
            cost: None,
            gradients: None,
            updated: None,
        }
    }
}

#[derive(Debug, Serialize)]
pub struct CostTold {
    /// The mean over the batch.
    pub batch: f64,
    /// The shown row's.
    pub row: f64,
    pub penalty: f64,
}

#[derive(Debug, Serialize)]
pub struct Updated {
    pub layer: usize,
    pub w: Change,
    pub b: Change,
}

#[derive(Debug, Serialize)]
pub struct Change {
    pub before: Numbers,
    pub after: Numbers,
}

#[derive(Debug, Serialize)]
pub struct Checked {
    pub parameter: Parameter,
    pub analytic: f64,
    pub numeric: Option<f64>,
    pub h: f64,
    pub difference: Option<f64>,
    pub allowed: f64,
    pub passed: bool,
    pub kink: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Ask, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_of_the_contract_is_refused() {
        assert!(matches!(read(r#"{"ask":"run"}"#), Ok(Ask::Run {})));
        assert!(matches!(
            read(r#"{"ask":"weight","parameter":{"layer":0,"from":null,"to":1},"value":0.5}"#),
            Ok(Ask::Weight { parameter: Parameter { layer: 0, from: None, to: 1 }, .. })
        ));
        for (spoilt, word) in [
            ("", "EOF"),
            ("[]", ""),
            (r#"{"ask":"fly"}"#, "fly"),
            (r#"{"ask":"run","fast":true}"#, "fast"),
            (r#"{"ask":"row","row":-1}"#, "-1"),
            (r#"{"ask":"row","row":1e99}"#, ""),
            (r#"{"ask":"rate","learning_rate":1e999}"#, "range"),
            (r#"{"ask":"set","data":{"name":"xor","colour":1},"settings":{}}"#, "colour"),
            (r#"{"ask":"set","data":{"name":"xor"},"settings":{"hidden":8}}"#, "string"),
        ] {
            let error = read(spoilt).unwrap_err();
            assert!(error.contains(word), "{spoilt}: {error}");
        }
    }

    #[test]
    fn phases_follow_one_another_through_the_layers_and_back() {
        let mut next = Next::FIRST;
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push((next.phase, next.layer));
            next = next.after(2);
        }
        let expected = [
            (PhaseName::Forward, Some(0)),
            (PhaseName::Forward, Some(1)),
            (PhaseName::Cost, None),
            (PhaseName::Backward, Some(1)),
            (PhaseName::Backward, Some(0)),
            (PhaseName::Update, None),
        ];
        assert_eq!(seen, expected);
        assert_eq!(next, Next::FIRST);
    }
}
