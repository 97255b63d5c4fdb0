import { useEffect, useRef, useState } from 'preact/hooks';
import type { Matrix } from '../run/account';
import { dark, figure, words } from '../shell/preferences';
import { sequential } from './colours';
import { Figures } from './Figures';

interface Props {
  label: string;
  matrix: Matrix;
  names: string[];
  /** Fixed ends of the scale; else the least and most of the numbers. */
  ends?: [number, number];
  column: number;
  onColumn: (column: number) => void;
}

/** Of a δ of 0: darker than the least of the scale, and another colour than where there is no number. */
const NOTHING: [number, number, number] = [0, 0, 0];
const LEFT = 132;
const NARROW_LEFT = 84;

function ends(values: Float64Array): [number, number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < least && value > Number.NEGATIVE_INFINITY) least = value;
    if (value > most && value < Number.POSITIVE_INFINITY) most = value;
  }
  return least < most ? [least, most] : [least - 0.5, least + 0.5];
}

/** One image of a pixel per cell, stretched; where there are more columns than pixels, the strongest of each pixel. */
function paint(canvas: HTMLCanvasElement, props: Props, [least, most]: [number, number], row: number) {
  const { matrix, names } = props;
  const [width, ratio] = [canvas.clientWidth, devicePixelRatio];
  const left = width < 520 ? NARROW_LEFT : LEFT;
  const tall = rowHeight(matrix.layers.length);
  const height = tall * matrix.layers.length;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.height = `${height}px`;
  const ctx = canvas.getContext('2d');
  if (!ctx || matrix.steps.length === 0 || width <= left) return;
  ctx.scale(ratio, ratio);
  const columns = Math.min(matrix.steps.length, Math.max(1, Math.floor((width - left) * ratio)));
  const image = new ImageData(columns, matrix.layers.length);
  for (let y = 0; y < matrix.layers.length; y++) {
    for (let x = 0; x < columns; x++) {
      const from = Math.floor((x * matrix.steps.length) / columns);
      const to = Math.max(from + 1, Math.floor(((x + 1) * matrix.steps.length) / columns));
      let value = Number.NaN;
      for (let at = from; at < to; at++) {
        const here = matrix.values[y * matrix.steps.length + at] as number;
        if (!(value >= here)) value = Number.isNaN(here) ? value : here;
      }
      if (Number.isNaN(value)) continue;
      const colour = value === Number.NEGATIVE_INFINITY ? NOTHING : sequential((value - least) / (most - least));
      image.data.set([...colour, 255], (y * columns + x) * 4);
    }
  }
  // Where there is no number the ground shows.
  ctx.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--grid');
  ctx.fillRect(left, 0, width - left, height);
  const cells = new OffscreenCanvas(columns, matrix.layers.length);
  cells.getContext('2d')?.putImageData(image, 0, 0);
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(cells, left, 0, width - left, height);
  const style = getComputedStyle(canvas);
  ctx.font = '12px system-ui, sans-serif';
  ctx.textBaseline = 'middle';
  matrix.layers.forEach((_, at) => {
    ctx.fillStyle = style.color;
    ctx.fillText(names[at] ?? '', 0, (at + 0.5) * tall, left - 8);
    ctx.fillStyle = style.backgroundColor;
    if (at > 0 && tall > 8) ctx.fillRect(left, at * tall - 0.5, width - left, 1);
  });
  const wide = (width - left) / matrix.steps.length;
  const frame = (x: number, y: number, w: number, h: number) => {
    ctx.strokeStyle = '#000';
    ctx.lineWidth = 3;
    ctx.strokeRect(x, y, w, h);
    ctx.strokeStyle = '#fff';
    ctx.lineWidth = 1.5;
    ctx.strokeRect(x, y, w, h);
  };
  frame(left + props.column * wide + 1, 1, Math.max(wide - 2, 2), height - 2);
  if (row >= 0) frame(left + props.column * wide + 1, row * tall + 1, Math.max(wide - 2, 2), tall - 2);
}

const rowHeight = (rows: number) => (rows > 14 ? 18 : 26);

function Ramp() {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const ctx = canvas.current?.getContext('2d');
    for (let x = 0; ctx && x < 120; x++) {
      ctx.fillStyle = `rgb(${sequential(x / 119).join(',')})`;
      ctx.fillRect(x, 0, 1, 10);
    }
  }, []);
  return <canvas ref={canvas} width={120} height={10} />;
}

export function Heatmap(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [row, setRow] = useState(-1);
  const { matrix, names, column } = props;
  const scale = props.ends ?? ends(matrix.values);
  const isDark = dark.value;
  // Drawn anew for each change of what is drawn.
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const draw = () => paint(element, props, scale, row);
    const watch = new ResizeObserver(draw);
    watch.observe(element.parentElement as HTMLElement);
    draw();
    return () => watch.disconnect();
  }, [matrix, column, row, isDark, names.join()]);

  const w = words.value;
  if (matrix.layers.length === 0) return <p class="muted">{w.empty}</p>;
  const value = matrix.values[Math.max(row, 0) * matrix.steps.length + column];
  const told = `${w.layer} ${names[Math.max(row, 0)]}, ${w.step} ${figure(matrix.steps[column])}: ${
    value === undefined || Number.isNaN(value)
      ? w.noNumber
      : value === Number.NEGATIVE_INFINITY
        ? w.nothing
        : figure(value)
  }`;
  const point = (event: MouseEvent, pick: boolean) => {
    const element = event.currentTarget as HTMLCanvasElement;
    const left = element.clientWidth < 520 ? NARROW_LEFT : LEFT;
    setRow(Math.min(Math.floor(event.offsetY / rowHeight(matrix.layers.length)), matrix.layers.length - 1));
    const at = Math.floor(((event.offsetX - left) / (element.clientWidth - left)) * matrix.steps.length);
    if (pick && at >= 0 && at < matrix.steps.length) props.onColumn(at);
  };
  const key = (event: KeyboardEvent) => {
    const last = matrix.steps.length - 1;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => props.onColumn(Math.max(column - 1, 0)),
      ArrowRight: () => props.onColumn(Math.min(column + 1, last)),
      Home: () => props.onColumn(0),
      End: () => props.onColumn(last),
      ArrowUp: () => setRow(Math.max(row - 1, 0)),
      ArrowDown: () => setRow(Math.min(row + 1, matrix.layers.length - 1)),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  };
  return (
    <>
      <canvas
        ref={canvas}
        class="heat"
        role="slider"
        tabIndex={0}
        aria-label={props.label}
        aria-valuemin={0}
        aria-valuemax={matrix.steps.length - 1}
        aria-valuenow={column}
        aria-valuetext={told}
        onMouseMove={(e) => point(e, e.buttons === 1)}
        onClick={(e) => point(e, true)}
        onKeyDown={key}
      />
      <p class="readout">
        <span>{told}</span>
        <span class="ramp">
          {matrix.values.includes(Number.NEGATIVE_INFINITY) && (
            <>
              <i class="nothing" /> {w.nothing}{' '}
            </>
          )}
          {figure(scale[0])} <Ramp /> {figure(scale[1])}
        </span>
      </p>
      <Figures
        head={[w.step, ...names]}
        rows={() =>
          matrix.steps.map((step, at) => [
            step,
            ...matrix.layers.map((_, y) => matrix.values[y * matrix.steps.length + at] ?? null),
          ])
        }
      />
    </>
  );
}
