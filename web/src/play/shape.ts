import type { Layer } from '../api/types';
import type { Parameter } from './protocol';

// Where the network's units stand in its picture. Lengths are CSS pixels.

export const UNIT = 34;
export const IMAGE = 104;
const [GAP, SIDE, NARROWEST] = [50, 55, 96];
/** As many units of a layer are drawn; the others can be brought in. */
export const MOST = 12;

/** The inputs (`layer` is null), or a dense layer by its place among all layers. */
export interface Column {
  layer: number | null;
  units: number;
  activation: string | undefined;
  /** The units from `first` on are drawn, as many as there are places in `y`. */
  first: number;
  x: number;
  y: number[];
  /** Inputs that are the pixels of one picture. */
  image: boolean;
}

export interface Shape {
  columns: Column[];
  width: number;
  height: number;
}

/** The layers that are drawn as columns of units: those with weights from each unit to each. */
export function dense(layers: Layer[]): { layer: number; units: number; activation: string | undefined }[] {
  return layers.flatMap(({ kind, units, activation }, layer) =>
    kind === 'dense' ? [{ layer, units, activation }] : [],
  );
}

/** The first column is what the first of these layers reads, be it the table's numbers or what categories are turned into. */
export function arrange(layers: Layer[], image: boolean, firsts: number[], room: number): Shape {
  const inputs = layers.find(({ kind }) => kind === 'dense')?.fan_in ?? 0;
  const all = [{ layer: null, units: inputs, activation: undefined }, ...dense(layers)];
  const width = Math.max(room, SIDE * 2 + NARROWEST * (all.length - 1));
  const rows = (units: number) => Math.min(units, MOST);
  const tallest = Math.max(...all.map(({ units }, at) => (at === 0 && image ? 3 : rows(units))));
  const height = tallest * GAP + 20;
  const columns = all.map((column, at) => {
    const picture = at === 0 && image;
    const places = picture ? 1 : rows(column.units);
    const first = Math.min(Math.max(firsts[at] ?? 0, 0), column.units - places);
    const top = (height - places * GAP) / 2 + GAP / 2;
    return {
      ...column,
      image: picture,
      first: picture ? 0 : first,
      x: SIDE + (at / Math.max(all.length - 1, 1)) * (width - 2 * SIDE),
      y: Array.from({ length: places }, (_, place) => top + place * GAP),
    };
  });
  return { columns, width, height };
}

/** Where a unit's place is; null where it is not drawn. An image's pixels are all at its middle. */
export function place(column: Column, unit: number): number | null {
  return column.y[column.image ? 0 : unit - column.first] ?? null;
}

/** `firsts` with the unit among those that are drawn, moved as little as it takes. */
export function bringIn(firsts: number[], shape: Shape, at: number, unit: number): number[] {
  const column = shape.columns[at];
  if (!column || place(column, unit) !== null) return firsts;
  const moved = shape.columns.map((one, here) => firsts[here] ?? one.first);
  moved[at] = unit < column.first ? unit : unit - column.y.length + 1;
  return moved;
}

/** The edges between two neighbouring columns are curves that leave and arrive level. */
export interface Edge {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export function edge(shape: Shape, { layer, from, to }: Parameter): Edge | null {
  const at = shape.columns.findIndex((column) => column.layer === layer);
  const [before, after] = [shape.columns[at - 1], shape.columns[at]];
  if (!before || !after || from === null) return null;
  const [y0, y1] = [place(before, from), place(after, to)];
  if (y0 === null || y1 === null) return null;
  return { x0: before.x + (before.image ? IMAGE : UNIT) / 2, y0, x1: after.x - UNIT / 2, y1 };
}

/** How far a point is from an edge, at the point's own x. */
function away({ x0, y0, x1, y1 }: Edge, x: number, y: number): number {
  if (x < x0 || x > x1) return Number.POSITIVE_INFINITY;
  // x(t) of the cubic with both control points in the middle is steadily rising, so t is found by halving.
  let [low, high] = [0, 1];
  for (let turn = 0; turn < 12; turn++) {
    const t = (low + high) / 2;
    const here = x0 + (x1 - x0) * (1.5 * t * (1 - t) + t * t * t);
    if (here < x) low = t;
    else high = t;
  }
  const t = low;
  return Math.abs(y0 + (y1 - y0) * (3 * t * t - 2 * t * t * t) - y);
}

/** The weight whose edge is nearest to a point, within a few pixels. */
export function nearest(shape: Shape, x: number, y: number): Parameter | null {
  const at = shape.columns.findIndex((column) => column.x > x);
  const [before, after] = [shape.columns[at - 1], shape.columns[at]];
  if (!before || !after || after.layer === null || before.image) return null;
  let [best, found]: [number, Parameter | null] = [7, null];
  for (let i = 0; i < before.y.length; i++) {
    for (let j = 0; j < after.y.length; j++) {
      const one = { layer: after.layer, from: before.first + i, to: after.first + j };
      const curve = edge(shape, one);
      const far = curve ? away(curve, x, y) : best;
      if (far < best) [best, found] = [far, one];
    }
  }
  return found;
}

/** The parameter, where this network has it. */
export function known(layers: Layer[], parameter: Parameter | null): Parameter | null {
  const layer = parameter ? layers[parameter.layer] : undefined;
  if (!parameter || layer?.kind !== 'dense' || parameter.to >= layer.units) return null;
  return (parameter.from ?? 0) < layer.fan_in ? parameter : null;
}
