export interface Axis {
  name: string;
  /** Of each run, by its place: a number, or a word. */
  values: (number | string | null)[];
}

/** Where values lie along an axis: 0 at its lower end, 1 at its upper one. */
export interface Scale {
  /** Of each run; NaN where it has no value. */
  shares: number[];
  /** The lower and the upper end in words. */
  ends: [string, string];
  /** Words and where they lie. */
  words: [string, number][];
  /** What lies between two shares, in words. */
  between: (from: number, to: number) => string;
  /** How far an arrow key goes. */
  step: number;
}

/** Numbers lie where they are between the least and the most; words at equal distances, in their order. `figure` writes a number. */
export function scaleOf(axis: Axis, figure: (value: number) => string): Scale {
  const numbers = axis.values.filter((value): value is number => typeof value === 'number');
  if (numbers.length === axis.values.filter((value) => value !== null).length) {
    const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
    // Rates and penalties are tried by factors: over more than a decade the axis is a logarithm.
    const byFactors = least > 0 && most / least > 10;
    const share = (v: number) => {
      if (most <= least) return 0.5;
      return byFactors ? Math.log(v / least) / Math.log(most / least) : (v - least) / (most - least);
    };
    const at = (share: number) =>
      figure(Number((byFactors ? least * (most / least) ** share : least + share * (most - least)).toPrecision(3)));
    return {
      shares: axis.values.map((value) => (typeof value === 'number' ? share(value) : Number.NaN)),
      ends: [figure(least), figure(most)],
      words: [],
      between: (from, to) => `${at(from)} … ${at(to)}`,
      step: 0.05,
    };
  }
  const kinds = [...new Set(axis.values.filter((value) => value !== null).map(String))].sort();
  const share = (word: string) => (kinds.length > 1 ? kinds.indexOf(word) / (kinds.length - 1) : 0.5);
  return {
    shares: axis.values.map((value) => (value === null ? Number.NaN : share(String(value)))),
    ends: ['', ''],
    words: kinds.map((word) => [word, share(word)]),
    between: (from, to) => kinds.filter((word) => isIn(share(word), { from, to })).join(', ') || '–',
    step: kinds.length > 1 ? 1 / (kinds.length - 1) : 1,
  };
}

/** A range of an axis, in shares of its length. */
export interface Range {
  from: number;
  to: number;
}

const isIn = (share: number, { from, to }: Range) => share >= from - 1e-9 && share <= to + 1e-9;

/** Which runs lie within all ranges; one without a value lies within none. */
export function kept(scales: Scale[], ranges: ReadonlyMap<number, Range>): boolean[] {
  const runs = scales[0]?.shares.length ?? 0;
  return Array.from({ length: runs }, (_, run) =>
    [...ranges].every(([axis, range]) => isIn(scales[axis]?.shares[run] ?? Number.NaN, range)),
  );
}

/** The range between two places of the pointer. */
export const dragged = (from: number, to: number): Range => ({
  from: clamped(Math.min(from, to)),
  to: clamped(Math.max(from, to)),
});

/** The range, moved as a whole as far as the axis goes. */
export function moved(range: Range, by: number): Range {
  const far = Math.min(Math.max(by, -range.from), 1 - range.to);
  return { from: range.from + far, to: range.to + far };
}

/**
 * What a key makes of a range: arrows move it, with Shift they move its upper end, Escape takes it away. The first arrow
 * takes the half at which it points. `undefined`: the key means nothing here.
 */
export function byKey(range: Range | undefined, key: string, isShift: boolean, step: number): Range | null | undefined {
  if (key === 'Escape') return range ? null : undefined;
  const sign = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[key];
  if (!sign) return undefined;
  const half = Math.min(step / 2, 0.5);
  // Of words the outermost, of numbers the upper or lower half.
  const size = step > 0.1 ? half : 0.5;
  if (!range) return sign > 0 ? { from: 1 - size, to: 1 } : { from: 0, to: size };
  if (isShift)
    return { from: range.from, to: Math.min(1, Math.max(range.from + Math.min(step, size), range.to + sign * step)) };
  return moved(range, sign * step);
}

const clamped = (share: number) => Math.min(1, Math.max(0, share));
