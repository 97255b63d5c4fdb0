import { describe, expect, it } from 'vitest';
import { arrange, bringIn, edge, known, MOST, nearest, place, UNIT } from './shape';

const layers = [
  { kind: 'dense', fan_in: 2, units: 3, activation: 'tanh' },
  { kind: 'dropout', fan_in: 0, units: 3 },
  { kind: 'dense', fan_in: 3, units: 20, activation: 'relu' },
  { kind: 'dense', fan_in: 20, units: 1, activation: 'sigmoid' },
];
const shape = arrange(layers, false, [], 800);

describe('the network’s picture', () => {
  it('has a column for the inputs and for each layer with weights, from side to side', () => {
    expect(shape.columns.map((column) => column.layer)).toEqual([null, 0, 2, 3]);
    expect(shape.columns[0]?.x).toBe(shape.width - (shape.columns[3]?.x ?? 0));
    expect(arrange(layers, false, [], 100).width).toBeGreaterThan(300);
  });

  it('keeps units apart and inside', () => {
    for (const { y } of shape.columns) {
      for (const [at, here] of y.entries()) {
        expect(here).toBeGreaterThanOrEqual(UNIT / 2);
        expect(here).toBeLessThanOrEqual(shape.height - UNIT / 2);
        if (at > 0) expect(here - (y[at - 1] as number)).toBeGreaterThan(UNIT);
      }
    }
  });

  it('draws some units of a wide layer, and brings others in', () => {
    expect(shape.columns[2]?.y).toHaveLength(MOST);
    const moved = bringIn([], shape, 2, 15);
    const next = arrange(layers, false, moved, 800);
    expect(next.columns[2]?.first).toBe(15 - MOST + 1);
    expect(place(next.columns[2] as (typeof next.columns)[0], 15)).not.toBeNull();
    expect(bringIn(moved, next, 2, 15)).toBe(moved);
    expect(arrange(layers, false, [0, 0, 99], 800).columns[2]?.first).toBe(20 - MOST);
  });

  it('finds the edge under a point, and none where there is none', () => {
    for (const parameter of [
      { layer: 0, from: 1, to: 2 },
      { layer: 2, from: 0, to: 11 },
      { layer: 3, from: 4, to: 0 },
    ]) {
      const curve = edge(shape, parameter);
      if (!curve) throw new Error('not drawn');
      // At a tenth of its time an edge is near its own unit, away from all others.
      const [t, { x0, y0, x1, y1 }] = [0.1, curve];
      const x = x0 + (x1 - x0) * (1.5 * t * (1 - t) + t ** 3);
      const y = y0 + (y1 - y0) * (3 * t * t - 2 * t ** 3);
      expect(nearest(shape, x, y)).toMatchObject({ layer: parameter.layer, from: parameter.from });
    }
    expect(nearest(shape, 0, 0)).toBeNull();
    expect(nearest(shape, shape.width, shape.height)).toBeNull();
    expect(edge(shape, { layer: 2, from: 0, to: 19 })).toBeNull();
  });

  it('has an image’s pixels in one place', () => {
    const digits = arrange([{ kind: 'dense', fan_in: 64, units: 4 }], true, [], 500);
    expect(digits.columns[0]?.y).toHaveLength(1);
    expect(edge(digits, { layer: 0, from: 63, to: 0 })?.y0).toBe(digits.columns[0]?.y[0]);
  });
});

it('a parameter that this network does not have is none', () => {
  expect(known(layers, { layer: 0, from: 1, to: 2 })).not.toBeNull();
  expect(known(layers, { layer: 3, from: null, to: 0 })).not.toBeNull();
  for (const other of [
    { layer: 0, from: 2, to: 0 },
    { layer: 0, from: null, to: 3 },
    { layer: 1, from: 0, to: 0 },
    { layer: 9, from: 0, to: 0 },
    null,
  ]) {
    expect(known(layers, other)).toBeNull();
  }
});
