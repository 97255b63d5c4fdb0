import { useState } from 'preact/hooks';
import type { Json, Summary } from '../../api/types';
import type { Axis } from '../../charts/axes';
import { Parallel } from '../../charts/Parallel';
import { words } from '../../shell/preferences';

const shown = (value: Json | undefined) =>
  value === undefined ? '–' : Array.isArray(value) ? value.map(String).join(', ') : String(value);

/** Lists of one number count as it, so that widths and dropouts lie on a scale. */
function onAxis(value: Json | undefined): number | string | null {
  const single = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof single === 'number') return single;
  return single === undefined ? null : shown(single);
}

export function Comparison({ runs, colour }: { runs: Summary[]; colour: (name: string) => string }) {
  const w = words.value;
  const [only, setOnly] = useState(true);
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.settings)))];
  const differs = (key: string) => new Set(runs.map((run) => shown(run.settings[key]))).size > 1;
  const differing = keys.filter(differs);
  const rows = only ? differing : keys;
  if (runs.length < 2) {
    return (
      <section class="card">
        <h2>{w.compare}</h2>
        <p class="hint">{w.compareHint}</p>
      </section>
    );
  }
  const watched = runs.find((run) => run.watched)?.watched?.name;
  // A setting that only some optimizers have, and that is the same in all of them, is no axis.
  const axes: Axis[] = differing
    .map((key) => ({ name: key, values: runs.map((run) => onAxis(run.settings[key])) }))
    .filter((axis) => new Set(axis.values.filter((value) => value !== null)).size > 1);
  axes.push({
    name: watched ?? w.cost,
    values: runs.map((run) => (run.watched?.name === watched ? (run.watched?.value ?? run.cost) : null)),
  });
  return (
    <>
      <section class="card">
        <h2>{w.compare}</h2>
        <div class="choices">
          <label>
            <input type="checkbox" checked={only} onChange={(e) => setOnly(e.currentTarget.checked)} />
            {w.onlyDiffering}
          </label>
        </div>
        {rows.length === 0 && <p>{w.noDifference}</p>}
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
        <section class="scroll" tabIndex={0} aria-label={w.compare}>
          <table>
            <thead>
              <tr>
                <th scope="col">{w.setting}</th>
                {runs.map((run) => (
                  <th key={run.name} scope="col">
                    <span class="dot" style={{ background: colour(run.name) }} />
                    {run.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((key) => (
                <tr key={key}>
                  <th scope="row">{key}</th>
                  {runs.map((run) => (
                    <td
                      key={run.name}
                      class={shown(run.settings[key]) !== shown(runs[0]?.settings[key]) ? 'differs' : ''}
                    >
                      {shown(run.settings[key])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </section>
      <section class="card">
        <h2>{w.parallel}</h2>
        <p class="hint">{w.parallelHint}</p>
        <Parallel
          label={w.parallel}
          runs={runs.map((run) => run.name)}
          colours={runs.map((run) => colour(run.name))}
          axes={axes}
        />
      </section>
    </>
  );
}
