//! What each quantity of the chain rule is made of.

use deltarule_kernels::{Activation, Real};

use super::parameter::{Found, is_first_dense, table_column};
use super::{Anatomy, Others, Parameter, Quantity, Reach};
use crate::activation::derivative_formula;
use crate::error::Result;
use crate::layer::{Dense, Layer, Pass, TensorKind};
use crate::loss::Focus;

impl<F: Real> Anatomy<'_, F> {
    /// The gradient of a parameter, taken apart.
    ///
    /// Of one row that weighs 1 it is the product of the chain rule's factors; of a batch the mean over its rows, of which
    /// the `top` largest are shown. A penalty's part is a term of its own.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`](crate::ErrorKind::BadSetting) for a tensor or a place that the network does not have.
    pub fn take_apart(&self, parameter: &Parameter, reach: Reach) -> Result<Quantity> {
        let found = parameter.find(self.network)?;
        let symbol = format!("∂C/∂{}", self.parameter_symbol(&found));
        let stored = self.gradient[found.at].to_f64();
        let data = if self.batch.rows == 1 && self.total == 1.0 {
            Quantity::product(&symbol, self.row_factors(&found, 0, reach))
        } else {
            let sum = self.sum_of(
                "Σ over rows",
                (0..self.batch.rows).map(|row| self.row_value(&found, row)),
                reach.top,
                |row| {
                    let term = Quantity::product("term", self.row_factors(&found, row, reach));
                    term.named(format!("row {}", self.names.row(row)))
                },
            );
            let share = Quantity::given("1/W", 1.0 / self.total)
                .meaning(Some("W, the sum of the rows' weights".into()));
            Quantity::product(&symbol, vec![sum, share])
        };
        let penalties = self.penalties(&found);
        let quantity = if penalties.is_empty() {
            data
        } else {
            let data = data.named(format!("{symbol}, of the rows"));
            let parts = std::iter::once(data).chain(penalties).collect();
            Quantity::sum(&symbol, parts, Others::default())
        };
        Ok(quantity.stored_as(stored).meaning(Some(self.names.of_parameter(self.network, &found))))
    }

    /// The penalties' parts of a gradient.
    fn penalties(&self, found: &Found) -> Vec<Quantity> {
        let rule = self.regularization;
        let w = self.network.params()[found.at].to_f64();
        let mut parts = Vec::new();
        if !found.kind.is_regularized() {
            return parts;
        }
        let symbol = self.parameter_symbol(found);
        if rule.l1 != 0.0 {
            let given = vec![Quantity::given("l1", rule.l1), Quantity::given(&symbol, w)];
            let value = rule.l1 * w.signum0();
            parts.push(Quantity::formula("penalty l1", value, format!("l1 · sign({symbol})"), given));
        }
        if rule.l2 != 0.0 {
            let given = vec![Quantity::given("l2", rule.l2), Quantity::given(&symbol, w)];
            parts.push(Quantity::product("penalty l2", given));
        }
        parts
    }

    /// What a row brings to a parameter's gradient, before the division by W.
    fn row_value(&self, found: &Found, row: usize) -> f64 {
        let [first, second] = found.place;
        let of_unit = |unit| self.delta(found.layer, row, unit);
        match found.kind {
            TensorKind::Weight => self.input(found.layer, row, first) * of_unit(second),
            TensorKind::Bias | TensorKind::Shift => of_unit(first),
            TensorKind::Scale => of_unit(first) * self.normalised(found.layer, row, first),
            TensorKind::Table => {
                self.has_code(found, row)
                    * of_unit(table_column(self.network, found.layer, found.number) + second)
            }
        }
    }

    /// The same as factors.
    fn row_factors(&self, found: &Found, row: usize, reach: Reach) -> Vec<Quantity> {
        let [first, second] = found.place;
        let layer = found.layer;
        let mut factors = Vec::new();
        match found.kind {
            TensorKind::Weight => {
                factors.push(self.input_quantity(layer, row, first));
                factors.extend(self.delta_factors(layer, row, second, reach));
            }
            TensorKind::Bias | TensorKind::Shift => {
                factors.extend(self.delta_factors(layer, row, first, reach));
            }
            TensorKind::Scale => {
                factors.push(self.normalised_quantity(layer, row, first));
                factors.extend(self.delta_factors(layer, row, first, reach));
            }
            TensorKind::Table => {
                let code = Quantity::given("[code]", self.has_code(found, row));
                factors.push(code.meaning(Some("1 where the row has this category".into())));
                let column = table_column(self.network, layer, found.number) + second;
                factors.push(self.upstream(layer, row, column, reach));
            }
        }
        factors
    }

    /// δ of a unit as factors: f' and ∂C/∂a; of an output whose cost and activation are one function, what that gives.
    fn delta_factors(&self, layer: usize, row: usize, unit: usize, reach: Reach) -> Vec<Quantity> {
        let whole = self.delta_quantity(layer, row, unit, reach);
        match whole.parts {
            super::Parts::Product { parts } => parts,
            _ => vec![whole],
        }
    }

    /// δ of a unit, taken apart as far as `reach` says; an output's always.
    fn delta_quantity(&self, layer: usize, row: usize, unit: usize, reach: Reach) -> Quantity {
        let symbol = format!("δ{layer}[{unit}]");
        let stored = self.delta(layer, row, unit);
        let is_output = layer + 1 == self.network.layers().len();
        let quantity = if is_output {
            self.output_delta(symbol, row, unit)
        } else if reach.depth == 0 {
            Quantity::folded(symbol, stored)
        } else {
            let deeper = Reach { depth: reach.depth - 1, ..reach };
            let upstream = self.upstream(layer, row, unit, deeper);
            let factors = match self.slope(layer, row, unit) {
                Some(slope) => vec![slope, upstream],
                None => vec![upstream],
            };
            Quantity::product(symbol, factors)
        };
        quantity.stored_as(stored).meaning(self.unit_meaning(layer, unit))
    }

    /// δ of an output: the row's weight · (f' · ∂C/∂ŷ, or where cost and activation are one function, their derivative).
    fn output_delta(&self, symbol: String, row: usize, unit: usize) -> Quantity {
        let layer = self.network.layers().len() - 1;
        let mut factors = Vec::new();
        if let Some(weights) = self.batch.weights {
            let weight = Quantity::given("weight", weights[row].to_f64());
            factors.push(weight.meaning(Some("of the row".into())));
        }
        let f = self.network.output_activation();
        if f == Activation::Softmax && !self.loss.is_fused() {
            return self.through_softmax(symbol, layer, row, unit, factors);
        }
        if !self.loss.is_fused() {
            factors.extend(self.slope(layer, row, unit));
        }
        factors.push(self.cost_slope(layer, row, unit));
        Quantity::product(symbol, factors)
    }

    /// δ of an output of a softmax whose cost is taken from ŷ: a ⊙ (g − Σ g·a), g = ∂C/∂ŷ.
    fn through_softmax(
        &self,
        symbol: String,
        layer: usize,
        row: usize,
        unit: usize,
        mut factors: Vec<Quantity>,
    ) -> Quantity {
        let units = self.network.layers()[layer].units();
        let along =
            (0..units).map(|k| self.activation_of(layer, row, k) * self.cost_slope(layer, row, k).value);
        let along: f64 = along.sum();
        let g = self.cost_slope(layer, row, unit);
        let rest = Quantity::formula("−Σ g·ŷ", -along, "−Σ over the outputs of g · ŷ, g = ∂C/∂ŷ", Vec::new());
        factors
            .push(Quantity::given(self.activation_symbol(layer, unit), self.activation_of(layer, row, unit)));
        factors.push(Quantity::sum("g − Σ g·ŷ", vec![g, rest], Others::default()));
        Quantity::product(symbol, factors)
    }

    /// ∂C/∂ŷ of an output, or ∂C/∂z where the cost is computed from the logits.
    fn cost_slope(&self, layer: usize, row: usize, unit: usize) -> Quantity {
        let (a, z) = (self.activation_of(layer, row, unit), self.pre_activation(layer, row, unit));
        let y = self.batch.targets.value(row, unit).to_f64();
        let (slope, formula, y) = self.loss.slope_of(z, a, y, self.network.outputs());
        let symbol = if self.loss.is_fused() { "∂C/∂z" } else { "∂C/∂ŷ" };
        let parts = vec![
            Quantity::given("ŷ", a).meaning(self.output_meaning(unit)),
            Quantity::given("y", y).meaning(Some("the target".into())),
        ];
        let Some(focus) = self.focus(layer, row, unit) else {
            return Quantity::formula(symbol, slope, formula, parts);
        };
        // φ'(H) · ∂H/∂z, H being the cross-entropy: one more factor of the chain rule.
        let entropy =
            Quantity::formula("∂H/∂z", slope, formula, parts).meaning(Some("of the cross-entropy H".into()));
        Quantity::product(symbol, vec![focus, entropy])
    }

    /// ∂C/∂H of a focal cost, H being the cross-entropy that it is a function of.
    fn focus(&self, layer: usize, row: usize, unit: usize) -> Option<Quantity> {
        let units = 0..self.network.outputs();
        let z: Vec<f64> = units.clone().map(|unit| self.pre_activation(layer, row, unit)).collect();
        let a: Vec<f64> = units.clone().map(|unit| self.activation_of(layer, row, unit)).collect();
        let y: Vec<f64> = units.map(|unit| self.batch.targets.value(row, unit).to_f64()).collect();
        let focus = self.loss.focus(&z, &a, &y, unit)?;
        let parts = vec![
            Quantity::given("p", focus.p).meaning(Some("the probability of what was seen".into())),
            Quantity::given("γ", focus.gamma),
        ];
        Some(Quantity::formula("∂C/∂H", focus.factor, Focus::FORMULA, parts))
    }

    /// f' of a unit, where its layer has an activation other than identity.
    fn slope(&self, layer: usize, row: usize, unit: usize) -> Option<Quantity> {
        let f = self.network.layers()[layer].activation().filter(|&f| f != Activation::Identity)?;
        let (a, z) = (self.activation_of(layer, row, unit), self.pre_activation(layer, row, unit));
        let from = if f.needs_z() {
            Quantity::given(format!("z{layer}[{unit}]"), z)
        } else {
            Quantity::given(self.activation_symbol(layer, unit), a)
        };
        let symbol = format!("f'{layer}[{unit}]");
        Some(Quantity::formula(symbol, f.derivative(z, a), derivative_formula(f), vec![from]))
    }

    /// ∂C/∂a of a unit: what the layer after it sends back.
    fn upstream(&self, layer: usize, row: usize, unit: usize, reach: Reach) -> Quantity {
        let (symbol, next) = (format!("∂C/∂a{layer}[{unit}]"), layer + 1);
        match &self.network.layers()[next] {
            Layer::Dense(dense) => {
                let terms =
                    (0..dense.fan_out).map(|k| self.weight(next, dense, unit, k) * self.delta(next, row, k));
                let term = |k: usize| {
                    let w =
                        Quantity::given(format!("w{next}[{unit},{k}]"), self.weight(next, dense, unit, k));
                    let delta = self.delta_quantity(next, row, k, reach);
                    Quantity::product(format!("w{next}[{unit},{k}]·δ{next}[{k}]"), vec![w, delta])
                };
                self.sum_of(&symbol, terms, reach.top, term)
            }
            Layer::Dropout(_) if self.pass == Pass::Inference => {
                self.upstream(next, row, unit, reach).named(symbol)
            }
            Layer::Dropout(dropout) => {
                let mask = self.ws.kept[next].extra[row * dropout.units + unit].to_f64();
                let words =
                    if mask == 0.0 { "the unit is left out" } else { "the unit stays, 1/(1 − rate)" };
                let mask = Quantity::given(format!("m{next}[{unit}]"), mask).meaning(Some(words.into()));
                Quantity::product(symbol, vec![mask, self.upstream(next, row, unit, reach)])
            }
            Layer::BatchNorm(norm) => self.through_batch_norm(symbol, next, norm.units, row, unit, reach),
            Layer::LayerNorm(norm) => self.through_layer_norm(symbol, next, norm.units, row, unit, reach),
            Layer::Embedding(_) => unreachable!("embeddings stand first"),
        }
    }

    /// γ/√(σ²+ε) · (δ − mean δ − x̂·mean(δ·x̂)), the means over the batch; at inference γ/√(σ²+ε) · δ.
    fn through_batch_norm(
        &self,
        symbol: String,
        layer: usize,
        units: usize,
        row: usize,
        unit: usize,
        reach: Reach,
    ) -> Quantity {
        let inverse = self.ws.kept[layer].statistics[units + unit].to_f64();
        let scale = Quantity::given(format!("γ{layer}[{unit}]"), self.layer_parameter(layer, unit));
        let inverse = Quantity::given("1/√(σ²+ε)", inverse);
        let delta = self.delta_quantity(layer, row, unit, reach);
        if self.pass == Pass::Inference {
            return Quantity::product(symbol, vec![scale, inverse, delta]);
        }
        let rows = self.batch.rows;
        let mean = |of: &dyn Fn(usize) -> f64| (0..rows).map(of).sum::<f64>() / rows as f64;
        let mean_delta = mean(&|row| self.delta(layer, row, unit));
        let along = mean(&|row| self.delta(layer, row, unit) * self.normalised(layer, row, unit));
        let centred = self.centred(delta, layer, row, unit, [mean_delta, along], "over the batch");
        Quantity::product(symbol, vec![scale, inverse, centred])
    }

    /// 1/√(σ²+ε) · (g − mean g − x̂·mean(g·x̂)), g = γ·δ, the means over the row's units.
    fn through_layer_norm(
        &self,
        symbol: String,
        layer: usize,
        units: usize,
        row: usize,
        unit: usize,
        reach: Reach,
    ) -> Quantity {
        let inverse = Quantity::given("1/√(σ²+ε)", self.ws.kept[layer].statistics[2 * row + 1].to_f64());
        let g = |unit: usize| self.layer_parameter(layer, unit) * self.delta(layer, row, unit);
        let mean = |of: &dyn Fn(usize) -> f64| (0..units).map(of).sum::<f64>() / units as f64;
        let (mean_g, along) = (mean(&g), mean(&|unit| g(unit) * self.normalised(layer, row, unit)));
        let scale = Quantity::given(format!("γ{layer}[{unit}]"), self.layer_parameter(layer, unit));
        let scaled = vec![scale, self.delta_quantity(layer, row, unit, reach)];
        let scaled = Quantity::product(format!("γ·δ{layer}[{unit}]"), scaled);
        let centred = self.centred(scaled, layer, row, unit, [mean_g, along], "over the row's units");
        Quantity::product(symbol, vec![inverse, centred])
    }

    /// g − mean g − x̂·mean(g·x̂).
    fn centred(
        &self,
        g: Quantity,
        layer: usize,
        row: usize,
        unit: usize,
        [mean, along]: [f64; 2],
        over: &str,
    ) -> Quantity {
        let level = Quantity::formula("−mean g", -mean, format!("−mean of g {over}"), Vec::new());
        let hat = self.normalised_quantity(layer, row, unit);
        let value = -hat.value * along;
        let along = Quantity::given("mean(g·x̂)", along).meaning(Some(over.to_owned()));
        let tilt = Quantity::formula("−x̂·mean(g·x̂)", value, "−x̂ · mean(g·x̂)", vec![hat, along]);
        Quantity::sum("g − mean g − x̂·mean(g·x̂)", vec![g, level, tilt], Others::default())
    }

    /// A sum whose largest terms are made by `term`, by their number, and the others are added up.
    fn sum_of(
        &self,
        symbol: &str,
        values: impl Iterator<Item = f64>,
        top: usize,
        term: impl Fn(usize) -> Quantity,
    ) -> Quantity {
        let mut terms: Vec<(usize, f64)> = values.enumerate().collect();
        // Largest first; NaN before all, since it decides the sum.
        terms.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        let shown = if terms.len() == top + 1 { top + 1 } else { top.min(terms.len()) };
        let (shown, rest) = terms.split_at(shown);
        let others = Others {
            count: rest.len(),
            sum: rest.iter().map(|(_, value)| value).sum(),
            magnitude: rest.iter().map(|(_, value)| value.abs()).sum(),
        };
        Quantity::sum(symbol, shown.iter().map(|&(at, _)| term(at)).collect(), others)
    }
}

/// The numbers that the passes wrote, and the names of what they belong to.
impl<F: Real> Anatomy<'_, F> {
    pub(super) fn delta(&self, layer: usize, row: usize, unit: usize) -> f64 {
        self.ws.kept[layer].delta[row * self.network.layers()[layer].units() + unit].to_f64()
    }

    pub(super) fn activation_of(&self, layer: usize, row: usize, unit: usize) -> f64 {
        self.ws.kept[layer].a[row * self.network.layers()[layer].units() + unit].to_f64()
    }

    /// z where it is kept, else NaN: where it is not, nothing is taken from it.
    pub(super) fn pre_activation(&self, layer: usize, row: usize, unit: usize) -> f64 {
        let z = &self.ws.kept[layer].z;
        z.get(row * self.network.layers()[layer].units() + unit).map_or(f64::NAN, |z| z.to_f64())
    }

    /// x̂ of a normalisation.
    fn normalised(&self, layer: usize, row: usize, unit: usize) -> f64 {
        self.ws.kept[layer].extra[row * self.network.layers()[layer].units() + unit].to_f64()
    }

    fn normalised_quantity(&self, layer: usize, row: usize, unit: usize) -> Quantity {
        let hat = Quantity::given(format!("x̂{layer}[{unit}]"), self.normalised(layer, row, unit));
        hat.meaning(Some("the normalised input".into()))
    }

    /// A number of the layer's parameters, of which γ comes first.
    fn layer_parameter(&self, layer: usize, at: usize) -> f64 {
        self.network.params()[self.network.layer_range(layer)][at].to_f64()
    }

    pub(super) fn weight(&self, layer: usize, dense: &Dense, from: usize, to: usize) -> f64 {
        self.layer_parameter(layer, from * dense.fan_out + to)
    }

    /// What a dense layer's w has row `from` for: a number, or whether the row has a category.
    pub(super) fn input(&self, layer: usize, row: usize, from: usize) -> f64 {
        let Layer::Dense(dense) = &self.network.layers()[layer] else { return f64::NAN };
        if from >= dense.dense_in {
            return self.has_one_hot(dense, row, from);
        }
        match layer.checked_sub(1) {
            Some(before) => self.activation_of(before, row, from),
            None => self.batch.number(row, from).to_f64(),
        }
    }

    fn has_one_hot(&self, dense: &Dense, row: usize, from: usize) -> f64 {
        let width = self.network.spec().input.codes();
        let mut begin = dense.dense_in;
        for (group, &cardinality) in dense.one_hot.iter().enumerate() {
            if from < begin + cardinality {
                let column = width - dense.one_hot.len() + group;
                let code = self.batch.codes[row * width + column] as usize;
                return f64::from(u8::from(begin + code == from && code < cardinality));
            }
            begin += cardinality;
        }
        0.0
    }

    fn has_code(&self, found: &Found, row: usize) -> f64 {
        let width = self.network.spec().input.codes();
        f64::from(u8::from(self.batch.codes[row * width + found.number] as usize == found.place[0]))
    }

    fn input_quantity(&self, layer: usize, row: usize, from: usize) -> Quantity {
        let value = self.input(layer, row, from);
        if is_first_dense(self.network, layer) {
            let name = self.names.inputs.get(from).cloned();
            return Quantity::given(format!("x[{from}]"), value).meaning(name);
        }
        let before = layer - 1;
        Quantity::given(self.activation_symbol(before, from), value).meaning(self.unit_meaning(before, from))
    }

    fn activation_symbol(&self, layer: usize, unit: usize) -> String {
        if layer + 1 == self.network.layers().len() { "ŷ".into() } else { format!("a{layer}[{unit}]") }
    }

    fn unit_meaning(&self, layer: usize, unit: usize) -> Option<String> {
        self.names.of_unit(self.network, layer, unit)
    }

    fn output_meaning(&self, unit: usize) -> Option<String> {
        self.names.outputs.get(unit).cloned()
    }

    fn parameter_symbol(&self, found: &Found) -> String {
        let ([first, second], layer) = (found.place, found.layer);
        match found.kind {
            TensorKind::Weight => format!("w{layer}[{first},{second}]"),
            TensorKind::Bias => format!("b{layer}[{first}]"),
            TensorKind::Scale => format!("γ{layer}[{first}]"),
            TensorKind::Shift => format!("β{layer}[{first}]"),
            TensorKind::Table => format!("table{layer}.{}[{first},{second}]", found.number),
        }
    }
}
