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
  it('is filled with numbers, negative ones in brackets, unknown ones as a dash', () => {
    expect(filled('{w} · {x} · {y}', { w: '0.5', x: '−2' })).toBe('0.5 · (−2) · –');
  });
});
