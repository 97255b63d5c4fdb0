import { useState } from 'preact/hooks';
import { figure, words } from '../shell/preferences';
import { type Axis, byKey, dragged, kept, moved, type Range, type Scale, scaleOf } from './axes';
import { Figures } from './Figures';

const [TALL, TOP, BOTTOM, GAP] = [240, 40, 24, 150];
const LOW = TALL - BOTTOM;
const yOf = (share: number) => LOW - share * (LOW - TOP);
/** A drag shorter than this, in pixels, is a click. */
const CLICK = 4;

export function Parallel(props: { label: string; runs: string[]; colours: string[]; axes: Axis[] }) {
  const w = words.value;
  const { axes, runs } = props;
  const scales = axes.map((axis) => scaleOf(axis, figure));
  // By the axis's name: which axes there are changes with the runs that are chosen.
  const [named, setNamed] = useState<Record<string, Range>>({});
  const ranges = new Map(axes.flatMap(({ name }, at): [number, Range][] => (named[name] ? [[at, named[name]]] : [])));
  const stay = kept(scales, ranges);
  const left = runs.filter((_, at) => stay[at]);
  const set = (name: string, range: Range | null) =>
    setNamed(({ [name]: _, ...others }) => (range ? { ...others, [name]: range } : others));
  const wide = (axes.length - 1) * GAP + 200;
  const x = (axis: number) => 60 + axis * GAP;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label={props.label}>
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is none of SVG's. */}
        <svg width={wide} height={TALL} role="group" aria-label={`${props.label}: ${runs.join(', ')}`} class="parallel">
          {runs.map((run, at) => {
            const points = scales.flatMap(({ shares }, axis) => {
              const share = shares[at] ?? Number.NaN;
              return Number.isNaN(share) ? [] : [`${x(axis)},${yOf(share)}`];
            });
            return (
              <polyline
                key={run}
                class={stay[at] ? '' : 'outside'}
                points={points.join(' ')}
                fill="none"
                stroke={props.colours[at]}
                stroke-width={2.5}
              >
                <title>{run}</title>
              </polyline>
            );
          })}
          {axes.map(({ name }, k) => (
            <Ruler
              key={name}
              name={name}
              x={x(k)}
              scale={scales[k] as Scale}
              range={named[name]}
              set={(range) => set(name, range)}
            />
          ))}
        </svg>
      </section>
      <p class="readout">
        <output>{ranges.size > 0 && w.runsLeft(left.length, runs.length, left.join(', '))}</output>
        {ranges.size > 0 && (
          <button type="button" onClick={() => setNamed({})}>
            {w.clearRanges}
          </button>
        )}
      </p>
      <Figures
        head={['', ...axes.map((axis) => axis.name)]}
        rows={() => runs.map((run, at) => [run, ...axes.map((axis) => axis.values[at] ?? null)])}
        outside={new Set(runs.filter((_, at) => !stay[at]))}
      />
    </>
  );
}

interface RulerProps {
  name: string;
  x: number;
  scale: Scale;
  range: Range | undefined;
  set: (range: Range | null) => void;
}

/** One axis: what is drawn along it with the pointer, or by arrow keys, is the range that runs have to lie within. */
function Ruler({ name, x, scale, range, set }: RulerProps) {
  const w = words.value;
  const shareAt = (e: PointerEvent, svg: Element) => {
    const share = (LOW - (e.clientY - svg.getBoundingClientRect().top)) / (LOW - TOP);
    return Math.min(1, Math.max(0, share));
  };
  const onPointerDown = (e: PointerEvent) => {
    const [handle, svg] = [e.currentTarget as SVGElement, (e.currentTarget as SVGElement).ownerSVGElement];
    if (e.button !== 0 || !svg) return;
    const [from, y] = [shareAt(e, svg), e.clientY];
    // A drag that begins within the range moves it.
    const held = range && from >= range.from && from <= range.to ? range : null;
    let isDrag = false;
    handle.setPointerCapture(e.pointerId);
    const onMove = (e: PointerEvent) => {
      isDrag ||= Math.abs(e.clientY - y) >= CLICK;
      const to = shareAt(e, svg);
      if (isDrag) set(held ? moved(held, to - from) : dragged(from, to));
    };
    const onEnd = () => {
      handle.removeEventListener('pointermove', onMove);
      if (!isDrag) set(null);
    };
    handle.addEventListener('pointermove', onMove);
    handle.addEventListener('pointerup', onEnd, { once: true });
    handle.addEventListener('pointercancel', () => handle.removeEventListener('pointermove', onMove), { once: true });
  };
  const middle = range ? (range.from + range.to) / 2 : 0.5;
  return (
    <g
      class="ruler"
      role="slider"
      // Of SVG's elements this name is told from tabIndex.
      tabindex={0}
      aria-label={name}
      aria-orientation="vertical"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(100 * middle)}
      aria-valuetext={range ? scale.between(range.from, range.to) : w.wholeAxis}
      onPointerDown={onPointerDown}
      onKeyDown={(e) => {
        const next = byKey(range, e.key, e.shiftKey, scale.step);
        if (next === undefined) return;
        e.preventDefault();
        set(next);
      }}
    >
      <rect class="reach" x={x - 16} y={TOP - 8} width={32} height={LOW - TOP + 16} fill="transparent" />
      <line x1={x} x2={x} y1={TOP} y2={LOW} stroke="var(--muted)" />
      {range && (
        <rect
          class="range"
          x={x - 7}
          width={14}
          rx={3}
          y={yOf(range.to)}
          height={Math.max(yOf(range.from) - yOf(range.to), 3)}
        />
      )}
      <text x={x} y={14} text-anchor="middle" font-weight="600">
        {name}
      </text>
      <text class="muted" x={x} y={TALL - 8} text-anchor="middle">
        {scale.ends[0]}
      </text>
      <text class="muted" x={x} y={31} text-anchor="middle">
        {scale.ends[1]}
      </text>
      {scale.words.map(([word, share]) => (
        <text key={word} class="muted" x={x + 10} y={yOf(share) - 7}>
          {word.length > 20 ? `${word.slice(0, 19)}…` : word}
        </text>
      ))}
    </g>
  );
}
