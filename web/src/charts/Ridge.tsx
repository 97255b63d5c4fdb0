import type { Look } from '../run/account';
import { dark, figure, words } from '../shell/preferences';
import { depth } from './colours';

const [WIDE, TALL, LINES, PEAK] = [220, 150, 16, 42];

/** One layer's histograms over time, one line each, on a common axis of a; the earliest at the back. */
export function Ridge({ looks, layer, name, at }: { looks: Look[]; layer: number; name: string; at: number }) {
  const w = words.value;
  const told = looks.flatMap((look, index) => {
    const found = look.layers.find((known) => known.layer === layer)?.activations;
    return found ? [{ index, step: look.step, found }] : [];
  });
  if (told.length === 0) return null;
  const every = Math.max(1, Math.ceil(told.length / LINES));
  const shown = told.filter((one, k) => k % every === 0 || k === told.length - 1 || one.index === at);
  const least = Math.min(...shown.map((one) => one.found.histogram.from ?? 0));
  const most = Math.max(...shown.map((one) => one.found.histogram.to ?? 0), least + 1e-9);
  const x = (value: number) => ((value - least) / (most - least)) * WIDE;
  const last = told[told.length - 1]?.found;
  return (
    <figure>
      <svg viewBox={`0 0 ${WIDE} ${TALL}`} role="img" aria-label={`${w.activations}, ${name}`}>
        {shown.map(({ found, step, index }, k) => {
          const { from, to, counts } = found.histogram;
          const base = PEAK + 4 + (k / Math.max(shown.length - 1, 1)) * (TALL - PEAK - 22);
          const whole = counts.reduce((sum, count) => sum + count, 0) || 1;
          const wide = ((to ?? 0) - (from ?? 0)) / counts.length;
          // The root keeps one full bar from flattening all others.
          const y = (count: number) => base - Math.sqrt(count / whole) * PEAK;
          const points = counts.map((count, bar) => `${x((from ?? 0) + (bar + 0.5) * wide)},${y(count)}`);
          const chosen = index === at;
          return (
            <path
              key={step}
              d={`M${x(from ?? 0)},${base} L${points.join(' L')} L${x(to ?? 0)},${base}`}
              fill="var(--card)"
              fill-opacity={0.75}
              stroke={chosen ? 'var(--accent)' : depth(k, shown.length * 1.3, dark.value)}
              stroke-width={chosen ? 2.5 : 1.2}
            />
          );
        })}
        <text class="muted" x={0} y={TALL - 2}>
          {figure(least)}
        </text>
        <text class="muted" x={WIDE} y={TALL - 2} text-anchor="end">
          {figure(most)}
        </text>
      </svg>
      <figcaption>
        <b>{name}</b>
        <br />μ {figure(last?.mean)} · σ² {figure(last?.variance)}
      </figcaption>
    </figure>
  );
}
