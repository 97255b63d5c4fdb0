import type { Evaluation } from '../../api/model';
import { category } from '../../charts/colours';
import { Figures } from '../../charts/Figures';
import { dark, figure, words } from '../../shell/preferences';

const [LEFT, TOP, SIDE, COUNTS] = [44, 10, 300, 60];

export function Calibration({ calibration }: { calibration: NonNullable<Evaluation['calibration']> }) {
  const w = words.value.evaluation;
  const { bins } = calibration;
  const [said, rest] = [category(0, dark.value), 'var(--muted)'];
  const most = Math.max(...bins.map((bin) => bin.count), 1);
  const x = (share: number) => LEFT + share * SIDE;
  const y = (share: number) => TOP + (1 - share) * SIDE;
  const shown = bins.filter((bin) => bin.mean !== undefined && bin.observed !== undefined);
  const foot = TOP + SIDE + 34;
  return (
    <section class="card">
      <h2>{w.calibration}</h2>
      <p class="hint">{w.calibrationHint(calibration.of ?? w.whatever)}</p>
      <svg
        class="square-plot"
        viewBox={`0 0 ${LEFT + SIDE + 12} ${foot + COUNTS + 4}`}
        role="img"
        aria-label={`${w.calibration}: ${shown.map((bin) => `${figure(bin.mean)} → ${figure(bin.observed)}`).join(', ')}`}
      >
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line x1={x(0)} x2={x(1)} y1={y(share)} y2={y(share)} stroke="var(--grid)" />
            <line x1={x(share)} x2={x(share)} y1={y(0)} y2={y(1)} stroke="var(--grid)" />
            <text class="muted" x={LEFT - 6} y={y(share) + 4} text-anchor="end">
              {figure(share)}
            </text>
            <text class="muted" x={x(share)} y={y(0) + 16} text-anchor="middle">
              {figure(share)}
            </text>
          </g>
        ))}
        <line x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} stroke={rest} stroke-dasharray="5 4" />
        <polyline
          points={shown.map((bin) => `${x(bin.mean ?? 0)},${y(bin.observed ?? 0)}`).join(' ')}
          fill="none"
          stroke={said}
          stroke-width="2"
        />
        {shown.map((bin) => (
          <circle key={bin.from} cx={x(bin.mean ?? 0)} cy={y(bin.observed ?? 0)} r="4" fill={said}>
            <title>{`${figure(bin.mean)} → ${figure(bin.observed)} (${figure(bin.count)})`}</title>
          </circle>
        ))}
        {bins.map((bin) => {
          const high = (bin.count / most) * COUNTS;
          return (
            <rect
              key={bin.from}
              x={x(bin.from) + 1}
              y={foot + COUNTS - high}
              width={x(bin.to) - x(bin.from) - 2}
              height={high}
              fill={said}
              fill-opacity="0.5"
            >
              <title>{figure(bin.count)}</title>
            </rect>
          );
        })}
        <text class="muted" x={LEFT - 6} y={foot + 12} text-anchor="end">
          {figure(most)}
        </text>
      </svg>
      <Figures
        head={[w.range, w.said, w.observed, w.rows]}
        rows={() =>
          bins.map((bin) => [
            `${figure(bin.from)} – ${figure(bin.to)}`,
            bin.mean ?? null,
            bin.observed ?? null,
            bin.count,
          ])
        }
      />
    </section>
  );
}
