import { useMemo, useState } from 'preact/hooks';
import type { Summary } from '../../api/types';
import { Curves } from '../../charts/Curves';
import { useAccounts } from '../../run/following';
import { smooth } from '../../run/smoothing';
import { address, setQuery } from '../../shell/address';
import { dark, words } from '../../shell/preferences';

type Across = 'step' | 'epoch' | 'seconds';

interface Props {
  runs: Summary[];
  colour: (name: string) => string;
  /** How many runs have the same colour before it. */
  turn: (name: string) => number;
}

export function RunsCurves({ runs, colour, turn }: Props) {
  const w = words.value;
  const accounts = useAccounts(runs.map((run) => run.name));
  const [smoothing, setSmoothing] = useState(0);
  const query = address.value.query;
  const metric = query.get('figure') ?? 'cost';
  const across = (query.get('across') ?? 'step') as Across;
  const logarithmic = query.get('log') === '1';
  const validation = [...new Set(runs.flatMap((run) => Object.keys(run.validation)))].sort();
  const metrics = ['cost', ...validation.map((name) => `validation.${name}`), 'learning_rate'];
  const taken = runs.map((run) => accounts.get(run.name)?.taken ?? 0).join();
  const names = runs.map((run) => run.name).join();
  // `taken` stands for the accounts, which grow in place.
  const curves = useMemo(
    () =>
      runs.flatMap((run) => {
        const parts = accounts.get(run.name)?.parts ?? [];
        return parts.flatMap((part, at) => {
          const series = part.series.get(metric);
          if (!series) return [];
          const name = parts.length > 1 ? `${run.name} ${part.name}` : run.name;
          const y = smooth(series.value.values, smoothing);
          return [{ name, colour: colour(run.name), x: series[across].values, y, dash: at + turn(run.name) }];
        });
      }),
    [names, taken, metric, across, smoothing, dark.value],
  );
  return (
    <section class="card">
      <h2>{w.curves}</h2>
      <div class="choices">
        <label>
          {w.metric}
          <select value={metric} onChange={(e) => setQuery({ figure: e.currentTarget.value })}>
            {metrics.map((name) => (
              <option key={name} value={name}>
                {named(name)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {w.across}
          <select value={across} onChange={(e) => setQuery({ across: e.currentTarget.value })}>
            {(['step', 'epoch', 'seconds'] as const).map((key) => (
              <option key={key} value={key}>
                {w[key]}
              </option>
            ))}
          </select>
        </label>
        <label>
          {w.smoothing}
          <input
            type="range"
            min={0}
            max={0.98}
            step={0.02}
            value={smoothing}
            onInput={(e) => setSmoothing(Number(e.currentTarget.value))}
          />
        </label>
        <label>
          <input
            type="checkbox"
            checked={logarithmic}
            onChange={(e) => setQuery({ log: e.currentTarget.checked ? '1' : null })}
          />
          {w.logAxis}
        </label>
      </div>
      <Curves label={named(metric)} across={w[across]} curves={curves} logarithmic={logarithmic} height={320} />
    </section>
  );
}

export function named(metric: string): string {
  const w = words.value;
  if (metric === 'cost') return w.cost;
  if (metric === 'learning_rate') return w.learningRate;
  return metric.replace('validation.', `${w.validation} · `);
}
