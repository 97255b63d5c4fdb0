import type { Frame } from '../play/protocol';

type Numbers = (number | null)[];

/** What δ is multiplied by on its way back to a layer, as a run's account has it: by size, of one row. */
export interface Factor {
  layer: number;
  /** ‖δ_{l+1}·w_{l+1}ᵀ‖ / ‖δ_{l+1}‖: what the weights between do. */
  through: number | null;
  /** ‖δ_l‖ / ‖δ_{l+1}·w_{l+1}ᵀ‖: what the slope f′ does. */
  slope: number | null;
}

const size = (numbers: Numbers) => Math.hypot(...numbers.map((one) => one ?? Number.NaN));

const ratio = (above: number, below: number) => {
  const value = above / below;
  return Number.isFinite(value) ? value : null;
};

/**
 * The two factors of each layer but the last, as far as the backward pass has come; over all layers they multiply to
 * ‖δ_0‖ / ‖δ_L‖. `weights` are those with which that pass was made.
 */
export function factors(deltas: Map<number, Numbers>, weights: NonNullable<Frame['weights']>): Factor[] {
  const found: Factor[] = [];
  for (const { layer, w } of weights) {
    const [delta, later] = [deltas.get(layer - 1), deltas.get(layer)];
    if (!delta || !later) continue;
    const arrived = delta.map((_, from) =>
      later.reduce<number>(
        (sum, one, to) => sum + (one ?? Number.NaN) * (w[from * later.length + to] ?? Number.NaN),
        0,
      ),
    );
    found.push({
      layer: layer - 1,
      through: ratio(size(arrived), size(later)),
      slope: ratio(size(delta), size(arrived)),
    });
  }
  return found;
}
