import type { Control, Judgement, LayerHealth, RunEvent } from '../api/types';

/** A growing column of numbers: doubles when full, so that 100,000 events cost no garbage. NaN is "no number". */
export class Column {
  private room = new Float64Array(64);
  length = 0;
  push(number: number | null | undefined): void {
    if (this.length === this.room.length) {
      const wider = new Float64Array(this.room.length * 2);
      wider.set(this.room);
      this.room = wider;
    }
    this.room[this.length++] = number ?? Number.NaN;
  }
  get values(): Float64Array {
    return this.room.subarray(0, this.length);
  }
}

/** One curve's points, each at a step, an epoch (fractional where known) and seconds since the part began. */
export class Series {
  readonly step = new Column();
  readonly epoch = new Column();
  readonly seconds = new Column();
  readonly value = new Column();
  add(at: Place, value: number | null | undefined): void {
    this.step.push(at.step);
    this.epoch.push(at.epoch);
    this.seconds.push(at.seconds);
    this.value.push(value);
  }
}

interface Place {
  step: number;
  epoch: number;
  seconds: number;
}

/** One look: the layers in one step. Kept as told, since a look has few numbers and each is shown somewhere. */
export interface Look {
  step: number;
  epoch: number;
  layers: LayerHealth[];
}

/** What one part of a run (a model, a fold, an ensemble's member) has told so far. */
export interface Part {
  name: string;
  series: Map<string, Series>;
  looks: Look[];
  stepsPerEpoch: number;
  began: number;
  /** What was asked of it, by somebody who watched. */
  controls: { step: number; control: Control }[];
  /** The cost of the best constant prediction, which learning has to beat. */
  baseline: number | null;
  judgement: Judgement | null;
  failure: { step: number; phase: string; layer: number | null; what: string } | null;
}

export interface Account {
  parts: Part[];
  /** A survey comes before the part that it is of. */
  surveyed: number | null;
  /** Events that were understood; a display redraws when it changes. */
  taken: number;
}

export const empty = (): Account => ({ parts: [], surveyed: null, taken: 0 });

function seriesOf(part: Part, name: string): Series {
  let series = part.series.get(name);
  if (!series) {
    series = new Series();
    part.series.set(name, series);
  }
  return series;
}

function begin(account: Account, event: RunEvent): void {
  const name = event.part ?? 'model';
  let part = account.parts.find((known) => known.name === name);
  const began = Date.parse(event.time ?? '');
  if (!part) {
    part = {
      name,
      series: new Map(),
      looks: [],
      stepsPerEpoch: event.steps_per_epoch ?? 0,
      began,
      controls: [],
      baseline: account.surveyed,
      judgement: null,
      failure: null,
    };
  } else {
    // A resume goes on in the same part, which is the last again. What was told of later steps is told anew.
    account.parts.splice(account.parts.indexOf(part), 1);
    const kept = event.step ?? 0;
    part.looks = part.looks.filter((look) => look.step <= kept);
    part.controls = part.controls.filter((one) => one.step <= kept);
    part.failure = null;
    for (const [key, series] of part.series) part.series.set(key, upTo(series, kept));
  }
  account.parts.push(part);
}

function upTo(series: Series, step: number): Series {
  const kept = new Series();
  const [steps, epochs, seconds, values] = [series.step, series.epoch, series.seconds, series.value].map(
    (column) => column.values,
  ) as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let at = 0; at < steps.length; at++) {
    if ((steps[at] as number) > step) continue;
    const place = { step: steps[at] as number, epoch: epochs[at] as number, seconds: seconds[at] as number };
    kept.add(place, values[at]);
  }
  return kept;
}

/**
 * Takes a batch into the account. Pure in what it gives for what it is given, but it extends the columns in place: a
 * copy of all numbers for each batch would be quadratic. Whatever it does not know it passes over.
 */
export function take(account: Account, batch: readonly RunEvent[]): Account {
  for (const event of batch) {
    if (event.event === 'started') {
      begin(account, event);
      account.taken++;
      continue;
    }
    if (event.event === 'surveyed') account.surveyed = event.survey?.baseline ?? null;
    const part = account.parts.at(-1);
    if (!part) continue;
    if (event.event === 'judged' && event.judgement) {
      part.judgement = event.judgement;
      account.taken++;
    }
    if (typeof event.step !== 'number') continue;
    const known = tell(part, event, event.step);
    if (known) account.taken++;
  }
  return account;
}

function tell(part: Part, event: RunEvent, step: number): boolean {
  const seconds = event.seconds ?? (Date.parse(event.time ?? '') - part.began) / 1000;
  const epoch = part.stepsPerEpoch > 0 ? step / part.stepsPerEpoch : (event.epoch ?? Number.NaN);
  const at = { step, epoch, seconds };
  switch (event.event) {
    case 'epoch':
      seriesOf(part, 'cost').add(at, event.cost);
      for (const [name, value] of Object.entries(event.validation ?? {})) {
        seriesOf(part, `validation.${name}`).add(at, value);
      }
      seriesOf(part, 'learning_rate').add(at, event.learning_rate);
      seriesOf(part, 'samples_per_second').add(at, event.samples_per_second);
      return true;
    case 'progress':
      seriesOf(part, 'learning_rate').add(at, event.learning_rate);
      seriesOf(part, 'samples_per_second').add(at, event.samples_per_second);
      return true;
    case 'health':
      if (!Array.isArray(event.layers)) return false;
      part.looks.push({ step, epoch: event.epoch ?? 0, layers: event.layers as LayerHealth[] });
      seriesOf(part, 'cost.batch').add(at, event.cost);
      return true;
    case 'controlled':
      if (!event.control) return false;
      part.controls.push({ step, control: event.control });
      return true;
    case 'failed':
      part.failure = { step, phase: event.phase ?? '', layer: event.layer ?? null, what: event.what ?? '' };
      return true;
    default:
      return false;
  }
}

/** The factor on the schedule's learning rate that was asked for last. */
export function rateFactor(part: Part): number {
  const asked = part.controls.findLast((one) => one.control.control === 'scale_learning_rate')?.control;
  return asked && 'factor' in asked ? asked.factor : 1;
}

/** Index of the look at `step`, or of the last one before it; the first where there is none before. */
export function lookAt(looks: readonly Look[], step: number): number {
  let [low, high] = [0, looks.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((looks[middle] as Look).step <= step) low = middle;
    else high = middle - 1;
  }
  return Math.max(low, 0);
}

/** A number of each layer (rows, first layer first) in each look (columns), row by row. */
export interface Matrix {
  layers: number[];
  steps: number[];
  values: Float64Array;
}

export function matrix(looks: readonly Look[], of: (layer: LayerHealth) => number | null | undefined): Matrix {
  const layers = new Set<number>();
  for (const layer of looks[0]?.layers ?? []) {
    if (looks.some((look) => present(look, layer.layer, of))) layers.add(layer.layer);
  }
  const rows = [...layers];
  const values = new Float64Array(rows.length * looks.length).fill(Number.NaN);
  looks.forEach((look, column) => {
    for (const layer of look.layers) {
      const row = rows.indexOf(layer.layer);
      if (row >= 0) values[row * looks.length + column] = of(layer) ?? Number.NaN;
    }
  });
  return { layers: rows, steps: looks.map((look) => look.step), values };
}

function present(look: Look, layer: number, of: (layer: LayerHealth) => number | null | undefined): boolean {
  const found = look.layers.find((known) => known.layer === layer);
  const value = found && of(found);
  return typeof value === 'number' && Number.isFinite(value);
}
