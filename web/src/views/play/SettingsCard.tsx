import { useState } from 'preact/hooks';
import type { Choice, Setting } from '../../play/address';
import type { Ready } from '../../play/protocol';
import { words } from '../../shell/preferences';

const INITIALIZERS = [
  'auto',
  'zeros',
  'uniform',
  'normal',
  'glorot_uniform',
  'glorot_normal',
  'he_uniform',
  'he_normal',
  'lecun_uniform',
  'lecun_normal',
  'orthogonal',
];
const COSTS = {
  classes: ['auto', 'squared_error', 'focal'],
  numbers: ['auto', 'squared_error', 'absolute', 'huber'],
};
const OPTIMIZERS = ['gradient_descent', 'momentum', 'nesterov', 'rmsprop', 'adam'];
const RATES = [0.00001, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 1, 3, 10];
const BATCHES = ['1', '2', '4', '8', '16', '32', '64', '128', 'all'];

interface Props {
  chosen: Choice;
  ready: Ready | null;
  apply: (choice: Choice) => void;
  /** Changes the rate of training as it goes on. */
  rate: (learning_rate: string) => void;
}

/** How it is trained. Of an imported run only the rate can be changed; the rest is shown as it was. */
export function SettingsCard({ chosen, ready, apply, rate }: Props) {
  const w = words.value.play;
  const { settings, source } = chosen;
  const imported = source.from === 'run';
  const planned = ready?.settings ?? {};
  const text = (key: Setting) => {
    if (!imported) return settings[key];
    const said = planned[key];
    return Array.isArray(said) ? said.join(',') : String(said ?? '');
  };
  const change = (key: Setting) => (value: string) => apply({ ...chosen, settings: { ...settings, [key]: value } });
  const automatic = (key: Setting) => {
    const plan = planned[key];
    return w.auto(typeof plan === 'string' ? plan : Array.isArray(plan) ? [...new Set(plan)].join(', ') : '');
  };
  const choose = (key: Setting, choices: string[]) => (
    <Chooser
      key={key}
      name={w.setting[key]}
      value={text(key)}
      choices={choices}
      label={(value) => (value === 'auto' ? automatic(key) : value === 'all' ? w.allRows : value)}
      change={change(key)}
      disabled={imported}
    />
  );
  const write = (key: Setting, step: number, most?: number) => (
    <Writer
      key={key}
      name={w.setting[key]}
      value={text(key)}
      step={step}
      most={most}
      change={change(key)}
      disabled={imported}
    />
  );
  const withMomentum = ['momentum', 'nesterov', 'rmsprop'].includes(text('optimizer'));
  return (
    <section class="card">
      <h2>{w.settings}</h2>
      <div class="settings">
        <Rate value={text('learning_rate')} change={rate} />
        {choose('batch_size', BATCHES)}
        {choose('optimizer', OPTIMIZERS)}
        {withMomentum && write('momentum', 0.05, 0.99)}
        {choose('cost', COSTS[ready?.data.task ?? 'classes'])}
        {choose('initializer', INITIALIZERS)}
        {write('l1', 0.0001)}
        {write('l2', 0.0001)}
        {write('dropout', 0.05, 0.95)}
        {write('validation', 0.05, 0.95)}
        {write('seed', 1)}
      </div>
    </section>
  );
}

interface Field {
  name: string;
  value: string;
  change: (value: string) => void;
  disabled?: boolean;
}

function Chooser(props: Field & { choices: string[]; label: (value: string) => string }) {
  const { name, value, choices, label, change, disabled } = props;
  const all = choices.includes(value) || value === '' ? choices : [value, ...choices];
  return (
    <label class="field">
      {name}
      <select value={value} disabled={disabled} onChange={(e) => change(e.currentTarget.value)}>
        {all.map((one) => (
          <option key={one} value={one}>
            {label(one)}
          </option>
        ))}
      </select>
    </label>
  );
}

function Writer({ name, value, step, most, change, disabled }: Field & { step: number; most: number | undefined }) {
  return (
    <label class="field">
      {name}
      <input
        type="number"
        min={0}
        max={most}
        step={step}
        value={value}
        disabled={disabled}
        onChange={(e) => change(e.currentTarget.value)}
      />
    </label>
  );
}

/** The learning rate, by a slider of usual rates or as a number; while it is dragged training hears each place. */
function Rate({ value, change }: { value: string; change: (value: string) => void }) {
  const w = words.value.play;
  const [id] = useState(() => `rate-${Math.random().toString(36).slice(2)}`);
  const at = RATES.reduce(
    (best, rate, place) =>
      Math.abs(Math.log(rate / Number(value))) < Math.abs(Math.log((RATES[best] as number) / Number(value)))
        ? place
        : best,
    0,
  );
  return (
    <div class="field rate">
      <label for={id}>{w.setting.learning_rate}</label>
      <input
        id={id}
        type="number"
        min={0}
        step="any"
        value={value}
        onChange={(e) => Number(e.currentTarget.value) > 0 && change(e.currentTarget.value)}
      />
      <input
        type="range"
        min={0}
        max={RATES.length - 1}
        value={at}
        aria-label={w.setting.learning_rate}
        aria-valuetext={value}
        onInput={(e) => change(String(RATES[Number(e.currentTarget.value)]))}
      />
      <p class="hint">{w.liveHint}</p>
    </div>
  );
}
