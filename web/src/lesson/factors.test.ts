import { describe, expect, it } from 'vitest';
import { factors } from './factors';

const weights = [
  { layer: 0, w: [9, 9, 9, 9], b: [0, 0] },
  { layer: 1, w: [3, 4], b: [0] }, // from two units to one
];

describe('the factors of a layer', () => {
  it('are those of the weights and of the slope', () => {
    // δ = 2 goes back as (6, 8), of size 10: five times 2. Slopes of ¼ make (1.5, 2), of size 2.5.
    const deltas = new Map([
      [1, [2]],
      [0, [1.5, 2]],
    ]);
    expect(factors(deltas, weights)).toEqual([{ layer: 0, through: 5, slope: 0.25 }]);
  });

  it('multiply to what arrives at the first layer', () => {
    const three = [...weights, { layer: 2, w: [-0.5], b: [0] }];
    const deltas = new Map([
      [2, [0.8]],
      [1, [-0.1]],
      [0, [-0.06, -0.1]],
    ]);
    const product = factors(deltas, three).reduce((all, { through, slope }) => all * (through ?? 0) * (slope ?? 0), 1);
    expect(product).toBeCloseTo(Math.hypot(0.06, 0.1) / 0.8, 12);
  });

  it('are told of the layers that the backward pass has come to', () => {
    expect(factors(new Map([[1, [2]]]), weights)).toEqual([]);
  });

  it('are not known where nothing arrives, or no number', () => {
    const dead = { layer: 1, w: [0, 0], b: [0] };
    const deltas = (last: number | null) =>
      new Map([
        [1, [last]],
        [0, [0, 0]],
      ]);
    expect(factors(deltas(2), [dead])).toEqual([{ layer: 0, through: 0, slope: null }]);
    expect(factors(deltas(null), [dead])).toEqual([{ layer: 0, through: null, slope: null }]);
  });
});
