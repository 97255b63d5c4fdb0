import { describe, expect, it } from 'vitest';
import {
  asked,
  choice,
  data,
  each,
  parameter,
  parameterText,
  playLink,
  query,
  SETS,
  together,
  widths,
} from './address';

const from = (text: string) => choice(new URLSearchParams(text));
const textOf = (some: Record<string, string | null>) =>
  new URLSearchParams(Object.entries(some).filter((pair): pair is [string, string] => pair[1] !== null)).toString();

describe('the address', () => {
  it('gives itself back, whatever is chosen', () => {
    for (const text of [
      '',
      ...SETS.map((name) => `data=${name}`),
      'data=xor&noise=0.2&rows=80&seed=3&hidden=none',
      'data=moons&hidden=3,5&activation=relu,tanh&learning_rate=0.03&batch_size=all&optimizer=momentum&momentum=0.5',
      'data=upload&upload=abc&file=my sales.csv&target=price',
      'import=sales-1',
    ]) {
      const chosen = from(text);
      expect(from(textOf(query(chosen)))).toEqual(chosen);
    }
  });

  it('takes what is not said from what fits the data', () => {
    expect(from('data=spirals').settings.hidden).toBe('16,16');
    expect(from('data=spirals&hidden=4').settings).toMatchObject({ hidden: '4', optimizer: 'adam' });
    expect(from('data=nothing').source).toMatchObject({ name: 'moons' });
    expect(from('data=upload').source).toMatchObject({ name: 'moons' });
  });

  it('is told to the engine as settings of config.toml', () => {
    const plain = asked(from('data=moons'));
    expect(plain).toMatchObject({ hidden: '8,8', activation: 'tanh', test: '0', seed: '0' });
    expect(plain).not.toHaveProperty('momentum');
    expect(plain).not.toHaveProperty('cost');
    expect(asked(from('optimizer=nesterov')).momentum).toBe('0.9');
    expect(asked(from('hidden=none'))).not.toHaveProperty('activation');
  });

  it('tells the data in the words of the protocol', () => {
    const told = (text: string) => {
      const { source } = from(text);
      return source.from === 'run' ? null : data(source);
    };
    expect(told('data=circles&rows=50&noise=0.1&seed=4')).toEqual({
      name: 'circles',
      rows: 50,
      noise: 0.1,
    });
    expect(told('data=digits')).toEqual({ name: 'digits' });
    expect(told('data=upload&upload=u&target=t')).toEqual({ upload: 'u', target: 't' });
  });

  it('has links with some keys', () => {
    expect(playLink({ data: 'xor', hidden: '2' })).toBe('#/play?data=xor&hidden=2');
  });
});

describe('lists of layers', () => {
  it('are read and written', () => {
    expect(widths('none')).toEqual([]);
    expect(widths('8,4')).toEqual([8, 4]);
    expect(each('tanh', 3)).toEqual(['tanh', 'tanh', 'tanh']);
    expect(each('tanh,relu', 3)).toEqual(['tanh', 'relu', 'relu']);
    expect(together(['relu', 'relu'])).toBe('relu');
    expect(together(['relu', 'tanh'])).toBe('relu,tanh');
  });
});

describe('a parameter in the address', () => {
  it('is a weight or a bias, or nothing', () => {
    expect(parameter('1,3,5')).toEqual({ layer: 1, from: 3, to: 5 });
    expect(parameter('0,b,2')).toEqual({ layer: 0, from: null, to: 2 });
    for (const text of [null, '', '1,2', '1,x,2', '-1,2,3']) expect(parameter(text)).toBeNull();
    expect(parameterText({ layer: 0, from: null, to: 2 })).toBe('0,b,2');
  });
});
