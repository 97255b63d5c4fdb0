import type { Evaluation } from '../../api/model';
import { category } from '../../charts/colours';
import { Figures } from '../../charts/Figures';
import { dark, figure, words } from '../../shell/preferences';

type Numbers = NonNullable<Evaluation['numbers']>[number];

const [LEFT, TOP, SIDE, HIGH] = [64, 10, 300, 120];

export function Residuals({ numbers }: { numbers: Numbers }) {
  const w = words.value.evaluation;
  const colour = category(0, dark.value);
  const points = numbers.points.filter((point): point is [number, number] => point[0] !== null && point[1] !== null);
  return (
    <section class="card">
      <h2>{w.residuals(numbers.target)}</h2>
      <p class="hint">{w.scatterHint}</p>
      {points.length > 0 && <Scatter points={points} target={numbers.target} colour={colour} />}
      <Figures
        head={[w.rows, w.trueValue, w.predictedValue]}
        rows={() => points.map(([y, said], at) => [figure(at + 1), y, said])}
      />
      {numbers.residuals && (
        <>
          <h3>{w.histogram}</h3>
          <Spread of={numbers.residuals} colour={colour} />
        </>
      )}
    </section>
  );
}

function Scatter({ points, target, colour }: { points: [number, number][]; target: string; colour: string }) {
  const w = words.value.evaluation;
  const all = points.flat();
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const share = (value: number) => (value - least) / (most - least || 1);
  const x = (value: number) => LEFT + share(value) * SIDE;
  const y = (value: number) => TOP + (1 - share(value)) * SIDE;
  return (
    <svg
      class="square-plot"
      viewBox={`0 0 ${LEFT + SIDE + 12} ${TOP + SIDE + 24}`}
      role="img"
      aria-label={w.scatter(target, figure(points.length))}
    >
      <line x1={x(least)} y1={y(least)} x2={x(most)} y2={y(most)} stroke="var(--muted)" stroke-dasharray="5 4" />
      {/* One path of dots: two thousand circles would make the page slow. */}
      <path
        d={points.map(([truth, said]) => `M${x(truth).toFixed(1)} ${y(said).toFixed(1)}h0`).join('')}
        stroke={colour}
        stroke-width="4"
        stroke-linecap="round"
        stroke-opacity="0.4"
      />
      {[least, most].map((value) => (
        <g key={value}>
          <text class="muted" x={LEFT - 6} y={y(value) + 4} text-anchor="end">
            {figure(value)}
          </text>
          <text class="muted" x={x(value)} y={TOP + SIDE + 18} text-anchor={value === least ? 'start' : 'end'}>
            {figure(value)}
          </text>
        </g>
      ))}
      <text class="muted" x={LEFT + SIDE / 2} y={TOP + SIDE + 18} text-anchor="middle">
        {w.trueValue}
      </text>
      <text class="muted" x={LEFT - 6} y={TOP + SIDE / 2} text-anchor="end">
        {w.predictedValue}
      </text>
    </svg>
  );
}

function Spread({ of, colour }: { of: NonNullable<Numbers['residuals']>; colour: string }) {
  const w = words.value.evaluation;
  const most = Math.max(...of.counts, 1);
  const wide = SIDE / of.counts.length;
  const edge = (at: number) => of.from + ((of.to - of.from) * at) / of.counts.length;
  return (
    <>
      <svg
        class="square-plot"
        viewBox={`0 0 ${LEFT + SIDE + 12} ${TOP + HIGH + 22}`}
        role="img"
        aria-label={`${w.histogram}: ${figure(of.from)} – ${figure(of.to)}`}
      >
        {of.counts.map((count, at) => {
          const high = (count / most) * HIGH;
          return (
            <rect
              key={edge(at)}
              x={LEFT + at * wide + 0.5}
              y={TOP + HIGH - high}
              width={wide - 1}
              height={high}
              fill={colour}
            >
              <title>{`${figure(edge(at))} – ${figure(edge(at + 1))}: ${figure(count)}`}</title>
            </rect>
          );
        })}
        <line x1={LEFT} x2={LEFT + SIDE} y1={TOP + HIGH} y2={TOP + HIGH} stroke="var(--muted)" />
        <text class="muted" x={LEFT} y={TOP + HIGH + 16}>
          {figure(of.from)}
        </text>
        <text class="muted" x={LEFT + SIDE} y={TOP + HIGH + 16} text-anchor="end">
          {figure(of.to)}
        </text>
        <text class="muted" x={LEFT - 6} y={TOP + 10} text-anchor="end">
          {figure(most)}
        </text>
      </svg>
      <Figures
        head={[w.from, w.to, w.rows]}
        rows={() => of.counts.map((count, at) => [figure(edge(at)), edge(at + 1), count])}
      />
    </>
  );
}
