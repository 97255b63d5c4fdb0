// The engine's contract: one WebSocket at /api/v1/play is one session, text messages are JSON. The engine is the library, in the
// server; crates/server/src/play says the same in Rust. Non-finite numbers are null. Layers count from 0; a dense layer's w[i][j]
// runs from unit i to unit j. Rows count from 0 here (people are shown them from 1).

import type { Json, Layer } from '../api/types';

type Numbers = (number | null)[];

/** What to train on. An uploaded table was sent to POST /api/v1/play/tables?name=F (with the token), which answers Uploaded. */
export type Data =
  | { name: 'xor' | 'circles' | 'moons' | 'spirals' | 'curve' | 'digits'; rows?: number; noise?: number; seed?: number } // one seed: that of the settings is the same
  | { upload: string; target: string };

export interface Uploaded {
  upload: string;
  rows: number;
  columns: { name: string; type: string }[];
}

/** Where a number of the network stands: a weight from unit `from` to unit `to`; a bias has no `from`. */
export interface Parameter {
  layer: number;
  from: number | null;
  to: number;
}

export type Ask =
  | { ask: 'hello'; token: string }
  // A new network from the first step on. `settings` are those of config.toml, as text ("hidden": "8,8"). What is unsaid is
  // planned, but for these: no end (epochs, early_stopping), constant schedule, numeric_encoding plain, no dropout.
  | { ask: 'set'; data: Data; settings: Record<string, string> }
  | { ask: 'import'; run: string } // a run's settings, data and weights
  | { ask: 'restart' } // the same settings and seed, from the start
  | { ask: 'run' | 'pause' | 'epoch' | 'batch' | 'phase' } // 'phase': one of forward, cost, backward (by layer), update
  | { ask: 'rate'; learning_rate: number }
  | { ask: 'row'; row: number } // the row whose numbers are told
  | { ask: 'weight'; parameter: Parameter; value: number }
  | { ask: 'check'; parameter: Parameter } // backpropagation against finite differences, at the batch at hand
  | { ask: 'ledger'; parameter: Parameter } // the chain rule's factors for the batch at hand
  | { ask: 'draw'; grid: number; units: boolean } // the size of the maps in frames (0: none), and whether hidden units have one
  | { ask: 'drawn' }; // the last frame is on the screen: send the next when there is one

export type Tell = Ready | Frame | Phase | Checked | LedgerTold | Refused;

/** After 'set', 'import' and 'restart'. */
export interface Ready {
  tell: 'ready';
  session: string; // for GET /api/v1/play/SESSION/config.toml and /model.safetensors
  settings: Record<string, Json>; // all of them, as planned
  said: Record<string, string>; // those that were asked for
  data: {
    name: string;
    task: 'classes' | 'numbers';
    rows: number; // training rows
    validation: number;
    inputs: string[]; // names of the network's inputs
    outputs: string[]; // classes or targets
    steps_per_epoch: number;
    // Training rows to draw (at most 2,000): inputs and target as the network sees them, a class by its place in `outputs`.
    points: { every: number; x: Numbers[]; y: Numbers } | null; // of each so-manieth row from 0 on; null above 2 inputs
    validation_points: { every: number; x: Numbers[]; y: Numbers } | null; // likewise, of the validation rows; null where there are none
    image: { width: number; height: number } | null; // where a row is an image
    range: { low: number; high: number }[] | null; // the maps' extent by input, at 1 or 2 inputs
  };
  layers: Layer[]; // as in a run's `started` event
  parameters: number;
}

/** State between steps. While running one comes after each 'drawn', at most 60 a second; else after whatever changed something. */
export interface Frame {
  tell: 'frame';
  step: number;
  epoch: number;
  running: boolean;
  next: Next; // what 'phase' would do now
  cost: number | null; // mean over the epoch under way so far, each row as it was trained on; right after an epoch, of that
  training: Record<string, number | null>; // whole training set (or 2,000 rows of it): cost and metrics
  validation: Record<string, number | null> | null;
  learning_rate: number;
  steps_per_second: number | null; // while running
  // By dense layer, for networks of up to 20,000 parameters: w row by row, and b.
  weights: { layer: number; w: Numbers; b: Numbers }[] | null;
  // Base64 of grid·grid bytes by output (or of `grid` bytes at one input): from `low` (0) to `high` (255). Row by row from the
  // second input's low end, within a row from the first's; the first and last points lie on the ends of `range`. Activations;
  // two classes have one output. Without units where these would be more than 2 MB.
  maps: { grid: number; outputs: Map[]; units: { layer: number; unit: number; map: Map }[] } | null;
  deltas: { layer: number; norm: number | null }[]; // ‖∂C/∂z‖ over the batch that comes next, by layer; none of L-BFGS
  row: RowNumbers;
  problem: string | null; // why training stopped by itself
}

export interface Map {
  low: number;
  high: number;
  bytes: string;
}

/** The forward pass of the chosen row. */
export interface RowNumbers {
  row: number;
  x: Numbers;
  target: number | string | null;
  cost: number | null;
  layers: { layer: number; z: Numbers | null; a: Numbers }[];
}

export interface Next {
  phase: 'forward' | 'cost' | 'backward' | 'update';
  layer: number | null; // of 'forward' and 'backward'
}

/** What one phase made, in whole for networks of up to 20,000 parameters; `next` is what follows. */
export interface Phase {
  tell: 'phase';
  phase: Next['phase'];
  layer: number | null;
  next: Next;
  step: number;
  rows: number[]; // the batch's rows of the training set
  // forward: z and a of the chosen row (the batch's first where it is not in it). cost: Σ and mean. backward: δ of that row,
  // and the batch's gradients of the layer's parameters. update: each layer's values before and after.
  shown: number; // which row z, a, δ are of
  z?: Numbers;
  a?: Numbers;
  delta?: Numbers;
  cost?: { batch: number | null; row: number | null; penalty: number | null };
  gradients?: { layer: number; w: Numbers; b: Numbers }[];
  updated?: { layer: number; w: { before: Numbers; after: Numbers }; b: { before: Numbers; after: Numbers } }[];
}

export interface Checked {
  tell: 'checked';
  parameter: Parameter;
  analytic: number | null; // ∂C/∂w by backpropagation, in f64
  numeric: number | null; // (C(w+h) − C(w−h)) / 2h, extrapolated from two h; null where a kink is within reach of every h
  h: number;
  difference: number | null;
  allowed: number;
  passed: boolean;
  kink: boolean;
}

export interface LedgerTold {
  tell: 'ledger';
  parameter: Parameter;
  ledger: Json; // as `deltarule explain --json` gives it
}

/** Something asked for could not be done; nothing has changed. */
export interface Refused {
  tell: 'refused';
  ask: string;
  why: string;
}
