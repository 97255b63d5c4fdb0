import { describe, expect, it } from 'vitest';
import { type Axis, byKey, dragged, kept, moved, scaleOf } from './axes';

const scale = (axis: Axis) => scaleOf(axis, String);

describe('an axis', () => {
  it('has numbers where they lie, by factors over more than a decade', () => {
    expect(scale({ name: 'a', values: [0, 5, 10] }).shares).toEqual([0, 0.5, 1]);
    const rates = scale({ name: 'learning_rate', values: [0.001, 0.01, 0.1, null] });
    expect(rates.shares.slice(0, 3).map((share) => share.toFixed(6))).toEqual(['0.000000', '0.500000', '1.000000']);
    expect(rates.shares[3]).toBeNaN();
    expect(rates.between(0, 0.5)).toBe('0.001 … 0.01');
  });

  it('has words at equal distances, in their order', () => {
    const words = scale({ name: 'activation', values: ['tanh', 'relu', 'sigmoid', null] });
    expect(words.words).toEqual([
      ['relu', 0],
      ['sigmoid', 0.5],
      ['tanh', 1],
    ]);
    expect(words.between(0.4, 1)).toBe('sigmoid, tanh');
    expect(words.between(0.6, 0.9)).toBe('–');
  });

  it('with a single value has it in the middle', () => {
    expect(scale({ name: 'seed', values: [3, 3] }).shares).toEqual([0.5, 0.5]);
  });
});

describe('ranges', () => {
  const scales = [scale({ name: 'a', values: [0, 5, 10, null] }), scale({ name: 'f', values: ['x', 'y', 'y', 'x'] })];

  it('keep the runs that lie within all of them', () => {
    expect(kept(scales, new Map())).toEqual([true, true, true, true]);
    expect(kept(scales, new Map([[0, { from: 0.5, to: 1 }]]))).toEqual([false, true, true, false]);
    const both = new Map([
      [0, { from: 0, to: 0.5 }],
      [1, { from: 1, to: 1 }],
    ]);
    expect(kept(scales, both)).toEqual([false, true, false, false]);
  });

  it('are what the pointer was drawn over, either way, and no more than the axis', () => {
    expect(dragged(0.7, 0.2)).toEqual({ from: 0.2, to: 0.7 });
    expect(dragged(0.5, 1.4)).toEqual({ from: 0.5, to: 1 });
  });

  it('move without changing their size', () => {
    expect(moved({ from: 0.25, to: 0.5 }, 0.25)).toEqual({ from: 0.5, to: 0.75 });
    expect(moved({ from: 0.25, to: 0.5 }, 9)).toEqual({ from: 0.75, to: 1 });
    expect(moved({ from: 0.25, to: 0.5 }, -9)).toEqual({ from: 0, to: 0.25 });
  });

  it('go by keys: begin, move, end elsewhere, go away', () => {
    const top = byKey(undefined, 'ArrowUp', false, 0.05);
    expect(top).toEqual({ from: 0.5, to: 1 });
    expect(byKey(undefined, 'ArrowDown', false, 0.05)).toEqual({ from: 0, to: 0.5 });
    expect(byKey({ from: 0.5, to: 1 }, 'ArrowDown', false, 0.25)).toEqual({ from: 0.25, to: 0.75 });
    expect(byKey({ from: 0.5, to: 1 }, 'ArrowDown', true, 0.25)).toEqual({ from: 0.5, to: 0.75 });
    expect(byKey({ from: 0.5, to: 0.75 }, 'ArrowDown', true, 0.25)?.to).toBeGreaterThan(0.5);
    expect(byKey({ from: 0.5, to: 1 }, 'Escape', false, 0.25)).toBeNull();
    expect(byKey(undefined, 'Escape', false, 0.25)).toBeUndefined();
    expect(byKey({ from: 0.5, to: 1 }, 'Tab', false, 0.25)).toBeUndefined();
  });

  it('go from word to word by keys', () => {
    const words = scale({ name: 'f', values: ['a', 'b', 'c'] });
    let range = byKey(undefined, 'ArrowUp', false, words.step);
    const seen: string[] = [];
    for (let press = 0; press < 3 && range; press++) {
      seen.push(words.between(range.from, range.to));
      range = byKey(range, 'ArrowDown', false, words.step);
    }
    expect(seen).toEqual(['c', 'b', 'a']);
  });
});
