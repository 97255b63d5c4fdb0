import { effect } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Curves } from '../../charts/Curves';
import { category, depth } from '../../charts/colours';
import { Figures } from '../../charts/Figures';
import type { Subject } from '../../lesson/subjects';
import type { Frame, Parameter, Ready } from '../../play/protocol';
import { Session } from '../../play/session';
import { dark, figure, words } from '../../shell/preferences';
import { paintOutput, pointAt } from '../play/paintOutput';
import { Pictures } from '../play/pictures';
import { layerName } from '../play/playground';

/** A network in the engine for as long as the figure is there; another subject makes another network in the same session. */
export function useSubject(subject: Subject, grid = 0): Session {
  const [session] = useState(() => new Session());
  const key = JSON.stringify(subject);
  useEffect(() => () => session.close(), []);
  useEffect(() => {
    session.draw(grid, false);
    session.set(subject.data, subject.settings);
  }, [key, grid]);
  return session;
}

/** What the engine refuses, in its words; and that it is not there. */
export function Trouble({ session }: { session: Session }) {
  const w = words.value.play;
  const refused = session.refused.value;
  const problem = session.frame.value?.problem;
  if (refused) {
    return (
      <p class="pill error" role="alert">
        {refused.ask === 'hello' ? w.noToken : w.refused(refused.why)}
      </p>
    );
  }
  if (problem) {
    return (
      <p class="pill warning" role="status">
        <span lang="en">{problem}</span>
      </p>
    );
  }
  return session.connected.value ? null : <p class="muted">{w.connecting}</p>;
}

/** What the network says over the plane, with the rows; a point that is clicked is the row that the formulas speak of. */
export function Plane({ session, label }: { session: Session; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const ready = session.ready.value;
  const isDark = dark.value;
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context || !ready) return;
    const pictures = new Pictures();
    let due = 0;
    const draw = () => {
      due = 0;
      const [frame, width] = [session.frame.peek(), element.clientWidth];
      if (!frame || width === 0) return;
      const size = Math.round(width * devicePixelRatio);
      if (element.width !== size) element.width = element.height = size;
      context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      paintOutput(context, { ready, frame, width, height: width, dark: isDark, pictures });
    };
    const soon = () => {
      due ||= requestAnimationFrame(draw);
    };
    const end = effect(() => {
      void session.frame.value;
      soon();
    });
    const watch = new ResizeObserver(soon);
    watch.observe(element);
    return () => {
      end();
      watch.disconnect();
      cancelAnimationFrame(due);
    };
  }, [ready, isDark]);
  const pick = (event: MouseEvent) => {
    const element = event.currentTarget as HTMLCanvasElement;
    const row = ready && pointAt(ready, element.clientWidth, element.clientHeight, event.offsetX, event.offsetY);
    if (typeof row === 'number') session.row(row);
  };
  return <canvas ref={canvas} class="plane" role="img" aria-label={label} onClick={pick} />;
}

/** Sliders for the parameters of a single unit, and for the row that is looked at. */
export function Sliders({ session, rows }: { session: Session; rows?: boolean }) {
  const w = words.value.lesson;
  const [ready, frame] = [session.ready.value, session.frame.value];
  if (!ready || !frame) return null;
  const all: [string, Parameter][] = [
    ['w₁', { layer: 0, from: 0, to: 0 }],
    ['w₂', { layer: 0, from: 1, to: 0 }],
    ['b', { layer: 0, from: null, to: 0 }],
  ];
  return (
    <div class="sliders">
      {all.map(([name, parameter]) => {
        const value = parameterIn(frame, parameter) ?? 0;
        return (
          <label key={name}>
            <span>{name}</span>
            <input
              type="range"
              min={-8}
              max={8}
              step={0.05}
              value={value}
              aria-valuetext={`${name} ${figure(value)}`}
              onInput={(e) => session.weight(parameter, Number(e.currentTarget.value))}
            />
            <output>{figure(value)}</output>
          </label>
        );
      })}
      {rows && (
        <label>
          <span>{w.row}</span>
          <input
            type="range"
            min={0}
            max={ready.data.rows - 1}
            value={frame.row.row}
            onInput={(e) => session.row(Number(e.currentTarget.value))}
          />
          <output>{figure(frame.row.row + 1)}</output>
        </label>
      )}
    </div>
  );
}

/** A weight or bias of a frame. */
export function parameterIn(frame: Frame, { layer, from, to }: Parameter): number | null {
  const found = frame.weights?.find((one) => one.layer === layer);
  if (!found) return null;
  return (from === null ? found.b[to] : found.w[from * found.b.length + to]) ?? null;
}

/** The target of the chosen row as the network is to give it, of two classes. */
export function targetOf(ready: Ready, frame: Frame): number | null {
  const y = ready.data.points?.y[frame.row.row];
  return typeof y === 'number' ? y : null;
}

export interface Trace {
  name: string;
  x: number[];
  y: number[];
}

/** Costs side by side. */
export function Costs({
  label,
  across,
  traces,
  height = 220,
}: {
  label: string;
  across: string;
  traces: Trace[];
  height?: number;
}) {
  const isDark = dark.value;
  const length = traces.map((trace) => trace.x.length).join();
  const curves = useMemo(
    () =>
      traces.map((trace, at) => ({
        name: trace.name,
        colour: category(at, isDark),
        x: Float64Array.from(trace.x),
        y: Float64Array.from(trace.y),
      })),
    [length, isDark, traces.map((trace) => trace.name).join()],
  );
  return <Curves label={label} across={across} curves={curves} height={height} />;
}

const [WIDE, LEFT, RIGHT, ROW] = [380, 92, 78, 26];

/** ‖δ‖ of each layer on an axis of powers of ten. `floor` is the least power of two bars that are to be compared. */
export function Arrives({ ready, frame, label, floor }: { ready: Ready; frame: Frame; label: string; floor: number }) {
  const w = words.value.play;
  const told = frame.deltas.filter((one): one is { layer: number; norm: number } => (one.norm ?? 0) > 0);
  const high = Math.max(...told.map(({ norm }) => Math.log10(norm)), floor + 1);
  const length = (norm: number) => 3 + Math.max((Math.log10(norm) - floor) / (high - floor), 0) * (WIDE - LEFT - RIGHT);
  return (
    <>
      <svg
        class="arrives"
        viewBox={`0 0 ${WIDE} ${told.length * ROW}`}
        role="img"
        aria-label={`${label}: ${told.map(({ layer, norm }) => `${layerName(ready.layers, layer)} ${figure(norm)}`).join(', ')}`}
      >
        {told.map(({ layer, norm }, at) => (
          <g key={layer}>
            <text x={0} y={at * ROW + 18}>
              {layerName(ready.layers, layer)}
            </text>
            <rect
              x={LEFT}
              y={at * ROW + 5}
              width={length(norm)}
              height={17}
              rx={3}
              fill={depth(at, told.length, dark.value)}
            />
            <text x={WIDE} y={at * ROW + 18} text-anchor="end">
              {figure(norm)}
            </text>
          </g>
        ))}
      </svg>
      <Figures
        head={[w.ofLayer, '‖δ‖']}
        rows={() => told.map(({ layer, norm }) => [layerName(ready.layers, layer), norm])}
      />
    </>
  );
}

/** How much of the output's δ arrives at the first layer. */
export function share(frame: Frame | null): number | null {
  const told = frame?.deltas.map((one) => one.norm ?? 0) ?? [];
  const last = told.at(-1) ?? 0;
  return told.length > 1 && last > 0 ? (told[0] ?? 0) / last : null;
}
