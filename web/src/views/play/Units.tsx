import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Parameter, Ready } from '../../play/protocol';
import { IMAGE, known, type Shape, UNIT } from '../../play/shape';
import { words } from '../../shell/preferences';
import { layerName } from './playground';

interface UnitsProps {
  shape: Shape;
  ready: Ready;
  selected: Parameter | null;
  select: (parameter: Parameter | null) => void;
  bring: (column: number, unit: number) => void;
}

/** One button for each unit that is drawn, over the canvas; only one of them is a stop of the tab key. */
export function Units({ shape, ready, selected, select, bring }: UnitsProps) {
  const w = words.value.play;
  const place = useRef<HTMLDivElement>(null);
  const [[column, unit], setStop] = useState<[number, number]>([1, 0]);
  const [moved, setMoved] = useState(false);
  // Before the next key can arrive, which an effect after painting is not: it would go to the unit before.
  useLayoutEffect(() => {
    if (!moved) return;
    place.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
    setMoved(false);
  });
  const go = (at: number, to: number) => {
    const aim = shape.columns[at];
    if (!aim || aim.image) return;
    const within = Math.min(Math.max(to, 0), aim.units - 1);
    bring(at, within);
    setStop([at, within]);
    setMoved(true);
  };
  const key = (event: KeyboardEvent, at: number, here: number) => {
    const layer = shape.columns[at]?.layer ?? null;
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined && across === undefined) return;
    event.preventDefault();
    if (event.shiftKey && by !== undefined && layer !== null) {
      select(incoming(ready, selected, layer, here, by));
    } else if (by !== undefined) go(at, here + by);
    else if (across !== undefined) go(at + across, Math.min(here, (shape.columns[at + across]?.units ?? 1) - 1));
  };
  return (
    <div ref={place}>
      {shape.columns.map((one, at) => {
        if (one.image)
          return <PixelPicker key="image" shape={shape} ready={ready} selected={selected} select={select} />;
        const name = one.layer === null ? w.input : layerName(ready.layers, one.layer);
        return one.y.map((y, row) => {
          const here = one.first + row;
          const stop =
            column === at && (unit === here || (row === 0 && (unit < one.first || unit >= one.first + one.y.length)));
          const label = one.layer === null ? `${name}: ${ready.data.inputs[here] ?? here}` : w.unit(name, String(here));
          return (
            <button
              key={`${one.layer} ${here}`}
              type="button"
              class="unit"
              aria-label={label}
              aria-pressed={selected?.layer === one.layer && selected.to === here && selected.from === null}
              tabIndex={stop ? 0 : -1}
              style={{ left: `${one.x - UNIT / 2}px`, top: `${y - UNIT / 2}px` }}
              onFocus={() => setStop([at, here])}
              onClick={() => one.layer !== null && select({ layer: one.layer, from: null, to: here })}
              onKeyDown={(e) => key(e, at, here)}
            />
          );
        });
      })}
    </div>
  );
}

/** The incoming weight before or after the selected one; a unit's bias comes first, then its weights. */
function incoming(ready: Ready, selected: Parameter | null, layer: number, to: number, by: number): Parameter {
  const count = (ready.layers[layer]?.fan_in ?? 0) + 1;
  const own = selected?.layer === layer && selected.to === to ? (selected.from === null ? 0 : selected.from + 1) : null;
  const next = own === null ? (by > 0 ? 1 : count - 1) : (own + by + count) % count;
  return { layer, from: next === 0 ? null : next - 1, to };
}

/** The inputs' picture: a pixel chosen there is the weight from it to the unit that is selected. */
function PixelPicker({ shape, ready, selected, select }: Omit<UnitsProps, 'bring'>) {
  const w = words.value.play;
  const [column, next] = shape.columns;
  const size = ready.data.image;
  const layer = next?.layer ?? null;
  if (!column || !size || layer === null) return null;
  const to = selected?.layer === layer ? selected.to : 0;
  const pick = (event: MouseEvent) => {
    const across = Math.floor((event.offsetX / IMAGE) * size.width);
    const down = Math.floor((event.offsetY / IMAGE) * size.height);
    select(known(ready.layers, { layer, from: down * size.width + across, to }));
  };
  return (
    <button
      type="button"
      class="unit"
      tabIndex={-1}
      aria-label={w.input}
      style={{
        left: `${column.x - IMAGE / 2}px`,
        top: `${(column.y[0] ?? 0) - IMAGE / 2}px`,
        width: `${IMAGE}px`,
        height: `${IMAGE}px`,
      }}
      onClick={pick}
    />
  );
}
