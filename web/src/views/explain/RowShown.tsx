import type { Explained, Rows } from '../../api/model';
import { diverging } from '../../charts/colours';
import { Figures } from '../../charts/Figures';
import { dark, figure, words } from '../../shell/preferences';
import { tip } from '../../shell/Tips';
import { Picture } from './Picture';
import { pixelsOf, spoken } from './RowList';

const BARS = 15;

/** The row itself, what came out, and what that hangs on. */
export function RowShown({ told, explained }: { told: Rows; explained: Explained }) {
  const w = words.value.explain;
  const row = explained.told;
  const { columns } = explained;
  return (
    <div class="explain-row">
      <section class="card">
        <h2>{w.input}</h2>
        <p class="hint">{w.told(figure(row.row), spoken(row.target), spoken(row.prediction), figure(row.cost))}</p>
        {told.image ? (
          <Picture
            label={w.picture(figure(row.row), figure(told.image.side))}
            side={told.image.side}
            colour={pixelsOf(row, told)}
            of={row}
          />
        ) : (
          <Cells told={told} explained={explained} />
        )}
      </section>
      {columns && (
        <section class="card">
          <h2>{w.attribution(columns.output)}</h2>
          <p class="hint">{w.attributionHint}</p>
          <Attribution told={told} explained={explained} />
        </section>
      )}
      <section class="card">
        <h2>{w.outputs}</h2>
        <Outputs explained={explained} />
      </section>
    </div>
  );
}

function Cells({ told, explained }: { told: Rows; explained: Explained }) {
  const w = words.value.explain;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard.
    <section class="table-scroll" tabIndex={0} aria-label={w.input}>
      <dl class="cells">
        {told.columns.map((name, at) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Cell text={explained.told.cells[at] ?? null} />
            </dd>
          </div>
        ))}
      </dl>
      {told.more_columns > 0 && <p class="hint">{w.moreColumns(figure(told.more_columns))}</p>}
    </section>
  );
}

/** A long number as other numbers are written, its tip all of its digits; words as they are. */
function Cell({ text }: { text: string | null }) {
  if (text === null) return <span class="muted">{words.value.explain.missing}</span>;
  const short = text.length > 8 && Number.isFinite(Number(text)) ? figure(Number(text)) : text;
  return <span {...tip(text, short)}>{short}</span>;
}

function Outputs({ explained }: { explained: Explained }) {
  const w = words.value.explain;
  const hasUnits = explained.outputs.some((output) => output.in_units);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard.
    <section class="scroll" tabIndex={0} aria-label={w.outputs}>
      <table class="outputs">
        <thead>
          <tr>
            <th scope="col">{w.output}</th>
            <th scope="col" class="number">
              ŷ
            </th>
            <th scope="col" class="number">
              y
            </th>
            {hasUnits && (
              <>
                <th scope="col" class="number">
                  ŷ {w.inUnits}
                </th>
                <th scope="col" class="number">
                  y {w.inUnits}
                </th>
              </>
            )}
          </tr>
        </thead>
        <tbody>
          {explained.outputs.map((output) => (
            <tr key={output.name}>
              <th scope="row">{output.name}</th>
              <td class="number">{figure(output.value)}</td>
              <td class="number">{figure(output.target)}</td>
              {output.in_units && (
                <>
                  <td class="number">{figure(output.in_units.value)}</td>
                  <td class="number">{figure(output.in_units.target)}</td>
                </>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Attribution({ told, explained }: { told: Rows; explained: Explained }) {
  const w = words.value.explain;
  const isDark = dark.value;
  const shares = explained.columns?.shares ?? [];
  const most = Math.max(...shares.map((share) => Math.abs(share.times_input ?? 0)), Number.MIN_VALUE);
  const rgb = (share: number) => `rgb(${diverging(share, isDark).join(',')})`;
  const of = new Map(shares.map((share) => [share.column, share.times_input ?? 0]));
  const label = w.attribution(explained.columns?.output ?? '');
  return (
    <>
      {told.image ? (
        <Picture
          label={label}
          side={told.image.side}
          colour={(pixel) => diverging((of.get(told.columns[pixel] ?? '') ?? 0) / most, isDark)}
          of={`${explained.told.row} ${isDark} ${most} ${explained.drawing.parameter}`}
        />
      ) : (
        <ul class="shares" aria-label={label}>
          {shares.slice(0, BARS).map((share) => {
            const size = (share.times_input ?? 0) / most;
            return (
              <li key={share.column}>
                <span class="name">{share.column}</span>
                <span class="either-way" aria-hidden="true">
                  <i
                    style={{
                      width: `${50 * Math.abs(size)}%`,
                      left: `${size < 0 ? 50 + 50 * size : 50}%`,
                      background: rgb(size < 0 ? -1 : 1),
                    }}
                  />
                </span>
                <span class="number">{figure(share.times_input)}</span>
              </li>
            );
          })}
        </ul>
      )}
      <p class="readout">
        <span />
        <span class="ramp">
          {figure(-most)}{' '}
          <i class="signs" style={{ background: `linear-gradient(90deg, ${rgb(-1)}, ${rgb(0)}, ${rgb(1)})` }} />{' '}
          {figure(most)}
        </span>
      </p>
      <Figures
        head={[w.column, w.timesInput, w.slope]}
        rows={() => shares.map((share) => [share.column, share.times_input, share.gradient ?? null])}
      />
    </>
  );
}
