import type { Data } from '../play/protocol';

// What the lesson's figures train. The keys are those of config.toml; links to the playground say the same.

export interface Subject {
  data: Exclude<Data, { upload: string }>;
  settings: Record<string, string>;
}

/** One rate, no end, nothing between the inputs and the first layer: what is seen is what the formulas say. */
const PLAIN: Record<string, string> = {
  schedule: 'constant',
  early_stopping: 'none',
  epochs: '1000000000',
  validation: '0',
  test: '0',
  numeric_encoding: 'plain',
  normalization: 'none',
  dropout: '0',
  weight_decay: '0',
  clip_norm: 'none',
  optimizer: 'gradient_descent',
  // The plan's own start of the output is 0, which sends nothing back before the first step.
  output_initializer: 'glorot_uniform',
};

/** ½(ŷ − y)² on a sigmoid: the cost of the first formulas. */
const SQUARED = { cost: 'squared_error', output_activation: 'sigmoid' };

const moons = { name: 'moons', rows: 200, noise: 0.12, seed: 0 } as const;

export const oneUnit = (batch = 'all'): Subject => ({
  data: moons,
  settings: { ...PLAIN, ...SQUARED, hidden: 'none', learning_rate: '0.5', batch_size: batch },
});

export const whenToUpdate = (batch: string): Subject => ({
  data: moons,
  settings: { ...PLAIN, hidden: '8', activation: 'tanh', learning_rate: '0.1', batch_size: batch },
});

export const howFar = (rate: string): Subject => ({
  data: moons,
  settings: { ...PLAIN, hidden: '8', activation: 'tanh', learning_rate: rate, batch_size: 'all' },
});

export const xor = (hidden: string): Subject => ({
  // No seed here: the engine refuses one that differs from the settings' own.
  data: { name: 'xor', rows: 4, noise: 0 },
  settings: {
    ...PLAIN,
    hidden,
    ...(hidden !== 'none' && { activation: 'tanh' }),
    learning_rate: '1.5',
    batch_size: 'all',
    seed: '1',
  },
});

export const layered = (): Subject => ({
  data: moons,
  settings: { ...PLAIN, ...SQUARED, hidden: '3,3', activation: 'sigmoid', learning_rate: '0.5', batch_size: '1' },
});

export const deep = (layers: number, activation: string, initializer = 'auto'): Subject => ({
  data: moons,
  settings: {
    ...PLAIN,
    hidden: Array.from({ length: layers }, () => '8').join(','),
    activation,
    ...(initializer !== 'auto' && { initializer }),
    learning_rate: '0.1',
    batch_size: '20',
  },
});

/** The same in the playground. */
export function query({ data, settings }: Subject): Record<string, string> {
  const kept = ['hidden', 'activation', 'initializer', 'cost', 'learning_rate', 'batch_size', 'seed', 'optimizer'];
  const said = Object.fromEntries(kept.flatMap((key) => (settings[key] ? [[key, settings[key]]] : [])));
  return { data: data.name, rows: String(data.rows), noise: String(data.noise), validation: '0', ...said };
}
