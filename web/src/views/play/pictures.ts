import { diverging, sequential } from '../../charts/colours';
import { paintMap } from '../../play/maps';
import type { Map as Told } from '../../play/protocol';

type Rgb = [number, number, number];

/** Signed numbers are coloured about 0, what lies between 0 and 1 about ½; a class's probability is a magnitude. */
export function signed(activation: string | undefined, size: number, dark: boolean): (value: number) => Rgb {
  if (activation === 'softmax') return sequential;
  if (activation === 'sigmoid') return (value) => diverging(2 * value - 1, dark);
  return (value) => diverging(value / (size || 1), dark);
}

/** A number to be learnt has no sign to show: it is coloured by its place between the least and the most. */
export const ranked =
  (low: number, high: number) =>
  (value: number): Rgb =>
    sequential((value - low) / (high - low || 1));

/** Pixels as ink on the page's ground. */
export function ink(numbers: (number | null)[], dark: boolean): (value: number) => Rgb {
  const known = numbers.filter((value): value is number => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const [from, to] = [diverging(0, dark), dark ? 235 : 26];
  return (value) => from.map((part) => Math.round(part + ((to - part) * (value - low)) / (high - low || 1))) as Rgb;
}

/** Pictures of maps, made again only where a map has changed. */
export class Pictures {
  private made = new Map<string, { key: string; canvas: OffscreenCanvas }>();

  map(name: string, map: Told, grid: number, colours: string, colour: (value: number) => Rgb): OffscreenCanvas {
    return this.picture(name, grid, grid, `${colours} ${map.low} ${map.high} ${map.bytes}`, (pixels) =>
      paintMap(map, grid, colour, pixels),
    );
  }

  /** `paint` fills pixels; it is left out where `key` is that of the picture that is there. */
  picture(
    name: string,
    width: number,
    height: number,
    key: string,
    paint: (pixels: Uint32Array) => void,
  ): OffscreenCanvas {
    let found = this.made.get(name);
    if (found?.key === key && found.canvas.width === width && found.canvas.height === height) return found.canvas;
    if (found?.canvas.width !== width || found.canvas.height !== height) {
      found = { key, canvas: new OffscreenCanvas(width, height) };
      this.made.set(name, found);
    }
    found.key = key;
    const image = new ImageData(width, height);
    paint(new Uint32Array(image.data.buffer));
    found.canvas.getContext('2d')?.putImageData(image, 0, 0);
    return found.canvas;
  }
}

/** Numbers as an image's pixels, row by row. */
export function paintNumbers(
  numbers: (number | null)[],
  colour: (value: number) => Rgb,
  ground: Rgb,
  pixels: Uint32Array,
): void {
  const parts = new Uint8ClampedArray(pixels.buffer);
  numbers.forEach((value, at) => {
    parts.set(value === null ? ground : colour(value), at * 4);
    parts[at * 4 + 3] = 255;
  });
}

/** Readable on a colour: black or white. */
export const inkOn = ([red, green, blue]: Rgb) => (red * 0.299 + green * 0.587 + blue * 0.114 > 140 ? '#111' : '#fff');

export const css = ([red, green, blue]: Rgb) => `rgb(${red},${green},${blue})`;
