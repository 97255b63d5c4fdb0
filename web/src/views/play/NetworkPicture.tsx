import { effect } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Parameter, Ready } from '../../play/protocol';
import { arrange, bringIn, IMAGE, known, nearest, type Shape, UNIT } from '../../play/shape';
import { dark, figure, words } from '../../shell/preferences';
import { type Editing, Head } from './NetworkHead';
import { paintNetwork, shown } from './paintNetwork';
import { Pictures } from './pictures';
import { layerName, type Playground } from './playground';

interface Props {
  playground: Playground;
  ready: Ready;
  selected: Parameter | null;
  select: (parameter: Parameter | null) => void;
  editing: Editing | null;
}

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function NetworkPicture({ playground, ready, selected, select, editing }: Props) {
  const w = words.value.play;
  const { session, pass } = playground;
  const [room, setRoom] = useState(0);
  const [firsts, setFirsts] = useState<number[]>([]);
  const [hovered, setHovered] = useState<Parameter | null>(null);
  const frame = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const pictures = useRef(new Pictures());
  const { inputs, image } = ready.data;
  const shape = useMemo(
    () => arrange(ready.layers, inputs.length, image !== null, firsts, room),
    [ready, firsts, room],
  );

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setRoom(element.clientWidth));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    pictures.current = new Pictures();
  }, [ready]);
  useEffect(() => {
    if (!selected) return;
    const at = shape.columns.findIndex((column) => column.layer === selected.layer);
    const shownTo = bringIn(firsts, shape, at, selected.to);
    if (shownTo !== firsts) setFirsts(shownTo);
    else if (selected.from !== null) setFirsts(bringIn(firsts, shape, at - 1, selected.from));
  }, [selected, ready, firsts]);

  const isDark = dark.value;
  useEffect(() => {
    const element = canvas.current;
    const ctx = element?.getContext('2d');
    if (!element || !ctx || room === 0) return;
    element.width = shape.width * devicePixelRatio;
    element.height = shape.height * devicePixelRatio;
    let due = 0;
    const colours = {
      text: token('--text'),
      muted: token('--muted'),
      line: isDark ? '#5b6774' : '#b4bcc6',
      ground: token('--card'),
      accent: token('--accent'),
    };
    const draw = () => {
      due = 0;
      const now = session.frame.peek();
      if (!now) return;
      ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      const scene = { ready, frame: now, pass: pass.peek(), shape, selected, hovered, dark: isDark, colours };
      paintNetwork(ctx, { ...scene, pictures: pictures.current });
    };
    const end = effect(() => {
      void session.frame.value;
      void pass.value;
      due ||= requestAnimationFrame(draw);
    });
    return () => {
      end();
      cancelAnimationFrame(due);
    };
  }, [shape, selected, hovered, isDark, ready]);

  const point = (event: MouseEvent) => nearest(shape, event.offsetX, event.offsetY);
  const scroll = (at: number, by: number) => {
    const moved = shape.columns.map((column) => column.first);
    moved[at] = (moved[at] ?? 0) + by;
    setFirsts(moved);
  };
  return (
    <>
      <section class="scroll network" ref={frame} aria-label={w.network} tabIndex={shape.width > room ? 0 : undefined}>
        <div class="network-inner" style={{ width: `${shape.width}px` }}>
          <Head shape={shape} ready={ready} editing={editing} scroll={scroll} />
          <div class="network-picture" style={{ height: `${shape.height}px` }}>
            <canvas
              ref={canvas}
              style={{ width: `${shape.width}px`, height: `${shape.height}px` }}
              role="img"
              aria-label={shape.columns.map(({ units, activation }) => `${units} ${activation ?? w.input}`).join(' → ')}
              onMouseMove={(e) => setHovered(point(e))}
              onMouseLeave={() => setHovered(null)}
              onClick={(e) => select(point(e))}
            />
            <Units
              shape={shape}
              ready={ready}
              selected={selected}
              select={select}
              bring={(at, unit) => setFirsts(bringIn(firsts, shape, at, unit))}
            />
          </div>
        </div>
      </section>
      <Readout playground={playground} ready={ready} parameter={hovered ?? selected} />
    </>
  );
}

interface UnitsProps {
  shape: Shape;
  ready: Ready;
  selected: Parameter | null;
  select: (parameter: Parameter | null) => void;
  bring: (column: number, unit: number) => void;
}

/** One button for each unit that is drawn, over the canvas; only one of them is a stop of the tab key. */
function Units({ shape, ready, selected, select, bring }: UnitsProps) {
  const w = words.value.play;
  const place = useRef<HTMLDivElement>(null);
  const [[column, unit], setStop] = useState<[number, number]>([1, 0]);
  const [moved, setMoved] = useState(false);
  useEffect(() => {
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
          const label = one.layer === null ? `${name}: ${ready.data.inputs[here]}` : w.unit(name, String(here));
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

/** The numbers of the weight under the pointer, or of the selected one. */
function Readout({
  playground,
  ready,
  parameter,
}: {
  playground: Playground;
  ready: Ready;
  parameter: Parameter | null;
}) {
  const w = words.value.play;
  const now = playground.slow.value;
  const pass = playground.pass.value;
  if (!parameter || !now) return <p class="readout muted">{w.networkHint}</p>;
  const { layer, from, to } = parameter;
  const units = ready.layers[layer]?.units ?? 0;
  const weights = now.weights?.find((one) => one.layer === layer);
  const value = from === null ? weights?.b[to] : weights?.w[from * units + to];
  const gradients = pass?.gradients.get(layer);
  const gradient = from === null ? gradients?.b[to] : gradients?.w[from * units + to];
  return (
    <p class="readout">
      <span>
        {layerName(ready.layers, layer)} · <b>{symbol(parameter)}</b> = {figure(value)}
        {gradient !== undefined && ` · ∂C/∂${symbol(parameter)} = ${figure(gradient)}`}
      </span>
    </p>
  );
}

/** As the library's ledgers write it. */
export const symbol = ({ layer, from, to }: Parameter) =>
  from === null ? `b${layer}[${to}]` : `w${layer}[${from},${to}]`;

/** What the colours of the edges and units stand for just now. */
export function Legend({ playground, ready }: { playground: Playground; ready: Ready }) {
  const w = words.value.play;
  const pass = playground.pass.value;
  const frame = playground.slow.value;
  if (!frame) return null;
  const layers = ready.layers.map((_, layer) => layer);
  const gradients = layers.some((layer) => shown({ frame, pass }, layer)?.gradients);
  const pictures = ready.data.image && frame.weights ? w.unitsAre.weights : frame.maps ? w.unitsAre.maps : w.unitsAre.a;
  return (
    <ul class="legend">
      <li>
        {gradients ? w.edgesAre.gradients : w.edgesAre.weights}, {w.edgesAre.faint}
      </li>
      <li>
        <i class="box below" />
        {w.negative}
      </li>
      <li>
        <i class="box above" />
        {w.positive}
      </li>
      <li>{pass ? `${w.unitsAre.a}${pass.deltas.size > 0 ? `, ${w.unitsAre.delta}` : ''}` : pictures}</li>
    </ul>
  );
}
