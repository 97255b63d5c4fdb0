import { useState } from 'preact/hooks';
import type { Summary } from '../../api/types';
import { runLink } from '../../shell/address';
import { figure, words } from '../../shell/preferences';

type Key = 'name' | 'state' | 'data' | 'network' | 'epochs' | 'cost' | 'watched' | 'seconds' | 'findings';
const KEYS: Key[] = ['name', 'state', 'data', 'network', 'epochs', 'cost', 'watched', 'seconds', 'findings'];
const NUMBERS: Key[] = ['epochs', 'cost', 'watched', 'seconds'];

export function outline(run: Summary): string {
  const hidden = run.settings.hidden;
  const activation = run.settings.activation;
  const widths = Array.isArray(hidden) ? hidden.join('-') : String(hidden ?? '');
  return `${widths} ${Array.isArray(activation) ? activation.join(', ') : String(activation ?? '')}`;
}

function worth(run: Summary, key: Key): number | string {
  switch (key) {
    case 'network':
      return run.parameters;
    case 'epochs':
      return run.epochs.done;
    case 'cost':
      return run.cost ?? Number.POSITIVE_INFINITY;
    case 'watched':
      return run.watched?.value ?? Number.POSITIVE_INFINITY;
    case 'findings':
      return run.findings ? run.findings.error * 1e6 + run.findings.warning * 1e3 + run.findings.note : -1;
    default:
      return run[key];
  }
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a === b ? 0 : a < b ? -1 : 1;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

interface Props {
  runs: Summary[];
  chosen: string[];
  toggle: (name: string) => void;
  colour: (name: string) => string;
}

export function RunsTable({ runs, chosen, toggle, colour }: Props) {
  const w = words.value;
  const [sort, setSort] = useState<{ key: Key; down: boolean }>({ key: 'name', down: false });
  const sign = sort.down ? -1 : 1;
  const sorted = [...runs].sort((a, b) => sign * compare(worth(a, sort.key), worth(b, sort.key)));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard.
    <section class="card scroll" aria-label={w.runs} tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span class="muted">{chosen.length > 0 ? w.selected(chosen.length) : ''}</span>
            </th>
            {KEYS.map((key) => (
              <th
                key={key}
                scope="col"
                class={NUMBERS.includes(key) ? 'number' : ''}
                aria-sort={sort.key === key ? (sort.down ? 'descending' : 'ascending') : undefined}
              >
                <button type="button" onClick={() => setSort({ key, down: sort.key === key && !sort.down })}>
                  {w[key]} {sort.key === key ? (sort.down ? '↓' : '↑') : ''}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((run) => (
            <tr key={run.name}>
              <td>
                <input
                  type="checkbox"
                  aria-label={w.select(run.name)}
                  checked={chosen.includes(run.name)}
                  onChange={() => toggle(run.name)}
                />
              </td>
              <td class="name">
                <span class="dot" style={{ background: colour(run.name) }} />
                <a href={runLink(run.name)}>{run.name}</a>
              </td>
              <td>
                <span class={`pill ${run.state}`}>{w.states[run.state]}</span>
              </td>
              <td>{run.data}</td>
              <td>{outline(run)}</td>
              <td class="number">
                {figure(run.epochs.done)} <span class="muted">/ {figure(run.epochs.planned)}</span>
              </td>
              <td class="number">{figure(run.cost)}</td>
              <td class="number">
                {run.watched ? (
                  <>
                    <span class="muted">{run.watched.name}</span> {figure(run.watched.value)}
                  </>
                ) : (
                  '–'
                )}
              </td>
              <td class="number">{figure(run.seconds)}</td>
              <td>
                <Found run={run} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Found({ run }: { run: Summary }) {
  const w = words.value;
  if (!run.findings) return <span class="muted">{w.notAsked}</span>;
  const told = (['error', 'warning', 'note'] as const).filter((severity) => run.findings?.[severity]);
  if (told.length === 0) return <span class="muted">{w.none}</span>;
  return (
    <>
      {told.map((severity) => (
        <span key={severity} class={`pill ${severity}`}>
          {w.found[severity](run.findings?.[severity] ?? 0)}
        </span>
      ))}
    </>
  );
}
