import { effect } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { PARTS } from '../../charts/colours';
import { numberOf, symbol } from '../../play/parameter';
import type { Parameter, Ready } from '../../play/protocol';
import { arrange, bringIn, nearest } from '../../play/shape';
import { dark, figure, words } from '../../shell/preferences';
import { type Editing, Head } from './NetworkHead';
import { paintNetwork, type Scene, shown } from './paintNetwork';
import { Pictures } from './pictures';
import { layerName, type Playground } from './playground';
import { Units } from './Units';

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
  const [room, setRoom] = useState(0);
  const [firsts, setFirsts] = useState<number[]>([]);
  const [hovered, setHovered] = useState<Parameter | null>(null);
  const frame = useRef<HTMLElement>(null);
  const { image } = ready.data;
  const shape = useMemo(() => arrange(ready.layers, image !== null, firsts, room), [ready, firsts, room]);

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setRoom(element.clientWidth));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (!selected) return;
    const at = shape.columns.findIndex((column) => column.layer === selected.layer);
    const ends = bringIn(firsts, shape, at, selected.to);
    setFirsts(selected.from === null ? ends : bringIn(ends, shape, at - 1, selected.from));
    // Not with `firsts`: who looks at other units is not to be brought back.
  }, [selected, ready]);

  const canvas = useDrawing(playground, { ready, shape, selected, hovered });
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

type Drawn = Pick<Scene, 'ready' | 'shape' | 'selected' | 'hovered'>;

/** Draws every frame, outside of the virtual document: at sixty a second nothing else would keep up. */
function useDrawing({ session, pass }: Playground, { ready, shape, selected, hovered }: Drawn) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pictures = useMemo(() => new Pictures(), [ready]);
  const isDark = dark.value;
  useEffect(() => {
    const element = canvas.current;
    const ctx = element?.getContext('2d');
    if (!element || !ctx) return;
    element.width = shape.width * devicePixelRatio;
    element.height = shape.height * devicePixelRatio;
    let due = 0;
    const colours = {
      text: token('--text'),
      muted: token('--muted'),
      line: PARTS(isDark).elsewhere,
      ground: token('--card'),
      accent: token('--accent'),
    };
    const draw = () => {
      due = 0;
      const now = session.frame.peek();
      if (!now) return;
      ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      const scene = { ready, frame: now, pass: pass.peek(), shape, selected, hovered, dark: isDark, colours };
      paintNetwork(ctx, { ...scene, pictures });
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
  return canvas;
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
  const { layer } = parameter;
  const units = ready.layers[layer]?.units ?? 0;
  const weights = now.weights?.find((one) => one.layer === layer);
  const value = numberOf(weights, parameter, units);
  const gradient = numberOf(pass?.gradients.get(layer), parameter, units);
  const updated = pass?.updated.get(layer);
  const before = numberOf(updated && { w: updated.w.before, b: updated.b.before }, parameter, units);
  return (
    <p class="readout">
      <span>
        {layerName(ready.layers, layer)} · <b>{symbol(parameter)}</b> = {before !== null && `${figure(before)} → `}
        {figure(value)}
        {gradient !== null && ` · ∂C/∂${symbol(parameter)} = ${figure(gradient)}`}
      </span>
    </p>
  );
}

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
