import { useMemo, useState } from 'preact/hooks';
import { Curves } from '../../charts/Curves';
import { category, depth } from '../../charts/colours';
import { Figures } from '../../charts/Figures';
import type { Frame, Ready } from '../../play/protocol';
import { dark, figure, words } from '../../shell/preferences';
import { layerName, type Playground } from './playground';

export function CostsCard({ playground, ready }: { playground: Playground; ready: Ready }) {
  const w = words.value.play;
  const isDark = dark.value;
  const [logarithmic, setLogarithmic] = useState(false);
  const frame = playground.slow.value;
  const validation = ready.data.validation > 0;
  const curves = useMemo(() => {
    const x = playground.history.steps;
    const curve = (which: 'training' | 'validation', colour: number) => ({
      name: w[which],
      colour: category(colour, isDark),
      x,
      y: playground.history.values(which),
    });
    return [curve('training', 0), ...(validation ? [curve('validation', 1)] : [])];
  }, [frame, isDark, w, validation]);
  return (
    <section class="card">
      <div class="head">
        <h2>{w.costs}</h2>
        <label class="tick">
          <input type="checkbox" checked={logarithmic} onChange={(e) => setLogarithmic(e.currentTarget.checked)} />
          {w.logarithmic}
        </label>
      </div>
      <Curves label={w.costs} across={w.step} curves={curves} height={170} logarithmic={logarithmic} />
    </section>
  );
}

const [WIDE, LEFT, RIGHT, ROW] = [340, 84, 74, 26];

/** How much of the signal arrives at each layer on its way back. */
export function DeltasCard({ ready, frame }: { ready: Ready; frame: Frame }) {
  const w = words.value.play;
  const isDark = dark.value;
  const told = frame.deltas.filter((one): one is { layer: number; norm: number } => (one.norm ?? 0) > 0);
  if (told.length === 0) return null;
  const logs = told.map(({ norm }) => Math.log10(norm));
  // At least three decades, so that layers which are about even look so.
  const [high, low] = [Math.max(...logs), Math.min(...logs, Math.max(...logs) - 2.7)];
  const length = (log: number) => 4 + ((log - low) / (high - low)) * (WIDE - LEFT - RIGHT - 4);
  return (
    <section class="card">
      <h2>{w.deltas}</h2>
      <p class="hint">{w.deltasHint}</p>
      <svg
        viewBox={`0 0 ${WIDE} ${told.length * ROW}`}
        role="img"
        aria-label={`${w.deltas}: ${told.map(({ layer, norm }) => `${layerName(ready.layers, layer)} ${figure(norm)}`).join(', ')}`}
      >
        {told.map(({ layer, norm }, at) => (
          <g key={layer}>
            <text x={0} y={at * ROW + 18}>
              {layerName(ready.layers, layer)}
            </text>
            <rect
              x={LEFT}
              y={at * ROW + 5}
              width={length(logs[at] as number)}
              height={17}
              rx={3}
              fill={depth(at, told.length, isDark)}
            />
            <text x={WIDE} y={at * ROW + 18} text-anchor="end">
              {figure(norm)}
            </text>
          </g>
        ))}
      </svg>
      <Figures
        head={[w.ofLayer, '‖δ‖']}
        rows={() => told.map(({ layer, norm }) => [layerName(ready.layers, layer), norm])}
      />
    </section>
  );
}
