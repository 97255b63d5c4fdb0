import { useState } from 'preact/hooks';
import { figure, words } from '../shell/preferences';

const MOST = 200;

interface Props {
  head: string[];
  rows: () => (string | number | null)[][];
  /** First cells of rows that the chart fades. */
  outside?: ReadonlySet<string>;
}

/** A chart's numbers as a table, made only when it is opened; evenly chosen rows where there are many. */
export function Figures({ head, rows, outside }: Props) {
  const [open, setOpen] = useState(false);
  const all = open ? rows() : [];
  const every = Math.ceil(all.length / MOST);
  const shown = all.filter((_, at) => at % every === 0 || at === all.length - 1);
  return (
    <details onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{words.value.asTable}</summary>
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard.
        <section class="table-scroll" tabIndex={0} aria-label={words.value.asTable}>
          <table>
            <thead>
              <tr>
                {head.map((name) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map((row) => (
                <tr key={String(row[0])} class={outside?.has(String(row[0])) ? 'outside' : ''}>
                  {row.map((value, at) => (
                    <td key={head[at]} class="number">
                      {typeof value === 'string' ? value : figure(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}
