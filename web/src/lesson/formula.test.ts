import { describe, expect, it } from 'vitest';
import { filled, keys, marked } from './formula';

const signs = { w: { tex: 'w_1', text: 'w₁' }, x: { tex: 'x_1', text: 'x₁' } };

describe('a formula', () => {
  it('has its symbols marked', () => {
    expect(marked('z = \\s{w}\\,\\s{x}', signs)).toBe('z = \\htmlData{symbol=w}{w_1}\\,\\htmlData{symbol=x}{x_1}');
  });
  it('has no symbol that is not in the table', () => {
    expect(() => marked('\\s{y}', signs)).toThrow('no symbol y');
  });
  it('names each symbol once', () => {
    expect(keys('\\s{w}\\s{x} + \\s{w}')).toEqual(['w', 'x']);
  });
  it('is filled with numbers, unknown ones as a dash', () => {
    expect(filled('{w} · {x} · {y}', { w: '0.5', x: '2' })).toBe('0.5 · 2 · –');
  });
  it('has negative numbers in brackets after an operator, and there only', () => {
    expect(filled('z = {w} · {x} + {b} = {z},  σ({z})', { w: '−2', x: '−3', b: '−1', z: '−5' })).toBe(
      'z = −2 · (−3) + (−1) = −5,  σ(−5)',
    );
  });
});
