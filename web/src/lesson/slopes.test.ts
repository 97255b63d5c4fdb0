import { describe, expect, it } from 'vitest';
import { SLOPES, startOf } from './slopes';

const ACTIVATIONS: Record<string, (z: number) => number> = {
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  tanh: Math.tanh,
  relu: (z) => Math.max(z, 0),
  leaky_relu: (z) => (z > 0 ? z : 0.01 * z),
  // z·Φ(z), Φ by the trapezoidal rule from far below.
  gelu: (z) => {
    const [steps, low] = [4000, -9];
    const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
    const wide = (z - low) / steps;
    let area = 0;
    for (let at = 0; at < steps; at++) area += (wide * (density(low + at * wide) + density(low + (at + 1) * wide))) / 2;
    return z * area;
  },
};

describe.each(Object.keys(SLOPES))('the slope of %s', (name) => {
  it.each([-2.5, -0.3, 0.4, 1.7])('is the limit of its differences at %d', (z) => {
    const f = ACTIVATIONS[name] as (z: number) => number;
    const h = 1e-4;
    expect(SLOPES[name]?.at(z, f(z))).toBeCloseTo((f(z + h) - f(z - h)) / (2 * h), 5);
  });
});

describe('the start of the weights', () => {
  it('is the rule of the initialiser, by its name', () => {
    expect(startOf('glorot_uniform')?.variance(2, 8)).toBe(0.2);
    expect(startOf('he_normal')?.variance(8, 3)).toBe(0.25);
    expect(startOf('zeros')?.variance(8, 3)).toBe(0);
    expect(startOf('orthogonal')).toBeNull();
  });
});
