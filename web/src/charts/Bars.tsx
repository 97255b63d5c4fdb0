import type { LayerHealth } from '../api/types';
import { dark, figure, words } from '../shell/preferences';
import { PARTS } from './colours';
import { Figures } from './Figures';

const [WIDE, LEFT, RIGHT, ROW] = [560, 130, 70, 38];

const decades = (factor: number | null | undefined) => (factor && factor > 0 ? Math.log10(factor) : 0);

interface Props {
  label: string;
  layers: LayerHealth[];
  names: (layer: number) => string;
}

type FactorProps = Omit<Props, 'layers'> & { layers: Pick<LayerHealth, 'layer' | 'through' | 'slope'>[] };

/** Each layer's two factors, as decades to the left (less) or right (more) of 1. */
export function Factors({ label, layers, names }: FactorProps) {
  const w = words.value;
  const colours = PARTS(dark.value);
  const shown = layers.filter((layer) => typeof layer.through === 'number' || typeof layer.slope === 'number');
  if (shown.length === 0) return <p class="muted">{w.empty}</p>;
  const reach = Math.max(0.5, ...shown.flatMap((l) => [Math.abs(decades(l.through)), Math.abs(decades(l.slope))]));
  const middle = LEFT + (WIDE - LEFT - RIGHT) / 2;
  const unit = (WIDE - LEFT - RIGHT) / 2 / reach;
  const bar = (factor: number | null | undefined, y: number, colour: string) => {
    if (typeof factor !== 'number') return null;
    const length = decades(factor) * unit;
    return (
      <>
        <rect
          x={Math.min(middle, middle + length)}
          y={y}
          width={Math.max(Math.abs(length), 1)}
          height={12}
          fill={colour}
        />
        <text x={WIDE} y={y + 10} text-anchor="end">
          ×{figure(factor)}
        </text>
      </>
    );
  };
  return (
    <>
      <svg viewBox={`0 0 ${WIDE} ${shown.length * ROW}`} class="bars" role="img" aria-label={label}>
        {shown.map((layer, at) => (
          <g key={layer.layer}>
            <text x={0} y={at * ROW + 21}>
              {names(layer.layer)}
            </text>
            {bar(layer.through, at * ROW + 4, colours.weights)}
            {bar(layer.slope, at * ROW + 18, colours.activation)}
          </g>
        ))}
        <line x1={middle} x2={middle} y1={0} y2={shown.length * ROW} stroke="var(--muted)" />
      </svg>
      <Legend
        entries={[
          [colours.weights, w.ofWeights],
          [colours.activation, w.ofActivation],
        ]}
      />
      <Figures
        head={[w.layer, w.ofWeights, w.ofActivation]}
        rows={() => shown.map((layer) => [names(layer.layer), layer.through ?? null, layer.slope ?? null])}
      />
    </>
  );
}

/** Where ‖∂C/∂a‖² goes in each layer: slope² of it passes, the rest is lost in saturated, dead and other units. */
export function Shares({ label, layers, names }: Props) {
  const w = words.value;
  const colours = PARTS(dark.value);
  const shown = layers.flatMap((layer) => {
    if (typeof layer.slope !== 'number') return [];
    const passes = Math.min(layer.slope ** 2, 1);
    const [saturated, dead] = [Math.max(layer.lost_saturated ?? 0, 0), Math.max(layer.lost_dead ?? 0, 0)];
    return [{ layer: layer.layer, parts: [passes, saturated, dead, Math.max(1 - passes - saturated - dead, 0)] }];
  });
  if (shown.length === 0) return <p class="muted">{w.empty}</p>;
  const fills = [colours.passes, colours.saturated, colours.dead, colours.elsewhere];
  const titles = [w.passes, w.lostSaturated, w.lostDead, w.lostElse];
  const space = WIDE - LEFT;
  return (
    <>
      <svg viewBox={`0 0 ${WIDE} ${shown.length * 28}`} class="bars" role="img" aria-label={label}>
        {shown.map(({ layer, parts }, at) => {
          let x = LEFT;
          return (
            <g key={layer}>
              <text x={0} y={at * 28 + 18}>
                {names(layer)}
              </text>
              {parts.map((part, which) => {
                const from = x;
                x += part * space;
                return (
                  <g key={titles[which]}>
                    <rect x={from} y={at * 28 + 5} width={part * space} height={18} fill={fills[which]}>
                      <title>{`${titles[which]} ${(part * 100).toFixed(1)} %`}</title>
                    </rect>
                  </g>
                );
              })}
            </g>
          );
        })}
      </svg>
      <Legend entries={titles.map((title, at) => [fills[at] as string, title])} />
      <Figures head={[w.layer, ...titles]} rows={() => shown.map(({ layer, parts }) => [names(layer), ...parts])} />
    </>
  );
}

function Legend({ entries }: { entries: [string, string][] }) {
  return (
    <ul class="legend">
      {entries.map(([colour, name]) => (
        <li key={name}>
          <i class="box" style={{ background: colour }} />
          {name}
        </li>
      ))}
    </ul>
  );
}
