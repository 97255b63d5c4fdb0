import { diverging } from '../../charts/colours';
import { bytes } from '../../play/maps';
import type { Pass } from '../../play/pass';
import type { Frame, Parameter, Ready, Map as Told } from '../../play/protocol';
import { type Column, type Edge, edge, IMAGE, type Shape, UNIT } from '../../play/shape';
import { figure } from '../../shell/preferences';
import { css, ink, inkOn, type Pictures, paintNumbers, ranked, signed } from './pictures';

type Numbers = (number | null)[];

export interface Scene {
  ready: Ready;
  frame: Frame;
  pass: Pass | null;
  shape: Shape;
  selected: Parameter | null;
  hovered: Parameter | null;
  dark: boolean;
  colours: { text: string; muted: string; line: string; ground: string; accent: string };
  pictures: Pictures;
}

type Drawing = CanvasRenderingContext2D;

export function paintNetwork(ctx: Drawing, scene: Scene): void {
  const { shape } = scene;
  ctx.clearRect(0, 0, shape.width, shape.height);
  ctx.lineCap = 'round';
  shape.columns.forEach((column, at) => {
    if (at > 0) paintEdges(ctx, scene, at);
    else if (column.image) paintInputImage(ctx, scene, column);
  });
  if (scene.hovered) paintChosen(ctx, scene, scene.hovered, 5, 0.5);
  if (scene.selected) paintChosen(ctx, scene, scene.selected, 9, 1);
  shape.columns.forEach((column, at) => {
    if (column.image) return;
    column.y.forEach((_, place) => {
      paintUnit(ctx, scene, at, place);
    });
  });
  paintCost(ctx, scene);
}

/** The batch's cost stands above the outputs, once the pass has come to it. */
function paintCost(ctx: Drawing, { shape, pass, colours }: Scene): void {
  const column = shape.columns.at(-1);
  const top = column?.y[0];
  const cost = pass?.cost?.batch;
  if (!column || top === undefined || typeof cost !== 'number') return;
  ctx.font = '600 12px system-ui, sans-serif';
  ctx.fillStyle = colours.text;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'bottom';
  ctx.fillText(`C = ${figure(cost)}`, column.x, top - UNIT / 2 - 5);
}

function stroke(ctx: Drawing, { x0, y0, x1, y1 }: Edge, width: number, colour: string): void {
  const middle = (x0 + x1) / 2;
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.bezierCurveTo(middle, y0, middle, y1, x1, y1);
  ctx.lineWidth = width;
  ctx.strokeStyle = colour;
  ctx.stroke();
}

/** A size's share of full thickness: that of the usual size is a half, and a growing one always gains. */
const share = (size: number, usual: number) => size / (size + usual || 1);

function usualSize(numbers: Numbers): number {
  let sum = 0;
  for (const number of numbers) sum += (number ?? 0) ** 2;
  return Math.sqrt(sum / (numbers.length || 1));
}

/** Which numbers the edges into a layer show: the gradients that a backward phase has just made, else the weights. */
export function shown(scene: Pick<Scene, 'frame' | 'pass'>, layer: number): { w: Numbers; gradients: boolean } | null {
  const { frame, pass } = scene;
  const gradients = pass?.last.phase === 'backward' ? pass.gradients.get(layer) : undefined;
  if (gradients) return { w: gradients.w, gradients: true };
  const weights = frame.weights?.find((one) => one.layer === layer);
  return weights ? { w: weights.w, gradients: false } : null;
}

function paintEdges(ctx: Drawing, scene: Scene, at: number): void {
  const { shape, pass, dark } = scene;
  const [before, column] = [shape.columns[at - 1] as Column, shape.columns[at] as Column];
  const layer = column.layer as number;
  const numbers = shown(scene, layer);
  const here = pass === null || pass.last.layer === layer || pass.last.layer === null;
  ctx.globalAlpha = here ? 1 : 0.3;
  if (before.image) paintImageEdges(ctx, scene, column, numbers?.w);
  else {
    const usual = usualSize(numbers?.w ?? []);
    for (let i = 0; i < before.y.length; i++) {
      for (let j = 0; j < column.y.length; j++) {
        const [from, to] = [before.first + i, column.first + j];
        const curve = edge(shape, { layer, from, to });
        if (!curve) continue;
        const value = numbers?.w[from * column.units + to] ?? null;
        if (value === null) {
          stroke(ctx, curve, 1, scene.colours.line);
          continue;
        }
        const strength = share(Math.abs(value), usual);
        stroke(ctx, curve, 0.4 + 4.6 * strength, css(diverging(Math.sign(value) * (0.2 + 0.8 * strength), dark)));
      }
    }
  }
  ctx.globalAlpha = 1;
}

/** All pixels' weights into a unit are one edge, as thick as they are large together. */
function paintImageEdges(ctx: Drawing, scene: Scene, column: Column, w: Numbers | undefined): void {
  const norms = column.y.map((_, place) => {
    let sum = 0;
    const unit = column.first + place;
    for (let from = 0; w && from * column.units < w.length; from++) sum += (w[from * column.units + unit] ?? 0) ** 2;
    return Math.sqrt(sum);
  });
  const usual = usualSize(norms);
  column.y.forEach((_, place) => {
    const curve = edge(scene.shape, { layer: column.layer as number, from: 0, to: column.first + place });
    if (curve) stroke(ctx, curve, 0.6 + 4 * share(norms[place] as number, usual), scene.colours.line);
  });
}

function paintChosen(ctx: Drawing, scene: Scene, parameter: Parameter, width: number, alpha: number): void {
  const { shape, colours, dark } = scene;
  const curve = edge(shape, parameter);
  if (!curve) return;
  ctx.globalAlpha = alpha;
  stroke(ctx, curve, width, colours.accent);
  ctx.globalAlpha = 1;
  // The accent and a negative weight are both blue: the ground keeps them apart.
  stroke(ctx, curve, width * 0.65, colours.ground);
  const column = shape.columns.find((one) => one.layer === parameter.layer) as Column;
  const value = shown(scene, parameter.layer)?.w[(parameter.from ?? 0) * column.units + parameter.to];
  if (value !== null && value !== undefined) stroke(ctx, curve, width * 0.4, css(diverging(Math.sign(value), dark)));
}

function paintInputImage(ctx: Drawing, scene: Scene, column: Column): void {
  const { ready, frame, pictures, dark, selected, colours } = scene;
  const size = ready.data.image;
  if (!size) return;
  const x = frame.row.x;
  const picture = pictures.picture('input', size.width, size.height, `${dark} ${x.join()}`, (pixels) =>
    paintNumbers(x, ink(x, dark), diverging(0, dark), pixels),
  );
  const [left, top] = [column.x - IMAGE / 2, (column.y[0] ?? 0) - IMAGE / 2];
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(picture, left, top, IMAGE, IMAGE);
  ctx.lineWidth = 1;
  ctx.strokeStyle = colours.muted;
  ctx.strokeRect(left, top, IMAGE, IMAGE);
  const first = scene.shape.columns[1]?.layer;
  if (selected && selected.from !== null && selected.layer === first) {
    const [w, h] = [IMAGE / size.width, IMAGE / size.height];
    ctx.lineWidth = 3;
    ctx.strokeStyle = colours.accent;
    ctx.strokeRect(left + (selected.from % size.width) * w, top + Math.floor(selected.from / size.width) * h, w, h);
  }
}

function paintUnit(ctx: Drawing, scene: Scene, at: number, place: number): void {
  const { shape, colours, selected, pass } = scene;
  const column = shape.columns[at] as Column;
  const unit = column.first + place;
  const [x, y] = [column.x, column.y[place] as number];
  const half = UNIT / 2;
  const outline = () => {
    ctx.beginPath();
    ctx.roundRect(x - half, y - half, UNIT, UNIT, 6);
  };
  ctx.save();
  outline();
  ctx.fillStyle = colours.ground;
  ctx.fill();
  ctx.save();
  ctx.clip();
  const number = pass ? activation(scene, column, unit) : null;
  if (number !== null) paintNumber(ctx, scene, column, number, x, y);
  else paintPicture(ctx, scene, at, unit, x - half, y - half);
  ctx.restore();
  const isBias = selected?.layer === column.layer && selected?.from === null && selected?.to === unit;
  ctx.lineWidth = isBias ? 3.5 : 1;
  ctx.strokeStyle = isBias ? colours.accent : colours.muted;
  outline();
  ctx.stroke();
  ctx.restore();
  label(ctx, scene, at, unit, x, y + half);
}

/** a of the pass's row, as far as the pass has come; the inputs are there from the start. */
function activation({ pass, frame }: Scene, column: Column, unit: number): number | null {
  if (column.layer !== null) return pass?.a.get(column.layer)?.[unit] ?? null;
  return pass?.last.shown === frame.row.row ? (frame.row.x[unit] ?? null) : null;
}

/** A number that fits a unit. */
const short = (value: number) => (Math.abs(value) >= 100 ? figure(Math.round(value)) : value.toFixed(2));

function paintNumber(ctx: Drawing, scene: Scene, column: Column, value: number, x: number, y: number): void {
  const colour = signed(column.activation, 1, scene.dark)(value);
  ctx.fillStyle = css(colour);
  ctx.fill();
  ctx.fillStyle = inkOn(colour);
  ctx.font = '11px system-ui, sans-serif';
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.fillText(short(value), x, y);
}

/** What a unit gives over the inputs; where inputs are pixels, what it looks for; else what it gives for the row. */
function paintPicture(ctx: Drawing, scene: Scene, at: number, unit: number, left: number, top: number): void {
  const { frame, ready, shape } = scene;
  const column = shape.columns[at] as Column;
  const plane = ready.data.range?.length === 2;
  const line = ready.data.range?.length === 1;
  const isOutput = at === shape.columns.length - 1;
  const { maps } = frame;
  const map = isOutput
    ? maps?.outputs[unit]
    : maps?.units.find((one) => one.layer === column.layer && one.unit === unit)?.map;
  ctx.imageSmoothingEnabled = plane;
  if (column.layer === null && plane) paintRamp(ctx, unit, left, top, scene.dark);
  else if (map && plane) ctx.drawImage(planePicture(scene, column, unit, map, isOutput), left, top, UNIT, UNIT);
  else if (map) paintLine(ctx, scene, bytes(map.bytes), left, top);
  else if (column.layer === null && line) paintLine(ctx, scene, [0, 255], left, top);
  else {
    const weights = at === 1 ? weightsPicture(scene, column, unit) : null;
    if (weights) ctx.drawImage(weights, left, top, UNIT, UNIT);
    else paintRowActivation(ctx, scene, column, unit);
  }
}

function planePicture(scene: Scene, column: Column, unit: number, map: Told, isOutput: boolean): OffscreenCanvas {
  const { frame, ready, dark, pictures } = scene;
  const size = Math.max(Math.abs(map.low), Math.abs(map.high));
  const isNumber = isOutput && ready.data.task === 'numbers';
  const colour = isNumber ? ranked(map.low, map.high) : signed(column.activation, size, dark);
  return pictures.map(`${column.layer} ${unit}`, map, frame.maps?.grid ?? 0, `${dark} ${column.activation}`, colour);
}

function weightsPicture(scene: Scene, column: Column, unit: number): OffscreenCanvas | null {
  const { frame, ready, dark, pictures } = scene;
  const { image } = ready.data;
  const w = frame.weights?.find((one) => one.layer === column.layer)?.w;
  if (!image || !w || w.length !== image.width * image.height * column.units) return null;
  const own = Array.from({ length: image.width * image.height }, (_, from) => w[from * column.units + unit] ?? null);
  const largest = Math.max(...own.map((value) => Math.abs(value ?? 0)));
  return pictures.picture(`${column.layer} ${unit}`, image.width, image.height, `${dark} ${own.join()}`, (pixels) =>
    paintNumbers(own, signed(undefined, largest, dark), diverging(0, dark), pixels),
  );
}

function paintRowActivation(ctx: Drawing, { frame, dark }: Scene, column: Column, unit: number): void {
  const a = column.layer === null ? frame.row.x : frame.row.layers.find((one) => one.layer === column.layer)?.a;
  const value = a?.[unit];
  if (!a || value === null || value === undefined) return;
  const largest = Math.max(...a.map((one) => Math.abs(one ?? 0)), 1e-9);
  ctx.fillStyle = css(signed(column.activation, largest, dark)(value));
  ctx.fill();
}

/** What an input unit gives: the input itself, rising from left to right or from bottom to top. */
function paintRamp(ctx: Drawing, input: number, left: number, top: number, dark: boolean): void {
  const ramp =
    input === 0 ? ctx.createLinearGradient(left, 0, left + UNIT, 0) : ctx.createLinearGradient(0, top + UNIT, 0, top);
  for (const stop of [0, 0.5, 1]) ramp.addColorStop(stop, css(diverging(stop * 2 - 1, dark)));
  ctx.fillStyle = ramp;
  ctx.fill();
}

/** What a unit gives over one input: a line, in the unit's own scale. */
function paintLine(ctx: Drawing, scene: Scene, told: ArrayLike<number>, left: number, top: number): void {
  ctx.beginPath();
  for (let at = 0; at < told.length; at++) {
    const x = left + 3 + (at / (told.length - 1)) * (UNIT - 6);
    const y = top + UNIT - 4 - ((told[at] as number) / 255) * (UNIT - 8);
    if (at === 0) ctx.moveTo(x, y);
    else ctx.lineTo(x, y);
  }
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = css(diverging(1, scene.dark));
  ctx.stroke();
}

/** Under a unit: δ where the pass has come back to it, else the name of an input or of a class. */
function label(ctx: Drawing, scene: Scene, at: number, unit: number, x: number, y: number): void {
  const { shape, pass, ready, colours } = scene;
  const column = shape.columns[at] as Column;
  const delta = column.layer === null ? null : (pass?.deltas.get(column.layer)?.[unit] ?? null);
  const names = at === 0 ? ready.data.inputs : at === shape.columns.length - 1 ? ready.data.outputs : [];
  const name = names.length === column.units ? names[unit] : undefined;
  const text = delta !== null ? `δ ${figure(delta)}` : (name ?? '');
  if (!text) return;
  ctx.font = '11px system-ui, sans-serif';
  ctx.fillStyle = delta !== null ? colours.text : colours.muted;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'top';
  ctx.fillText(text.length > 15 ? `${text.slice(0, 14)}…` : text, x, y + 3);
}
