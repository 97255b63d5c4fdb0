import { figure } from '../shell/preferences';
import { Figures } from './Figures';

export interface Axis {
  name: string;
  /** Of each run, by its place: a number, or a word. */
  values: (number | string | null)[];
}

const [TALL, TOP, BOTTOM, GAP] = [240, 40, 24, 150];

/** Numbers lie where they are between the least and the most; words at equal distances, in their order. */
function places(axis: Axis): { y: number[]; ends: [string, string]; words: [string, number][] } {
  const low = TALL - BOTTOM;
  const at = (share: number) => low - share * (low - TOP);
  const numbers = axis.values.filter((value): value is number => typeof value === 'number');
  if (numbers.length === axis.values.filter((value) => value !== null).length) {
    const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
    // Rates and penalties are tried by factors: over more than a decade the axis is a logarithm.
    const on = least > 0 && most / least > 10 ? Math.log : (v: number) => v;
    const share = (v: number) => (most > least ? (on(v) - on(least)) / (on(most) - on(least)) : 0.5);
    return {
      y: axis.values.map((value) => (typeof value === 'number' ? at(share(value)) : Number.NaN)),
      ends: [figure(least), figure(most)],
      words: [],
    };
  }
  const kinds = [...new Set(axis.values.map(String))].sort();
  const share = (word: string) => (kinds.length > 1 ? kinds.indexOf(word) / (kinds.length - 1) : 0.5);
  return {
    y: axis.values.map((value) => at(share(String(value)))),
    ends: ['', ''],
    words: kinds.map((word) => [word, at(share(word))]),
  };
}

export function Parallel(props: { label: string; runs: string[]; colours: string[]; axes: Axis[] }) {
  const { axes, runs } = props;
  const placed = axes.map(places);
  const wide = (axes.length - 1) * GAP + 200;
  const x = (axis: number) => 60 + axis * GAP;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label={props.label}>
        <svg width={wide} height={TALL} role="img" aria-label={`${props.label}: ${runs.join(', ')}`} class="parallel">
          {runs.map((run, at) => {
            const points = placed.flatMap(({ y }, axis) =>
              Number.isNaN(y[at] ?? Number.NaN) ? [] : [`${x(axis)},${y[at]}`],
            );
            return (
              <polyline key={run} points={points.join(' ')} fill="none" stroke={props.colours[at]} stroke-width={2.5}>
                <title>{run}</title>
              </polyline>
            );
          })}
          {axes.map((axis, k) => {
            const { ends, words } = placed[k] as (typeof placed)[number];
            return (
              <g key={axis.name}>
                <line x1={x(k)} x2={x(k)} y1={TOP} y2={TALL - BOTTOM} stroke="var(--muted)" />
                <text x={x(k)} y={14} text-anchor="middle" font-weight="600">
                  {axis.name}
                </text>
                <text class="muted" x={x(k)} y={TALL - 8} text-anchor="middle">
                  {ends[0]}
                </text>
                <text class="muted" x={x(k)} y={31} text-anchor="middle">
                  {ends[1]}
                </text>
                {words.map(([word, y]) => (
                  <text key={word} class="muted" x={x(k) + 6} y={y + 4}>
                    {word.length > 20 ? `${word.slice(0, 19)}…` : word}
                  </text>
                ))}
              </g>
            );
          })}
        </svg>
      </section>
      <Figures
        head={['', ...axes.map((axis) => axis.name)]}
        rows={() => runs.map((run, at) => [run, ...axes.map((axis) => axis.values[at] ?? null)])}
      />
    </>
  );
}
