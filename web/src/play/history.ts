import type { Frame } from './protocol';

const MOST = 1200;

/** The costs of the frames so far. Where there are too many, every other one goes: all of training stays in view. */
export class History {
  private rows: { step: number; training: number; validation: number }[] = [];
  private every = 1;
  private seen = 0;

  clear(): void {
    this.rows = [];
    this.every = 1;
    this.seen = 0;
  }

  take({ step, training, validation }: Frame): void {
    const last = this.rows.at(-1);
    if (last && step < last.step) this.clear();
    const row = { step, training: training.cost ?? Number.NaN, validation: validation?.cost ?? Number.NaN };
    // The newest is always there: it takes the place of one that the thinning leaves out.
    const instead = last?.step === step || (this.rows.length > 1 && this.seen % this.every !== 0);
    if (instead) this.rows[this.rows.length - 1] = row;
    else this.rows.push(row);
    if (last?.step !== step) this.seen++;
    if (this.rows.length <= MOST) return;
    this.rows = this.rows.filter((_, at) => at % 2 === 0);
    this.every *= 2;
  }

  get steps(): Float64Array {
    return Float64Array.from(this.rows, (row) => row.step);
  }

  values(which: 'training' | 'validation'): Float64Array {
    return Float64Array.from(this.rows, (row) => row[which]);
  }
}
