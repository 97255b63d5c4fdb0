import type { Map as Told } from './protocol';

type Rgb = [number, number, number];

/** A map's bytes. `low` is 0 and `high` is 255. */
export function bytes(text: string): Uint8Array {
  const binary = atob(text);
  const found = new Uint8Array(binary.length);
  for (let at = 0; at < found.length; at++) found[at] = binary.charCodeAt(at);
  return found;
}

/** The number that a byte stands for. */
export const value = ({ low, high }: Told, byte: number) => low + (byte / 255) * (high - low);

/** The colour of each of the 256 bytes, as pixels of an ImageData: a map's scale is made once, not for each pixel. */
export function scale(map: Told, colour: (value: number) => Rgb): Uint32Array {
  const pixels = new Uint8ClampedArray(256 * 4);
  for (let byte = 0; byte < 256; byte++) pixels.set([...colour(value(map, byte)), 255], byte * 4);
  return new Uint32Array(pixels.buffer);
}

/** One map as pixels. Its first row is the lowest of the second input, and a picture's first row is its top. */
export function paintMap(map: Told, grid: number, colour: (value: number) => Rgb, into: Uint32Array): void {
  const colours = scale(map, colour);
  const told = bytes(map.bytes);
  for (let row = 0; row < grid; row++) {
    for (let x = 0; x < grid; x++)
      into[(grid - 1 - row) * grid + x] = colours[told[row * grid + x] as number] as number;
  }
}

/** One map for each class together: each pixel has its most probable class's colour, fainter where others are near. */
export function paintClasses(maps: Told[], grid: number, colours: Rgb[], ground: Rgb, into: Uint32Array): void {
  const pixels = new Uint8ClampedArray(into.buffer);
  const told = maps.map((map) => bytes(map.bytes));
  for (let at = 0; at < grid * grid; at++) {
    let [best, most, second] = [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let one = 0; one < maps.length; one++) {
      const here = value(maps[one] as Told, told[one]?.[at] ?? 0);
      if (here > most) [best, most, second] = [one, here, most];
      else if (here > second) second = here;
    }
    const strength = 0.25 + 0.75 * Math.min(Math.max(most - second, 0), 1);
    const colour = colours[best] as Rgb;
    const [row, x] = [Math.floor(at / grid), at % grid];
    const to = ((grid - 1 - row) * grid + x) * 4;
    for (let part = 0; part < 3; part++) {
      const from = ground[part] as number;
      pixels[to + part] = from + ((colour[part] as number) - from) * strength;
    }
    pixels[to + 3] = 255;
  }
}
