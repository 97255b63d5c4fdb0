import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../api/types';
import { empty, lookAt, matrix, type Part, rateFactor, take } from './account';

const time = '2026-11-28T03:12:22.000Z';
const started = (part: string, step = 0): RunEvent => ({ event: 'started', time, part, step, steps_per_epoch: 10 });
const epoch = (n: number, cost: number | null): RunEvent => ({
  event: 'epoch',
  epoch: n,
  step: n * 10,
  cost,
  validation: { accuracy: n / 10 },
  learning_rate: 0.1,
  samples_per_second: 5,
  seconds: n,
});
const health = (step: number, delta: number | null): RunEvent => ({
  event: 'health',
  step,
  epoch: 1,
  cost: 1,
  layers: [{ layer: 0 }, { layer: 1, delta, slope: 0.5 }],
});

describe('take', () => {
  it('makes a series of each figure, at step, epoch and seconds', () => {
    const part = take(empty(), [started('model'), epoch(1, 2), epoch(2, null)]).parts[0];
    const cost = part?.series.get('cost');
    expect([...(cost?.value.values ?? [])]).toEqual([2, Number.NaN]);
    expect([...(cost?.step.values ?? [])]).toEqual([10, 20]);
    expect([...(part?.series.get('validation.accuracy')?.seconds.values ?? [])]).toEqual([1, 2]);
  });
  it('does not know of events and fields to come', () => {
    const account = take(empty(), [started('model'), { event: 'sang', step: 3 }, { event: 'epoch' }]);
    expect(account.taken).toBe(1);
  });
  it('keeps parts apart', () => {
    const account = take(empty(), [started('fold 1'), epoch(1, 2), started('fold 2'), epoch(1, 3)]);
    expect(account.parts.map((part) => part.series.get('cost')?.value.values[0])).toEqual([2, 3]);
  });
  it('forgets what a resume tells anew', () => {
    const account = take(empty(), [started('model'), epoch(1, 2), epoch(2, 1), health(20, 1), started('model', 10)]);
    expect(account.parts).toHaveLength(1);
    expect(account.parts[0]?.series.get('cost')?.value.length).toBe(1);
    expect(account.parts[0]?.looks).toHaveLength(0);
  });
  it('keeps what was asked, judged and what failed with their part', () => {
    const account = take(empty(), [
      { event: 'surveyed', survey: { baseline: 0.69, floor: 0 } },
      started('model'),
      { event: 'controlled', step: 12, control: { control: 'scale_learning_rate', factor: 0.5 } },
      { event: 'controlled', step: 30, control: { control: 'pause' } },
      { event: 'failed', step: 31, epoch: 4, phase: 'backward', layer: 2, what: 'δ' },
      {
        event: 'judged',
        judgement: {
          train: { rows: 4, cost: 0.1, baseline: 0.69 },
          validation: null,
        },
      },
    ]);
    const part = account.parts[0] as Part;
    expect(part.baseline).toBe(0.69);
    expect(part.controls.map((one) => one.step)).toEqual([12, 30]);
    expect(rateFactor(part)).toBe(0.5);
    expect(part.failure).toEqual({ step: 31, phase: 'backward', layer: 2, what: 'δ' });
    expect(part.judgement?.train.rows).toBe(4);
    // A resume from step 20 has heard the first of both, and has not failed yet.
    take(account, [started('model', 20)]);
    expect(part.controls).toHaveLength(1);
    expect(part.failure).toBeNull();
  });
  it('takes 100,000 events', () => {
    const batch = [started('model')];
    for (let n = 1; n <= 100_000; n++) batch.push(epoch(n, 1 / n));
    const series = take(empty(), batch).parts[0]?.series.get('cost');
    expect(series?.value.length).toBe(100_000);
    expect(series?.value.values[99_999]).toBe(1e-5);
  });
});

describe('looks', () => {
  const part = take(empty(), [started('model'), health(1, 4), health(2, null), health(8, 1)]).parts[0];
  it('gives the layers that have the number', () => {
    const made = matrix(part?.looks ?? [], (layer) => layer.delta);
    expect(made.layers).toEqual([1]);
    expect([...made.values]).toEqual([4, Number.NaN, 1]);
  });
  it('finds the look at or before a step', () => {
    expect([0, 1, 3, 7, 8, 99].map((step) => lookAt(part?.looks ?? [], step))).toEqual([0, 0, 1, 1, 2, 2]);
    expect(lookAt([], 3)).toBe(0);
  });
});
