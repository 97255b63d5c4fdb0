// What the server says of a run's model: crates/server/src/models says the same in Rust. Non-finite numbers are null.

import type { Json } from './types';

export type PartOfRows = 'training' | 'validation' | 'test' | 'all';

/** A grey picture of `side` × `side` pixels. */
export interface ImageShape {
  side: number;
  least: number;
  most: number;
}

export interface Row {
  row: number;
  cells: (string | null)[];
  target: Json[];
  prediction: Json[];
  probability: number | null;
  cost: number | null;
  wrong: boolean | null;
}

export interface Rows {
  part: PartOfRows;
  rows: number;
  looked_at: number;
  of_table: number;
  task: string;
  members: number;
  targets: string[];
  columns: string[];
  more_columns: number;
  image: ImageShape | null;
  list: Row[];
}

/** A number of the chain rule and what it is made of. */
export interface Quantity {
  symbol: string;
  meaning?: string;
  value: number | null;
  computed: number | null;
  stored: boolean;
  kind: 'given' | 'folded' | 'product' | 'sum' | 'formula';
  parts?: Quantity[];
  others?: { count: number; sum: number | null; magnitude: number | null };
  formula?: string;
}

export interface DrawnUnit {
  unit: number;
  name?: string;
  a: number | null;
  delta: number | null;
}

export interface DrawnUnits {
  units: number;
  drawn: DrawnUnit[];
}

export interface DrawnLayer extends DrawnUnits {
  layer: number;
  kind: string;
  activation?: string;
  weights: (number | null)[][];
  gradients: (number | null)[][];
}

export interface Drawing {
  parameter: string;
  inputs: DrawnUnits;
  layers: DrawnLayer[];
}

export interface ColumnShare {
  column: string;
  gradient?: number | null;
  magnitude?: number | null;
  times_input: number | null;
}

export interface Explained {
  outputs: {
    name: string;
    value: number | null;
    target: number | null;
    in_units?: { value: number | null; target: number | null };
  }[];
  cost: number | null;
  largest: { parameter: string; gradient: number | null }[];
  columns?: { output: string; shares: ColumnShare[] };
  ledger: Quantity;
  difference: number | null;
  tolerance: number;
  drawing: Drawing;
  told: Row;
}

export interface Evaluation {
  part: PartOfRows;
  rows: number;
  of: number;
  classes: string[];
  confusion?: { classes: number; counts: number[]; support: number[] };
  calibration?: {
    of: string | null;
    bins: { from: number; to: number; count: number; mean?: number; observed?: number }[];
  };
  numbers?: {
    target: string;
    points: [number | null, number | null][];
    residuals: { from: number; to: number; counts: number[] } | null;
  }[];
}
