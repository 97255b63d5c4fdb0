import { describe, expect, it } from 'vitest';
import { asked, choice, data } from '../play/address';
import { deep, howFar, layered, oneUnit, query, type Subject, whenToUpdate, xor } from './subjects';

const subjects: [string, Subject][] = [
  ['one unit, all rows', oneUnit()],
  ['one unit, row by row', oneUnit('1')],
  ['when', whenToUpdate('16')],
  ['how far', howFar('3')],
  ['a unit for XOR', xor('none')],
  ['a hidden layer for XOR', xor('4')],
  ['two hidden layers', layered()],
  ['ten layers', deep(10, 'sigmoid', 'glorot_uniform')],
  ['ReLU as it comes', deep(8, 'relu')],
];

/** What the playground need not say: training without an end is its own choice, two classes have a sigmoid by themselves. */
const UNSAID = ['schedule', 'early_stopping', 'epochs', 'output_activation'];

describe.each(subjects)('%s', (_, subject) => {
  it('has one seed, as the engine wants it', () => {
    const { seed } = subject.data;
    if (seed !== undefined) expect(String(seed)).toBe(subject.settings.seed ?? '0');
  });

  it('is the very same in the playground', () => {
    const there = choice(new URLSearchParams(query(subject)));
    const said = asked(there);
    for (const [key, value] of Object.entries(subject.settings)) {
      // Without hidden layers there are no units to drop.
      if (UNSAID.includes(key) || (key === 'dropout' && subject.settings.hidden === 'none')) continue;
      expect(`${key}=${said[key]}`).toBe(`${key}=${value}`);
    }
    expect(said.seed).toBe(subject.settings.seed ?? '0');
    const { name, rows, noise } = subject.data;
    if (there.source.from === 'run') throw new Error('expected a set');
    expect(data(there.source)).toEqual({ name, rows, noise });
  });
});
