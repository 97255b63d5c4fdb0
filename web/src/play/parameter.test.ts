import { expect, it } from 'vitest';
import { numberOf, symbol } from './parameter';

it('finds a weight row by row, and a bias by its unit', () => {
  const told = { w: [1, 2, 3, 4, 5, 6], b: [7, 8, null] };
  expect(numberOf(told, { layer: 0, from: 1, to: 0 }, 3)).toBe(4);
  expect(numberOf(told, { layer: 0, from: 0, to: 2 }, 3)).toBe(3);
  expect(numberOf(told, { layer: 0, from: null, to: 1 }, 3)).toBe(8);
  expect(numberOf(told, { layer: 0, from: null, to: 2 }, 3)).toBeNull();
  expect(numberOf(undefined, { layer: 0, from: null, to: 1 }, 3)).toBeNull();
});

it('is written as in ledgers', () => {
  expect(symbol({ layer: 1, from: 2, to: 0 })).toBe('w1[2,0]');
  expect(symbol({ layer: 1, from: null, to: 0 })).toBe('b1[0]');
});
