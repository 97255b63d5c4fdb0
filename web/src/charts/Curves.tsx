import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { dark, figure, words } from '../shell/preferences';
import { Figures } from './Figures';

export interface Curve {
  name: string;
  colour: string;
  x: Float64Array;
  y: Float64Array;
  /** Tells curves of one colour apart: 0 is a whole line. */
  dash?: number;
}

interface Props {
  label: string;
  across: string;
  curves: Curve[];
  logarithmic?: boolean;
  height?: number;
  /** Where all charts' shared cursor stands, in units of x. */
  at?: number | null;
  onPick?: (x: number) => void;
  /** A line of reference across the chart, where it is in sight. */
  level?: { y: number; name: string } | null;
  /** Where values are as they should be; always in sight. */
  band?: { low: number; high: number; name: string };
  /** What happened at an x. */
  marks?: { x: number; name: string }[];
}

const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Rows of numbers over one x each, put together; a logarithm has no place for 0 and less. */
function aligned(curves: Curve[], logarithmic: boolean): uPlot.AlignedData {
  const tables = curves.map(({ x, y }) => {
    const shown = Array.from(y, (value) => (Number.isFinite(value) && (!logarithmic || value > 0) ? value : null));
    return [x, shown] as unknown as uPlot.AlignedData;
  });
  const [x] = tables[0] as uPlot.AlignedData;
  const together = curves.every(
    (curve) => curve.x.length === x.length && curve.x.every((value, at) => value === x[at]),
  );
  if (!together) return uPlot.join(tables);
  return [x, ...tables.map((table) => table[1])] as uPlot.AlignedData;
}

function options(latest: () => Props, width: number, drawn: (plot: uPlot) => void): uPlot.Options {
  const props = latest();
  const [text, grid, muted] = [token('--muted'), token('--grid'), token('--muted')];
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  const { band } = props;
  return {
    width,
    height: props.height ?? 240,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: false },
      y: {
        distr: props.logarithmic ? 3 : 1,
        ...(band && {
          range: (_, least, most) => [
            10 ** Math.floor(Math.log10(Math.min(least || band.low, band.low))),
            10 ** Math.ceil(Math.log10(Math.max(most || band.high, band.high))),
          ],
        }),
      },
    },
    axes: [
      { ...axis, size: 30, values: (_, splits) => splits.map(tick) },
      {
        ...axis,
        ...(props.logarithmic && { grid: { ...axis.grid, filter: decades } }),
        size: 58,
        values: (_, splits) => splits.map(props.logarithmic ? power : tick),
      },
    ],
    series: [
      {},
      ...props.curves.map((curve) => ({
        label: curve.name,
        stroke: curve.colour,
        width: 2,
        spanGaps: true,
        // One number alone has no line.
        points: { show: (plot: uPlot) => (plot.data[0]?.length ?? 0) < 2 },
        ...(curve.dash && { dash: DASHES[curve.dash % DASHES.length] ?? [] }),
      })),
    ],
    hooks: {
      drawAxes: [(plot) => band && shade(plot, band, token('--band'))],
      draw: [drawn, (plot) => refer(plot, latest(), muted)],
    },
  };
}

/** The healthy band, under the curves. */
function shade(plot: uPlot, band: { low: number; high: number; name: string }, colour: string) {
  const { ctx, bbox } = plot;
  const [top, bottom] = [plot.valToPos(band.high, 'y', true), plot.valToPos(band.low, 'y', true)];
  ctx.save();
  ctx.fillStyle = colour;
  ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  ctx.restore();
  write(plot, band.name, bbox.left + bbox.width - 4, bottom - 5 * devicePixelRatio, 'right', token('--good'));
}

/** A level across and marks down the chart, over the curves. */
function refer(plot: uPlot, { level, marks }: Props, colour: string) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  const y = level ? plot.valToPos(level.y, 'y', true) : -1;
  if (level && y > bbox.top && y < bbox.top + bbox.height) {
    line(ctx, bbox.left, y, bbox.left + bbox.width, y);
    write(plot, level.name, bbox.left + bbox.width - 4, y - 5 * devicePixelRatio, 'right', colour);
  }
  for (const { x, name } of marks ?? []) {
    const at = plot.valToPos(x, 'x', true);
    if (!(at >= bbox.left && at <= bbox.left + bbox.width)) continue;
    line(ctx, at, bbox.top, at, bbox.top + bbox.height);
    write(plot, name, at + 4 * devicePixelRatio, bbox.top + 12 * devicePixelRatio, 'left', colour);
  }
  ctx.restore();
}

function write(plot: uPlot, text: string, x: number, y: number, align: CanvasTextAlign, colour: string) {
  const { ctx } = plot;
  ctx.save();
  ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = align;
  // The card's colour around the letters, so that curves do not cross them.
  ctx.strokeStyle = token('--card');
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.lineJoin = 'round';
  ctx.setLineDash([]);
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
  ctx.restore();
}

const tick = (value: number | null) => (value === null ? '' : figure(value));

/** Over many decades a line at each digit is a wall of lines. */
const decades = (_: uPlot, splits: number[]) => splits.map((value) => (power(value) ? value : null));

/** A logarithmic axis names its powers of ten, as such where a decimal fraction would be long. */
function power(value: number | null): string {
  if (value === null || value <= 0) return '';
  const exponent = Math.log10(value);
  if (Math.abs(exponent - Math.round(exponent)) > 1e-6) return '';
  if (Math.abs(exponent) < 3) return figure(value);
  const digits = String(Math.round(exponent)).replace('-', '⁻');
  return `10${digits.replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] ?? '')}`;
}

function line(ctx: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number) {
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
}

/** The shared cursor: an element over the chart, since moving it must not draw a hundred thousand points anew. */
function mark(plot: uPlot, at: number | null | undefined) {
  let bar = plot.over.querySelector<HTMLElement>('.at');
  if (!bar) {
    bar = document.createElement('div');
    bar.className = 'at';
    plot.over.append(bar);
  }
  const x = typeof at === 'number' ? plot.valToPos(at, 'x') : -1;
  bar.hidden = !(x >= 0 && x <= plot.over.clientWidth);
  bar.style.left = `${x}px`;
}

export function Curves(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const isDark = dark.value;
  const shape =
    props.curves.map((curve) => curve.name + curve.colour + (curve.dash ?? 0)).join('|') + props.logarithmic + isDark;

  // `shape` is what a new plot is for; data follow below.
  useEffect(() => {
    const element = place.current;
    if (!element || props.curves.length === 0) return;
    const made = new uPlot(
      options(
        () => latest.current,
        element.clientWidth,
        (drawn) => mark(drawn, latest.current.at),
      ),
      aligned(props.curves, !!props.logarithmic),
      element,
    );
    plot.current = made;
    const pick = () => {
      const x = made.cursor.left ?? -1;
      if (x >= 0) latest.current.onPick?.(made.posToVal(x, 'x'));
    };
    made.over.addEventListener('click', pick);
    const watch = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: latest.current.height ?? 240 }),
    );
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    if (props.curves.length > 0) plot.current?.setData(aligned(props.curves, !!props.logarithmic));
  }, [props.curves, props.logarithmic, props.level?.y, props.marks?.length]);
  useEffect(() => {
    if (plot.current) mark(plot.current, props.at);
  }, [props.at]);

  const w = words.value;
  if (props.curves.length === 0) return <p class="muted">{w.empty}</p>;
  const told = props.curves.map((curve) =>
    w.curveSummary(curve.name, curve.y.length, figure(curve.y[0]), figure(curve.y.at(-1))),
  );
  return (
    <>
      <div class="plot" role="img" aria-label={`${props.label}. ${told.join('; ')}`} ref={place} />
      <ul class="legend">
        {props.curves.map((curve) => (
          <li key={curve.name}>
            <i style={{ background: curve.colour }} />
            {curve.name} <b>{figure(curve.y.at(-1))}</b>
          </li>
        ))}
        <li class="muted">→ {props.across}</li>
      </ul>
      <Figures
        head={[props.across, ...props.curves.map((curve) => curve.name)]}
        rows={() => {
          const [x, ...ys] = aligned(props.curves, false);
          return Array.from(x, (value, at) => [value, ...ys.map((y) => y[at] ?? null)]);
        }}
      />
    </>
  );
}
