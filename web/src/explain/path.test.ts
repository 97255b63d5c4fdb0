import { describe, expect, it } from 'vitest';
import type { Drawing, Quantity } from '../api/model';
import { edgesOf, inAddress, unitsOnPath, weightOf, weightsIn } from './path';

const given = (symbol: string): Quantity => ({ symbol, value: 1, computed: 1, stored: false, kind: 'given' });
const product = (symbol: string, parts: Quantity[]): Quantity => ({ ...given(symbol), kind: 'product', parts });

describe('a weight', () => {
  it('is read as the address and as the library write it', () => {
    expect(weightOf('layers.1.w,3,5')).toEqual({ layer: 1, from: 3, to: 5 });
    expect(weightOf('1,3,5')).toEqual({ layer: 1, from: 3, to: 5 });
    expect(weightOf('layers.0.b,3')).toBeNull();
    expect(inAddress({ layer: 1, from: 3, to: 5 })).toBe('1,3,5');
  });

  it('is found wherever the ledger has it, once', () => {
    const term = (symbol: string) => product(`${symbol}·δ`, [given(symbol), given('δ1[0]')]);
    const ledger = product('∂C/∂w0[2,1]', [given('x[2]'), product('Σ', [term('w1[1,0]'), term('w1[1,0]')])]);
    const found = weightsIn(ledger, { layer: 0, from: 2, to: 1 }).map(inAddress);
    expect(found).toEqual(['0,2,1', '1,1,0']);
  });
});

describe('edges', () => {
  const drawing: Drawing = {
    parameter: 'layers.0.w,0,0',
    inputs: { units: 9, drawn: [0, 4].map((unit) => ({ unit, a: unit === 0 ? 2 : 0.1, delta: 0 })) },
    layers: [
      {
        layer: 0,
        kind: 'dense',
        units: 1,
        drawn: [{ unit: 7, a: 1, delta: 1 }],
        weights: [[1], [3]],
        gradients: [[0.5], [null]],
      },
    ],
  };

  it('are those that carry most', () => {
    const [first] = edgesOf(drawing, 'carries', new Set(), 1);
    expect(first?.left).toBe(1);
    expect(first?.edges).toEqual([
      { layer: 0, from: 0, to: 7, begin: 0, end: 0, weight: 1, gradient: 0.5, carries: 2 },
    ]);
  });

  it('are always those that are lit, on top', () => {
    const [first] = edgesOf(drawing, 'gradient', new Set(['0,4,7']), 1);
    expect(first?.left).toBe(0);
    expect(first?.edges.map((edge) => edge.from)).toEqual([0, 4]);
  });

  it('meet units that layers without weights pass on', () => {
    const [first] = drawing.layers;
    if (!first) throw new Error('the drawing has a layer');
    const dropout = { ...first, layer: 1, kind: 'dropout', weights: [], gradients: [] };
    const deep = { ...drawing, layers: [first, dropout, { ...first, layer: 2 }] };
    const on = unitsOnPath(deep, [
      { layer: 0, from: 4, to: 7 },
      { layer: 2, from: 7, to: 1 },
    ]);
    expect(on.map((units) => [...units])).toEqual([[4], [7], [7], [1]]);
  });
});
