import type { Drawing, Quantity } from '../api/model';

/** A weight by its place: `layer` is that of the unit that it leads to. */
export interface Weight {
  layer: number;
  from: number;
  to: number;
}

/** `layers.0.w,3,5` or `0,3,5`; null for what is no weight. */
export function weightOf(parameter: string): Weight | null {
  const found = /^(?:layers\.)?(\d+)(?:\.w)?,(\d+),(\d+)$/.exec(parameter);
  return found ? { layer: Number(found[1]), from: Number(found[2]), to: Number(found[3]) } : null;
}

/** As the address and the server take it. */
export const inAddress = (weight: Weight) => `${weight.layer},${weight.from},${weight.to}`;

/** Every weight that the ledger has, from the one that it is of down to the cost. */
export function weightsIn(ledger: Quantity, of: Weight | null): Weight[] {
  const found = new Map<string, Weight>();
  const look = (quantity: Quantity) => {
    const [, layer, from, to] = /^w(\d+)\[(\d+),(\d+)\]$/.exec(quantity.symbol) ?? [];
    if (layer) {
      const weight = { layer: Number(layer), from: Number(from), to: Number(to) };
      found.set(inAddress(weight), weight);
    }
    quantity.parts?.forEach(look);
  };
  if (of) found.set(inAddress(of), of);
  look(ledger);
  return [...found.values()];
}

export interface Edge extends Weight {
  /** Places among the units that are drawn. */
  begin: number;
  end: number;
  weight: number;
  gradient: number;
  /** a of the unit that it comes from, times the weight. */
  carries: number;
}

/** The edges into each layer that say most, `most` of each; those that are lit always, and last, so that they lie on top. */
export function edgesOf(
  drawing: Drawing,
  by: 'carries' | 'gradient',
  lit: ReadonlySet<string>,
  most: number,
): { edges: Edge[]; left: number }[] {
  return drawing.layers.map((layer, at) => {
    const before = at === 0 ? drawing.inputs.drawn : (drawing.layers[at - 1]?.drawn ?? []);
    const all = layer.weights.flatMap((row, begin) =>
      row.map((w, end): Edge => {
        const [weight, gradient] = [w ?? 0, layer.gradients[begin]?.[end] ?? 0];
        return {
          layer: layer.layer,
          from: before[begin]?.unit ?? 0,
          to: layer.drawn[end]?.unit ?? 0,
          begin,
          end,
          weight,
          gradient,
          carries: weight * (before[begin]?.a ?? 0),
        };
      }),
    );
    const isLit = (edge: Edge) => lit.has(inAddress(edge));
    const others = all.filter((edge) => !isLit(edge)).sort((a, b) => Math.abs(b[by]) - Math.abs(a[by]));
    const edges = [...others.slice(0, most).reverse(), ...all.filter(isLit)];
    return { edges, left: all.length - edges.length };
  });
}

/** The units of each column that the lit lines meet; column 0 is the inputs'. What reads unit by unit passes them on. */
export function unitsOnPath(drawing: Drawing, lit: Weight[]): Set<number>[] {
  const columns = [new Set<number>(), ...drawing.layers.map(() => new Set<number>())];
  for (const weight of lit) {
    const at = drawing.layers.findIndex((layer) => layer.layer === weight.layer);
    if (at < 0) continue;
    columns[at]?.add(weight.from);
    columns[at + 1]?.add(weight.to);
  }
  for (let at = drawing.layers.length - 1; at > 0; at--) {
    const isUnitByUnit = drawing.layers[at]?.weights.length === 0;
    if (isUnitByUnit) for (const unit of columns[at + 1] ?? []) columns[at]?.add(unit);
  }
  return columns;
}
