import { category, diverging, sequential } from '../../charts/colours';
import { bytes, paintClasses, value } from '../../play/maps';
import type { Frame, Ready } from '../../play/protocol';
import { css, type Pictures, ranked, signed } from './pictures';

type Rgb = [number, number, number];

export interface OutputScene {
  ready: Ready;
  frame: Frame;
  width: number;
  height: number;
  dark: boolean;
  pictures: Pictures;
}

type Range = { low: number; high: number }[];

export const frameOf = (range: Range): [number, number][] => range.map(({ low, high }) => [low, high]);

const hex = (colour: string): Rgb => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as Rgb;

/** What the picture's colours stand for. */
export function legend({ data }: Ready, network: string, dark: boolean): { name: string; colour: string }[] {
  const plane = data.range?.length === 2;
  if (data.task === 'classes' && plane) {
    return data.outputs.map((name, kind) => ({ name, colour: classColour(kind, data.outputs.length, dark) }));
  }
  if (plane) return [];
  return data.outputs.map((name, output) => ({
    name: `${network} · ${name}`,
    colour: category(output + 1, dark),
  }));
}

/** Two classes have the two ends of the scale of signs, more have a colour each. */
function classColour(kind: number, classes: number, dark: boolean): string {
  return classes <= 2 ? css(diverging(kind === 0 ? -1 : 1, dark)) : category(kind, dark);
}

export function paintOutput(ctx: CanvasRenderingContext2D, scene: OutputScene): void {
  if (scene.ready.data.range?.length === 2) {
    paintPlane(ctx, scene);
    paintPoints(ctx, scene);
  } else paintCurve(ctx, scene);
}

function paintPlane(ctx: CanvasRenderingContext2D, scene: OutputScene): void {
  const { ready, frame, width, height, dark, pictures } = scene;
  const { maps } = frame;
  const outputs = maps?.outputs ?? [];
  const [first] = outputs;
  if (!maps || !first) return;
  const { grid } = maps;
  const activation = ready.layers.at(-1)?.activation;
  let picture: OffscreenCanvas;
  if (outputs.length > 1 && ready.data.task === 'classes') {
    const colours = outputs.map((_, kind) => hex(category(kind, dark)));
    const key = `${dark} ${outputs.map((map) => `${map.low} ${map.high} ${map.bytes}`).join()}`;
    picture = pictures.picture('map', grid, grid, key, (pixels) =>
      paintClasses(outputs, grid, colours, diverging(0, dark), pixels),
    );
  } else {
    const [low, high] = ready.data.task === 'numbers' ? ends(ready, first) : [0, 0];
    const colour = ready.data.task === 'numbers' ? ranked(low, high) : signed(activation, 1, dark);
    picture = pictures.map('map', first, grid, `${dark} ${low} ${high}`, colour);
  }
  ctx.imageSmoothingEnabled = true;
  ctx.drawImage(picture, 0, 0, width, height);
}

/** The least and most of what is to be learnt: the map's colours and the points' are the same. */
function ends(ready: Ready, map: { low: number; high: number }): [number, number] {
  const told = targets(ready);
  return told.length > 0 ? [Math.min(...told), Math.max(...told)] : [map.low, map.high];
}

const targets = ({ data }: Ready) =>
  [...(data.points?.y ?? []), ...(data.validation_points?.y ?? [])].filter((y): y is number => y !== null);

const across = ({ low, high }: { low: number; high: number }, at: number, size: number) =>
  ((at - low) / (high - low || 1)) * size;

function paintPoints(ctx: CanvasRenderingContext2D, scene: OutputScene): void {
  const { ready, frame, width, height, dark } = scene;
  const { points, validation_points, range, task, outputs } = ready.data;
  const [over, up] = range ?? [];
  if (!points || !over || !up) return;
  const classes = Math.max(outputs.length, 2);
  const [low, high] = ends(ready, { low: 0, high: 1 });
  const radius = points.x.length > 600 ? 2.5 : points.x.length > 20 ? 3.5 : 7;
  const colour = (kind: number) =>
    task === 'numbers' ? css(sequential((kind - low) / (high - low || 1))) : classColour(kind, classes, dark);
  const place = ([x, y]: (number | null)[]): [number, number] | null =>
    typeof x === 'number' && typeof y === 'number' ? [across(over, x, width), height - across(up, y, height)] : null;
  validation_points?.x.forEach((inputs, row) => {
    const [kind, at] = [validation_points.y[row] ?? null, place(inputs)];
    if (kind !== null && at) ring(ctx, at, radius + 0.5, colour(kind), dark);
  });
  points.x.forEach((inputs, drawn) => {
    const [kind, at] = [points.y[drawn] ?? null, place(inputs)];
    if (kind === null || !at) return;
    const chosen = drawn * points.every === frame.row.row;
    ctx.beginPath();
    ctx.arc(...at, chosen ? radius + 3 : radius, 0, 2 * Math.PI);
    ctx.fillStyle = colour(kind);
    ctx.fill();
    ctx.lineWidth = chosen ? 3 : 1;
    ctx.strokeStyle = chosen ? (dark ? '#fff' : '#000') : dark ? '#0b0e12' : '#fff';
    ctx.stroke();
  });
}

/** A validation row's mark: its middle is left open, and it has a rim on both sides, so that it shows on its own colour. */
function ring(
  ctx: CanvasRenderingContext2D,
  at: [number, number],
  radius: number,
  colour: string,
  dark: boolean,
): void {
  ctx.beginPath();
  ctx.arc(...at, radius, 0, 2 * Math.PI);
  ctx.lineWidth = 4;
  ctx.strokeStyle = dark ? '#0b0e12' : '#fff';
  ctx.stroke();
  ctx.lineWidth = 2;
  ctx.strokeStyle = colour;
  ctx.stroke();
}

function paintCurve(ctx: CanvasRenderingContext2D, scene: OutputScene): void {
  const { ready, frame, width, height, dark } = scene;
  ctx.clearRect(0, 0, width, height);
  const place = curvePlaces(ready, width, height);
  if (!place) return;
  const { points, validation_points } = ready.data;
  validation_points?.x.forEach(([x], row) => {
    const y = validation_points.y[row] ?? null;
    if (typeof x === 'number' && y !== null) ring(ctx, [place.x(x), place.y(y)], 3.5, category(0, dark), dark);
  });
  ctx.fillStyle = category(0, dark);
  points?.x.forEach(([x], drawn) => {
    const y = points.y[drawn] ?? null;
    if (typeof x !== 'number' || y === null) return;
    const chosen = drawn * points.every === frame.row.row;
    ctx.globalAlpha = chosen ? 1 : 0.55;
    ctx.beginPath();
    ctx.arc(place.x(x), place.y(y), chosen ? 6 : 3, 0, 2 * Math.PI);
    ctx.fill();
  });
  ctx.globalAlpha = 1;
  frame.maps?.outputs.forEach((map, output) => {
    const told = bytes(map.bytes);
    ctx.beginPath();
    told.forEach((byte, at) => {
      const x = (at / (told.length - 1)) * width;
      const y = place.y(value(map, byte));
      if (at === 0) ctx.moveTo(x, y);
      else ctx.lineTo(x, y);
    });
    ctx.lineWidth = 3;
    ctx.lineJoin = 'round';
    ctx.strokeStyle = category(output + 1, dark);
    ctx.stroke();
  });
}

/** Where numbers stand in the picture of a function: all points are inside, with a margin. */
function curvePlaces(ready: Ready, width: number, height: number) {
  const [over] = ready.data.range ?? [];
  if (!over) return null;
  const told = targets(ready);
  const [low, high] = told.length > 0 ? [Math.min(...told), Math.max(...told)] : [0, 1];
  const margin = (high - low || 1) * 0.12;
  const up = { low: low - margin, high: high + margin };
  return { x: (x: number) => across(over, x, width), y: (y: number) => height - across(up, y, height) };
}

/** The row whose point is nearest to a place in the picture, within a finger's width. */
export function pointAt(ready: Ready, width: number, height: number, x: number, y: number): number | null {
  const { points, range } = ready.data;
  const [over, up] = range ?? [];
  if (!points || !over) return null;
  const curve = up ? null : curvePlaces(ready, width, height);
  let [best, found]: [number, number | null] = [18, null];
  points.x.forEach((inputs, drawn) => {
    const [first, second] = inputs;
    const target = points.y[drawn];
    if (typeof first !== 'number' || typeof target !== 'number') return;
    const down = up ? height - across(up, second ?? Number.NaN, height) : (curve?.y(target) ?? Number.NaN);
    const far = Math.hypot(across(over, first, width) - x, down - y);
    if (far < best) [best, found] = [far, drawn * points.every];
  });
  return found;
}
