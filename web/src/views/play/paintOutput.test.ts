import { describe, expect, it } from 'vitest';
import type { Ready } from '../../play/protocol';
import { pointAt } from './paintOutput';

const of = (every: number) => {
  const points = { every, x: [[0], [0.5], [1]], y: [0, 1, 0] };
  const data = { points, validation_points: null, range: [{ low: 0, high: 1 }] };
  return { data } as unknown as Ready;
};

describe('a point in the picture of a function', () => {
  it('is the nearest, within a finger’s width', () => {
    expect(pointAt(of(1), 200, 100, 100, 12)).toBe(1);
    expect(pointAt(of(1), 200, 100, 100, 60)).toBe(null);
  });

  it('is known by its row, of which there are more than points', () => {
    expect(pointAt(of(3), 200, 100, 100, 12)).toBe(3);
  });
});
