import { describe, expect, it } from 'vitest';
import { bytes, paintClasses, paintMap, value } from './maps';

const told = (values: number[], low: number, high: number) => ({
  low,
  high,
  bytes: btoa(String.fromCharCode(...values)),
});
const rgb = (pixels: Uint32Array, at: number) => [...new Uint8Array(pixels.buffer, at * 4, 4)];

describe('maps', () => {
  it('are decoded from low to high', () => {
    const map = told([0, 255, 51], -1, 4);
    expect([...bytes(map.bytes)]).toEqual([0, 255, 51]);
    expect(Array.from(bytes(map.bytes), (byte) => value(map, byte))).toEqual([-1, 4, 0]);
  });

  it('have the lowest row of the second input at the bottom', () => {
    const pixels = new Uint32Array(4);
    paintMap(told([0, 0, 255, 255], 0, 1), 2, (v) => [Math.round(v * 200), 0, 0], pixels);
    expect(rgb(pixels, 0)).toEqual([200, 0, 0, 255]);
    expect(rgb(pixels, 2)).toEqual([0, 0, 0, 255]);
  });

  it('of classes show the most probable one, faint where two are near', () => {
    const pixels = new Uint32Array(1);
    const colours: [number, number, number][] = [
      [200, 0, 0],
      [0, 200, 0],
    ];
    paintClasses([told([0], 0, 1), told([255], 0, 1)], 1, colours, [0, 0, 0], pixels);
    expect(rgb(pixels, 0)).toEqual([0, 200, 0, 255]);
    paintClasses([told([128], 0, 1), told([128], 0, 1)], 1, colours, [0, 0, 0], pixels);
    expect(rgb(pixels, 0)).toEqual([50, 0, 0, 255]);
  });
});
