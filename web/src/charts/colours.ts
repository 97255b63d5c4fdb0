// Okabe & Ito 2008 for categories; viridis for magnitudes. The categories' yellow is left out: too faint on white.
const CATEGORIES_LIGHT = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b87a00', '#56b4e9', '#4d4d4d'];
const CATEGORIES_DARK = ['#56b4e9', '#e69f00', '#2bc59b', '#e59cc4', '#f0e442', '#ff8a4c', '#c8c8c8'];
const VIRIDIS: [number, number, number][] = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

export function category(index: number, dark: boolean): string {
  const colours = dark ? CATEGORIES_DARK : CATEGORIES_LIGHT;
  return colours[index % colours.length] as string;
}

/** As many categories have a colour of their own. */
export const CATEGORIES = CATEGORIES_LIGHT.length;

/**
 * A category for each of the names that are shown, out of all names. It hangs on the place among all, so that it stays when another
 * is chosen, unless that one has it already: up to seven are always told apart. Later ones share colours, `turn` by turn.
 */
export function categories(
  all: readonly string[],
  shown: readonly string[],
): Map<string, { index: number; turn: number }> {
  const given = new Map<string, { index: number; turn: number }>();
  const taken = new Array<number>(CATEGORIES).fill(0);
  for (const name of [...shown].sort((a, b) => all.indexOf(a) - all.indexOf(b))) {
    const least = Math.min(...taken);
    let index = Math.max(all.indexOf(name), 0) % CATEGORIES;
    while (taken[index] !== least) index = (index + 1) % CATEGORIES;
    given.set(name, { index, turn: least });
    taken[index] = least + 1;
  }
  return given;
}

/** A magnitude's colour, `share` from 0 (least) to 1 (most). */
export function sequential(share: number): [number, number, number] {
  const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const [from, to] = [VIRIDIS[low], VIRIDIS[low + 1]] as [[number, number, number], [number, number, number]];
  const between = (i: 0 | 1 | 2) => Math.round(from[i] + (to[i] - from[i]) * (at - low));
  return [between(0), between(1), between(2)];
}

/** A layer's colour by its depth: the ends of the scale that would vanish in the ground are left out. */
export function depth(row: number, rows: number, dark: boolean): string {
  const share = rows > 1 ? row / (rows - 1) : 0.4;
  return `rgb(${sequential(dark ? 0.35 + 0.65 * share : 0.78 * share).join(',')})`;
}

// The same part of the gradient has the same colour in all pictures.
export const PARTS = (dark: boolean) => ({
  weights: category(0, dark),
  activation: category(1, dark),
  passes: category(2, dark),
  saturated: category(1, dark),
  dead: category(3, dark),
  elsewhere: dark ? '#5b6774' : '#b4bcc6',
});

// Signs: blue below 0, orange above, the ground between. The ends are the first two categories, as two classes are.
const ENDS = (dark: boolean): [number, number, number][] =>
  dark
    ? [
        [86, 180, 233],
        [38, 46, 56],
        [230, 159, 0],
      ]
    : [
        [0, 114, 178],
        [247, 247, 247],
        [213, 94, 0],
      ];

/** A signed number's colour, `share` from −1 to 1. */
export function diverging(share: number, dark: boolean): [number, number, number] {
  const [below, zero, above] = ENDS(dark) as [Rgb, Rgb, Rgb];
  const end = share < 0 ? below : above;
  const size = Math.min(Math.abs(share), 1);
  const between = (i: 0 | 1 | 2) => Math.round(zero[i] + (end[i] - zero[i]) * size);
  return [between(0), between(1), between(2)];
}

type Rgb = [number, number, number];
