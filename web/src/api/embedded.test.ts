import { describe, expect, it } from 'vitest';
import { answerIn } from './embedded';

const answers = {
  'runs/a b': { name: 'a b' },
  'runs/a b/rows': { list: [] },
  'runs/a b/explain?row=3': 'runs/a b/explain?row=3&parameter=layers.0.w,1,2',
  'runs/a b/explain?row=3&parameter=layers.0.w,1,2': { cost: 1 },
};

describe('a report', () => {
  it('answers what was asked beforehand', () => {
    expect(answerIn(answers, 'runs/a%20b')).toEqual({ name: 'a b' });
    expect(answerIn(answers, 'runs/a%20b/rows?part=all&from=0&count=5')).toEqual({ list: [] });
    expect(answerIn(answers, 'runs/a%20b/explain?row=3')).toEqual({ cost: 1 });
    expect(answerIn(answers, 'runs/a%20b/explain?row=3&parameter=0%2C1%2C2')).toEqual({ cost: 1 });
  });

  it('has nothing else', () => {
    expect(answerIn(answers, 'runs/a%20b/explain?row=4')).toBeUndefined();
    expect(answerIn(answers, 'runs/a%20b/explain?row=3&member=2')).toBeUndefined();
    expect(answerIn(answers, 'runs/c')).toBeUndefined();
  });
});
