import { useEffect, useState } from 'preact/hooks';
import { rows as fetchRows } from '../../api/client';
import { report } from '../../api/embedded';
import type { PartOfRows, Row, Rows } from '../../api/model';
import type { Json } from '../../api/types';
import { sequential } from '../../charts/colours';
import { figure, words } from '../../shell/preferences';
import { Picture } from './Picture';

const AT_ONCE = 24;

/** Targets and predictions as people read them. */
export const spoken = (values: Json[]) =>
  values.map((value) => (typeof value === 'number' ? figure(value) : String(value ?? '–'))).join(', ');

interface Props {
  run: string;
  part: PartOfRows | '';
  row: number;
  choose: (row: number) => void;
  setPart: (part: PartOfRows | '') => void;
  /** Is handed what the server says. */
  take: (told: Rows) => void;
}

export function RowList({ run, part, row, choose, setPart, take }: Props) {
  const w = words.value.explain;
  const [told, setTold] = useState<Rows | null>(null);
  const [answered, setAnswered] = useState('');
  const [count, setCount] = useState(AT_ONCE);
  const [problem, setProblem] = useState('');
  useEffect(() => setCount(AT_ONCE), [part]);
  const asked = `${run} ${part} ${count}`;
  useEffect(() => {
    let current = true;
    fetchRows(run, part, 0, count).then(
      (answer) => {
        if (!current) return;
        setProblem('');
        setTold(answer);
        setAnswered(asked);
        take(answer);
      },
      (error: Error) => {
        if (!current) return;
        // The rows of another part would stand under this one's name.
        setTold(null);
        setProblem(error.message);
      },
    );
    return () => {
      current = false;
    };
  }, [asked]);
  const list = told?.list ?? [];
  return (
    <section class="card" aria-labelledby="rows" aria-busy={told !== null && answered !== asked}>
      <h2 id="rows">{w.rows}</h2>
      <p class="hint">{w.rowsHint}</p>
      {!report && (
        <div class="choices">
          <label>
            {w.part}
            <select value={part} onChange={(e) => setPart(e.currentTarget.value as PartOfRows | '')}>
              {Object.entries(w.parts).map(([key, name]) => (
                <option key={key} value={key}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        </div>
      )}
      {problem && (
        <p class="pill error wrap" role="alert">
          {problem}
        </p>
      )}
      {told && list.length === 0 && <p class="muted">{w.noRows}</p>}
      {told?.image ? (
        <ul class="tiles">
          {list.map((one) => (
            <li key={one.row}>
              <Tile one={one} told={told} chosen={one.row === row} choose={choose} />
            </li>
          ))}
        </ul>
      ) : (
        told && list.length > 0 && <RowTable told={told} row={row} choose={choose} />
      )}
      {told && list.length > 0 && (
        <div class="choices">
          <span class="muted">{w.shown(figure(list.length), figure(told.rows))}</span>
          {list.length === count && count < Math.min(told.looked_at, 200) && (
            <button type="button" onClick={() => setCount(Math.min(count + 2 * AT_ONCE, 200))}>
              {w.more}
            </button>
          )}
        </div>
      )}
      {told && told.looked_at < told.rows && (
        <p class="hint">{w.lookedAt(figure(told.looked_at), figure(told.rows))}</p>
      )}
    </section>
  );
}

/** A pixel's colour by the range of all of them. */
export function pixelsOf(one: Row, told: Rows) {
  const { least, most } = told.image ?? { least: 0, most: 1 };
  return (pixel: number) => sequential((Number(one.cells[pixel] ?? least) - least) / (most - least || 1));
}

interface TileProps {
  one: Row;
  told: Rows;
  chosen: boolean;
  choose: (row: number) => void;
}

function Tile({ one, told, chosen, choose }: TileProps) {
  const w = words.value.explain;
  const said = w.told(figure(one.row), spoken(one.target), spoken(one.prediction), figure(one.cost));
  return (
    <button type="button" class="tile" aria-pressed={chosen} data-tip={said} onClick={() => choose(one.row)}>
      <Picture side={told.image?.side ?? 1} colour={pixelsOf(one, told)} of={one} small />
      <span class={one.wrong ? 'wrong' : ''}>
        <span class="unseen">
          {w.row} {figure(one.row)}:{' '}
        </span>
        {spoken(one.target)} → {spoken(one.prediction)}
      </span>
      <span class="muted">{figure(one.cost)}</span>
    </button>
  );
}

function RowTable({ told, row, choose }: { told: Rows; row: number; choose: (row: number) => void }) {
  const w = words.value.explain;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard.
    <section class="table-scroll" tabIndex={0} aria-label={w.rows}>
      <table>
        <thead>
          <tr>
            {[w.row, w.target, w.prediction].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
            <th scope="col" class="number">
              {w.cost}
            </th>
          </tr>
        </thead>
        <tbody>
          {told.list.map((one) => (
            <tr key={one.row} class={one.row === row ? 'chosen' : ''}>
              <td>
                <button
                  type="button"
                  aria-pressed={one.row === row}
                  aria-label={w.told(figure(one.row), spoken(one.target), spoken(one.prediction), figure(one.cost))}
                  onClick={() => choose(one.row)}
                >
                  {figure(one.row)}
                </button>
              </td>
              <td>{spoken(one.target)}</td>
              <td>
                {spoken(one.prediction)} {one.wrong && <span class="pill error">{w.wrong}</span>}
              </td>
              <td class="number">{figure(one.cost)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
