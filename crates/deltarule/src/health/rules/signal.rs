//! Problems in the way of the signal: where it starts, and what each layer does to it on the way back.

use super::{Case, Evidence, Finding, Problem, Severity, against, beside, plain, remedies};
use crate::health::telemetry::LayerHealth;
use crate::health::thresholds::{DEAD, EXPLODED, SATURATED_UNITS, SCALE, TWINS, VANISHED};

/// Weights below which ‖w‖ differs by much from draw to draw.
const FEWEST_WEIGHTS: usize = 64;

pub(super) fn look(case: &Case<'_>, found: &mut Vec<Finding>) {
    if case.record.layers.len() < 2 {
        return; // one layer has δ straight from the cost
    }
    let symmetric = symmetric_units(case);
    let dead = dead_units(case);
    found.extend(poor_initialisation(case));
    // What comes through a layer of equal or silent units is small because of them.
    if symmetric.is_none() && dead.is_none() {
        found.extend(saturated_units(case));
        found.extend(vanishing(case));
    }
    found.extend(symmetric);
    found.extend(dead);
    found.extend(exploding(case));
}

/// ‖w‖ of the first look over what the layer's own initialiser would have drawn.
fn poor_initialisation(case: &Case<'_>) -> Option<Finding> {
    let (_, layers) = case.record.each_look().next().filter(|(look, _)| look.step == 1)?;
    let mut worst: Option<(f64, usize, f64)> = None;
    for (layer, health) in layers.iter().enumerate() {
        let outline = &case.record.layers[layer];
        let (Some(weights), Some(usual)) = (&health.weights, outline.usual_weight()) else { continue };
        let next = case.record.layers.get(layer + 1);
        // A dense layer before a normalisation has no activation of its own: its scale is divided out.
        let normalised = next.is_some_and(|next| next.kind.ends_with("norm"));
        let factor = weights.weight / usual;
        // An output layer may start small, even at 0: the first steps are then those of a single layer.
        let small = factor < 1.0 / SCALE && factor > 0.0 && layer != case.last_layer();
        let off = if factor > SCALE || small { factor.ln().abs() } else { 0.0 };
        if off > 0.0
            && !normalised
            && outline.fan_in * outline.units >= FEWEST_WEIGHTS
            && worst.is_none_or(|(most, _, _)| off > most)
        {
            worst = Some((off, layer, factor));
        }
    }
    let (_, layer, factor) = worst?;
    let name = case.layer(layer);
    let (size, effect) = if factor > 1.0 {
        (
            format!("{} times as large", plain(factor)),
            "z = x·w + b is so large that activations are flat or far apart, and ∂C/∂a = δ·wᵀ grows by it on its way back",
        )
    } else {
        (
            format!("{} times smaller", plain(1.0 / factor)),
            "all rows give nearly the same z = x·w + b, and ∂C/∂a = δ·wᵀ shrinks by it on its way back",
        )
    };
    let threshold = if factor > 1.0 { SCALE } else { 1.0 / SCALE };
    Some(Finding {
        id: Problem::PoorInitialisation,
        // No network is meant to start so, and what it may learn in spite of it it would learn sooner.
        severity: Severity::Warning,
        layer: Some(layer),
        step: Some(1),
        evidence: vec![against(
            format!("‖w‖ of {name} at the start, in that of its own initialiser"),
            factor,
            threshold,
        )],
        cause: format!("the weights of {name} start {size} than its width and activation ask for: {effect}"),
        remedies: vec![remedies::fresh_start(), remedies::normalise()],
    })
}

/// Equal incoming weights: equal a, equal δ if the outgoing weights are equal too, equal steps.
fn symmetric_units(case: &Case<'_>) -> Option<Finding> {
    let twins = |health: &LayerHealth| health.weights.as_ref().map_or(0.0, |weights| weights.twins);
    for layer in 0..case.last_layer() {
        let Some(step) = case.shows_from(layer, false, |_, _, health| twins(health) >= TWINS) else {
            continue;
        };
        let share = case.last_look().map_or(0.0, |layers| twins(&layers[layer]));
        let name = case.layer(layer);
        return Some(Finding {
            id: Problem::SymmetricUnits,
            severity: Severity::Warning,
            layer: Some(layer),
            step: Some(step),
            evidence: vec![against(
                format!("share of units of {name} with the weights of their neighbour"),
                share,
                TWINS,
            )],
            cause: format!(
                "units of {name} have equal incoming weights, so equal activations; with equal weights onward their \
                 δ_j = f'(z_j)·Σ_k w_jk·δ_k are equal too, and so are their steps: they stay one unit"
            ),
            remedies: vec![remedies::fresh_start()],
        });
    }
    None
}

fn dead_units(case: &Case<'_>) -> Option<Finding> {
    let share = |health: &LayerHealth| health.activations.as_ref().map_or(0.0, |a| a.dead);
    let mut worst: Option<(f64, usize, u64)> = None;
    for layer in 0..case.last_layer() {
        let Some(step) = case.shows_from(layer, false, |_, _, health| share(health) >= DEAD) else {
            continue;
        };
        let now = case.last_look().map_or(0.0, |layers| share(&layers[layer]));
        // Of several the first: what is off there is off for all that come after.
        if now >= DEAD && worst.is_none_or(|(most, _, _)| now > most) {
            worst = Some((now, layer, step));
        }
    }
    let (now, layer, step) = worst?;
    let name = case.layer(layer);
    let never =
        case.last_look().and_then(|l| l[layer].activations.as_ref().map(|a| a.never_active)).unwrap_or(0.0);
    let mut prescribed = vec![remedies::leaky_relu(), remedies::fresh_start()];
    prescribed.extend(remedies::rate_times(case.config, 0.1));
    prescribed.push(remedies::normalise());
    Some(Finding {
        id: Problem::DeadUnits,
        severity: case.severity(),
        layer: Some(layer),
        step: Some(step),
        evidence: vec![
            against(format!("share of units of {name} that are off in every row"), now, DEAD),
            beside("share of its units that have never been on", never),
        ],
        cause: format!(
            "z is below 0 in every row for these units of {name}: a = 0 and f' = 0, so δ = (δ·wᵀ) ⊙ f' is 0, ∂C/∂w = xᵀ·δ \
             is 0, and nothing turns them on again"
        ),
        remedies: prescribed,
    })
}

fn saturated_units(case: &Case<'_>) -> Option<Finding> {
    let share = |health: &LayerHealth| health.activations.as_ref().map_or(0.0, |a| a.saturated);
    let mut worst: Option<(f64, usize, u64)> = None;
    for layer in 0..case.last_layer() {
        let Some(step) = case.shows_from(layer, false, |_, _, health| share(health) >= SATURATED_UNITS)
        else {
            continue;
        };
        let now = case.last_look().map_or(0.0, |layers| share(&layers[layer]));
        if now >= SATURATED_UNITS && worst.is_none_or(|(most, _, _)| now > most) {
            worst = Some((now, layer, step));
        }
    }
    let (now, layer, step) = worst?;
    let (name, f) = (case.layer(layer), case.activation(layer).to_owned());
    let slope = case.last_look().and_then(|layers| layers[layer].slope).unwrap_or(f64::NAN);
    let formula = if f == "sigmoid" { "a(1−a)" } else { "1−a²" };
    let mut prescribed = vec![remedies::normalise(), remedies::relu(), remedies::fresh_start()];
    prescribed.extend(remedies::rate_times(case.config, 0.1));
    Some(Finding {
        id: Problem::SaturatedUnits,
        severity: case.severity(),
        layer: Some(layer),
        step: Some(step),
        evidence: vec![
            against(
                format!("share of activations of {name} where f' is below 5 % of its most"),
                now,
                SATURATED_UNITS,
            ),
            beside("what f' leaves of ‖∂C/∂a‖ there", slope),
        ],
        cause: format!(
            "{name} sits where {f} is flat: f' = {formula} is nearly 0 there, and δ = (δ·wᵀ) ⊙ f' is as small"
        ),
        remedies: prescribed,
    })
}

/// ‖δ‖ of the first layer over that of the last.
fn reach(layers: &[LayerHealth]) -> f64 {
    match (layers.first(), layers.last()) {
        (Some(first), Some(last)) if last.delta > 0.0 => first.delta / last.delta,
        _ => 1.0,
    }
}

/// The layer whose factor is the most extreme: its number, the factor of what lies after it (weights, a normalisation, a
/// dropout on the way), the factor of its f'. What has no activation is part of the way to the layer before it.
fn stage(layers: &[LayerHealth], most: bool) -> Option<(usize, f64, f64)> {
    let mut stages = Vec::new();
    let mut way = 1.0;
    for health in layers.iter().rev() {
        let Some(through) = health.through else { continue };
        way *= through;
        if let Some(slope) = health.slope {
            stages.push((health.layer, way, slope));
            way = 1.0;
        }
    }
    let product = |stage: &(usize, f64, f64)| if most { -(stage.1 * stage.2) } else { stage.1 * stage.2 };
    stages.into_iter().min_by(|a, b| product(a).total_cmp(&product(b)))
}

/// ‖δ‖ of the first layer over ‖∂C/∂a‖ of the last hidden one. The output's weights are left out: they may start at 0, and
/// what they let through is little until they have left it.
fn depth(layers: &[LayerHealth]) -> f64 {
    let (Some(first), Some(last)) = (layers.first(), layers.last()) else { return 1.0 };
    let hidden = layers.iter().rev().find_map(|health| health.through);
    match hidden.map(|through| through * last.delta) {
        Some(arrived) if arrived > 0.0 => first.delta / arrived,
        _ => 1.0,
    }
}

/// The layers with the output's weights taken for 1.
fn hidden_way(layers: &[LayerHealth]) -> Vec<LayerHealth> {
    let mut layers = layers.to_vec();
    if let Some(through) = layers.iter_mut().rev().find_map(|health| health.through.as_mut()) {
        *through = 1.0;
    }
    layers
}

fn vanishing(case: &Case<'_>) -> Option<Finding> {
    let step = case.shows_from(0, true, |_, layers, _| depth(layers) < VANISHED)?;
    let (_, layers) = case.record.each_look().find(|(look, _)| look.step == step)?;
    let (layer, through, slope) = stage(hidden_way(layers).as_slice(), false)?;
    let name = case.layer(layer);
    let count = layers.iter().filter(|health| health.slope.is_some()).count();
    let slopes: f64 = layers.iter().filter_map(|health| health.slope).product();
    let weights: f64 = layers.iter().filter_map(|health| health.through).product();
    let (factor, formula) =
        if slope < through { ("the activation's", "⊙ f'") } else { ("the weights'", "·wᵀ") };
    let mut prescribed = Vec::new();
    if matches!(case.activation(layer), "sigmoid" | "tanh" | "softplus") {
        prescribed.push(remedies::relu());
    }
    if !case.is_normalised() {
        prescribed.push(remedies::normalise());
    }
    prescribed.push(remedies::fresh_start());
    prescribed.extend(remedies::fewer_layers(case.config));
    Some(Finding {
        id: Problem::VanishingGradient,
        severity: case.severity(),
        layer: Some(layer),
        step: Some(step),
        evidence: vec![
            against("‖δ‖ of the first layer over ‖∂C/∂a‖ of the last hidden one", depth(layers), VANISHED),
            beside(format!("what the {count} factors of f' make of it together"), slopes),
            beside("what the factors of the weights make of it together", weights),
            beside(format!("factor of f' at {name}"), slope),
            beside("factor of what lies after it", through),
        ],
        cause: format!(
            "δ_l = (δ_(l+1)·wᵀ) ⊙ f' loses most at {name}, by {factor} factor ({formula}); through {count} such layers the \
             first one's δ is {} of what arrived at the last one, and ∂C/∂w = xᵀ·δ is as small",
            plain(depth(layers))
        ),
        remedies: prescribed,
    })
}

fn exploding(case: &Case<'_>) -> Option<Finding> {
    let step = case.shows_from(0, true, |_, layers, _| reach(layers) > EXPLODED)?;
    let (_, layers) = case.record.each_look().find(|(look, _)| look.step == step)?;
    let (layer, through, slope) = stage(layers, true)?;
    let name = case.layer(layer);
    let mut prescribed = vec![remedies::fresh_start(), remedies::clip()];
    prescribed.extend(remedies::rate_times(case.config, 0.1));
    if !case.is_normalised() {
        prescribed.push(remedies::normalise());
    }
    let evidence: Vec<Evidence> = vec![
        against("‖δ‖ of the first layer over that of the last", reach(layers), EXPLODED),
        beside(format!("factor of what lies after {name}"), through),
        beside("factor of its f'", slope),
    ];
    let severity = if case.record.failure.is_some() { Severity::Error } else { case.severity() };
    Some(Finding {
        id: Problem::ExplodingGradient,
        severity,
        layer: Some(layer),
        step: Some(step),
        evidence,
        cause: format!(
            "δ_l = (δ_(l+1)·wᵀ) ⊙ f' grows on its way back, most at {name}: a step η·∂C/∂w of the first layers is then far \
             longer than one of the last, and too long to be a descent"
        ),
        remedies: prescribed,
    })
}
