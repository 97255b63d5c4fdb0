import { useEffect, useRef } from 'preact/hooks';
import { diverging } from '../../charts/colours';
import type { Frame, Ready, RowNumbers } from '../../play/protocol';
import { dark, figure, words } from '../../shell/preferences';
import { ink, paintNumbers } from './pictures';
import type { Playground } from './playground';

const MOST_NAMED = 8;

/** One training row: what goes in, what should come out and what does. */
export function RowCard({ playground, ready }: { playground: Playground; ready: Ready }) {
  const w = words.value.play;
  const { session, slow } = playground;
  const frame = slow.value;
  if (!frame) return null;
  const { row } = frame.row;
  const { data } = ready;
  const go = (to: number) => session.row((to + data.rows) % data.rows);
  return (
    <section class="card">
      <h2>{w.row}</h2>
      <div class="choices">
        <button type="button" aria-label={w.previousRow} onClick={() => go(row - 1)}>
          ‹
        </button>
        <label>
          {w.rowNumber}
          <input
            type="number"
            min={1}
            max={data.rows}
            value={row + 1}
            onChange={(e) => {
              const to = Number(e.currentTarget.value) - 1;
              if (Number.isInteger(to) && to >= 0 && to < data.rows) session.row(to);
            }}
          />
        </label>
        <button type="button" aria-label={w.nextRow} onClick={() => go(row + 1)}>
          ›
        </button>
      </div>
      <div class={data.image ? 'row-parts' : ''}>
        {data.image && <Picture row={frame.row} image={data.image} />}
        <Answer ready={ready} frame={frame} />
      </div>
      {!data.image && <Inputs names={data.inputs} x={frame.row.x} />}
    </section>
  );
}

function Picture({ row, image }: { row: RowNumbers; image: { width: number; height: number } }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const isDark = dark.value;
  const key = row.x.join();
  useEffect(() => {
    const ctx = canvas.current?.getContext('2d');
    if (!ctx) return;
    const pixels = new ImageData(image.width, image.height);
    paintNumbers(row.x, ink(row.x, isDark), diverging(0, isDark), new Uint32Array(pixels.data.buffer));
    ctx.putImageData(pixels, 0, 0);
  }, [key, isDark]);
  return (
    <canvas
      ref={canvas}
      class="row-image"
      width={image.width}
      height={image.height}
      role="img"
      aria-label={words.value.play.rowImage(figure(row.row + 1))}
    />
  );
}

/** Classes have a bar each, numbers stand beside their targets. */
function Answer({ ready, frame }: { ready: Ready; frame: Frame }) {
  const w = words.value.play;
  const { outputs, task } = ready.data;
  const { target, cost, layers } = frame.row;
  const given = layers.at(-1)?.a ?? [];
  const two = task === 'classes' && given.length === 1 && outputs.length === 2;
  const [first] = given;
  const shares = two && typeof first === 'number' ? [1 - first, first] : given;
  const told = typeof target === 'number' && task === 'classes' ? (outputs[target] ?? target) : target;
  return (
    <div class="answer">
      <p>
        {w.targetOf} <b>{typeof told === 'number' ? figure(told) : told}</b> · {w.cost} {figure(cost)}
      </p>
      <table>
        <caption class="unseen">{w.predicted}</caption>
        <tbody>
          {shares.map((value, at) => (
            <tr key={outputs[at]} class={String(told) === outputs[at] ? 'is-target' : ''}>
              <th scope="row">{outputs[at] ?? at}</th>
              {task === 'classes' && (
                <td class="meter">
                  <i style={{ width: `${Math.min(Math.max(value ?? 0, 0), 1) * 100}%` }} />
                </td>
              )}
              <td class="number">{figure(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {task === 'numbers' && ready.settings.target_scaling !== 'none' && <p class="hint">{w.scaled}</p>}
    </div>
  );
}

function Inputs({ names, x }: { names: string[]; x: (number | null)[] }) {
  const w = words.value.play;
  const left = names.length - MOST_NAMED;
  return (
    <p class="hint inputs">
      {names
        .slice(0, MOST_NAMED)
        .map((name, at) => `${name} = ${figure(x[at])}`)
        .join(' · ')}
      {left > 0 && ` ${w.more(figure(left))}`}
    </p>
  );
}
