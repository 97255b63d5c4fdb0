import type { Data, Parameter } from './protocol';

// The playground's address: `#/play?data=moons&hidden=8,8&activation=tanh…`. Settings keep their names in config.toml.

export const SETS = ['xor', 'circles', 'moons', 'spirals', 'curve', 'digits'] as const;
export type SetName = (typeof SETS)[number];

export const SETTINGS = [
  'hidden',
  'activation',
  'initializer',
  'cost',
  'optimizer',
  'learning_rate',
  'momentum',
  'batch_size',
  'l1',
  'l2',
  'dropout',
  'validation',
  'seed',
] as const;
export type Setting = (typeof SETTINGS)[number];

/** Where the rows come from: a generated set, a table that was sent to the server, or a run with its weights. */
export type Source =
  | { from: 'set'; name: SetName; rows: string; noise: string }
  | { from: 'upload'; upload: string; file: string; target: string }
  | { from: 'run'; run: string };

export interface Choice {
  source: Source;
  /** As text, as in config.toml; `auto` leaves the choice to the plan. */
  settings: Record<Setting, string>;
}

/**
 * What the playground asks for besides what can be chosen: a network that is all there is to see. That training goes on
 * until it is paused, at one rate, is the engine's own choice.
 */
const FIXED: Record<string, string> = {
  test: '0',
  numeric_encoding: 'plain',
  normalization: 'none',
  weight_decay: '0',
  clip_norm: 'none',
};

const WITH_MOMENTUM = ['momentum', 'nesterov', 'rmsprop'];

const USUAL: Record<Setting, string> = {
  hidden: '8,8',
  activation: 'tanh',
  initializer: 'auto',
  cost: 'auto',
  optimizer: 'gradient_descent',
  learning_rate: '0.1',
  momentum: '0.9',
  batch_size: '16',
  l1: '0',
  l2: '0',
  dropout: '0',
  validation: '0.2',
  seed: '0',
};

/** Settings with which a set is learnt in a minute, where they differ from the usual ones. */
const FITTING: Record<SetName | 'upload', Partial<Record<Setting, string>>> = {
  xor: { hidden: '4', learning_rate: '0.5', batch_size: 'all', validation: '0' },
  circles: { hidden: '6' },
  moons: {},
  spirals: { hidden: '16,16', optimizer: 'adam', learning_rate: '0.01' },
  curve: { hidden: '12,12', optimizer: 'adam', learning_rate: '0.01' },
  digits: { hidden: '32', activation: 'relu', optimizer: 'adam', learning_rate: '0.003', batch_size: '32' },
  upload: { hidden: '16', activation: 'relu', optimizer: 'adam', learning_rate: '0.003', batch_size: '32' },
};

const ROWS: Record<SetName, [rows: string, noise: string]> = {
  xor: ['4', '0'],
  circles: ['400', '0.08'],
  moons: ['400', '0.12'],
  spirals: ['600', '0.02'],
  curve: ['200', '0.1'],
  digits: ['', ''],
};

const isSet = (name: string): name is SetName => (SETS as readonly string[]).includes(name);

export function start(name: SetName | 'upload'): Record<Setting, string> {
  return { ...USUAL, ...FITTING[name] };
}

/** A generated set as it comes, or with what the address says of it. */
export function set(name: SetName, query = new URLSearchParams()): Source {
  const [rows, noise] = ROWS[name];
  return {
    from: 'set',
    name,
    rows: query.get('rows') ?? rows,
    noise: query.get('noise') ?? noise,
  };
}

export function choice(query: URLSearchParams): Choice {
  const [data, run] = [query.get('data') ?? 'moons', query.get('import')];
  const upload = query.get('upload');
  const name = isSet(data) ? data : 'moons';
  let source: Source = set(name, query);
  if (run) source = { from: 'run', run };
  else if (data === 'upload' && upload) {
    source = { from: 'upload', upload, file: query.get('file') ?? '', target: query.get('target') ?? '' };
  }
  const settings = start(source.from === 'upload' ? 'upload' : name);
  for (const key of SETTINGS) settings[key] = query.get(key) ?? settings[key];
  return { source, settings };
}

/** The whole choice for the address; what it does not have is null, so that it goes. */
export function query({ source, settings }: Choice): Record<string, string | null> {
  const own: Record<string, string | null> = {
    data: source.from === 'set' ? source.name : source.from === 'upload' ? 'upload' : null,
    import: source.from === 'run' ? source.run : null,
    upload: source.from === 'upload' ? source.upload : null,
    file: source.from === 'upload' ? source.file : null,
    target: source.from === 'upload' ? source.target : null,
    rows: source.from === 'set' ? source.rows : null,
    noise: source.from === 'set' ? source.noise : null,
  };
  for (const key of SETTINGS) own[key] = source.from === 'run' ? null : settings[key];
  return own;
}

/** The rows in the words of the protocol. Generated ones are drawn from the settings' seed. */
export function data(source: Exclude<Source, { from: 'run' }>): Data {
  if (source.from === 'upload') return { upload: source.upload, target: source.target };
  const numbers: { rows?: number; noise?: number } = {};
  if (source.name !== 'digits') {
    if (source.rows !== '') numbers.rows = Number(source.rows);
    if (source.noise !== '') numbers.noise = Number(source.noise);
  }
  return { name: source.name, ...numbers };
}

export function asked({ source, settings }: Choice): Record<string, string> {
  const said: Record<string, string> = { ...FIXED };
  // The curve's numbers are as good as scaled, and are to be read off as they are.
  if (source.from === 'set' && source.name === 'curve') said.target_scaling = 'none';
  for (const key of SETTINGS) {
    if (settings[key] === 'auto' || settings[key] === '') continue;
    if (key === 'momentum' && !WITH_MOMENTUM.includes(settings.optimizer)) continue;
    said[key] = settings[key];
  }
  // Without hidden layers there is nothing that these could speak of.
  if (settings.hidden === 'none') for (const key of ['activation', 'initializer', 'dropout']) delete said[key];
  return said;
}

/** A link to the playground with some of its keys; what is not said is as it fits the data. */
export function playLink(some: Record<string, string>): string {
  return `#/play?${new URLSearchParams(some)}`;
}

/** The widths of the hidden layers. */
export function widths(hidden: string): number[] {
  return hidden === 'none' ? [] : hidden.split(',').map(Number);
}

/** One value for each hidden layer from what is said once for all of them or for each. */
export function each(said: string, layers: number): string[] {
  const values = said.split(',');
  return Array.from({ length: layers }, (_, at) => values[at] ?? (values.at(-1) as string));
}

/** The other way round: said once where all are the same. */
export function together(values: string[]): string {
  return values.every((value) => value === values[0]) ? (values[0] ?? 'tanh') : values.join(',');
}

/** `1,3,5`: the weight of layer 1 from unit 3 to unit 5; `1,b,5`: that unit's bias. */
export function parameter(text: string | null): Parameter | null {
  const found = /^(\d+),(\d+|b),(\d+)$/.exec(text ?? '');
  if (!found) return null;
  return { layer: Number(found[1]), from: found[2] === 'b' ? null : Number(found[2]), to: Number(found[3]) };
}

export const parameterText = ({ layer, from, to }: Parameter) => `${layer},${from ?? 'b'},${to}`;
