import { describe, expect, it } from 'vitest';
import { CATEGORIES, categories } from './colours';

const all = Array.from({ length: 20 }, (_, at) => `run-${String(at).padStart(2, '0')}`);

describe('categories', () => {
  it('hang on the place among all names', () => {
    const given = categories(all, ['run-03', 'run-01']);
    expect(given.get('run-01')).toEqual({ index: 1, turn: 0 });
    expect(given.get('run-03')).toEqual({ index: 3, turn: 0 });
  });
  it('are told apart where as many are shown as there are colours', () => {
    // 2, 9 and 16 would all have the third colour.
    const shown = ['run-02', 'run-09', 'run-16', 'run-00', 'run-01', 'run-03', 'run-04'];
    const given = categories(all, shown);
    expect(new Set(shown.map((name) => given.get(name)?.index)).size).toBe(CATEGORIES);
  });
  it('come again in a second turn, and no third before the second is full', () => {
    const given = [...categories(all, all).values()];
    expect(given.filter(({ turn }) => turn === 0)).toHaveLength(7);
    expect(given.filter(({ turn }) => turn === 1)).toHaveLength(7);
    expect(given.filter(({ turn }) => turn === 2)).toHaveLength(6);
  });
});
