import { useMemo } from 'preact/hooks';
import type { About } from '../../api/types';
import { Factors, Shares } from '../../charts/Bars';
import { Curves } from '../../charts/Curves';
import { depth } from '../../charts/colours';
import { Heatmap } from '../../charts/Heatmap';
import { Ridge } from '../../charts/Ridge';
import { matrix, type Part } from '../../run/account';
import { dark, figure, words } from '../../shell/preferences';

/** Of 0 it is −∞, which a picture shows as less than anything: nothing arrives there. */
const decade = (value: number | null | undefined) => (typeof value === 'number' ? Math.log10(value) : null);

interface Props {
  part: Part;
  taken: number;
  at: number;
  setStep: (step: number) => void;
  name: (layer: number) => string;
  limits: About['thresholds'] | undefined;
}

export function LayerCharts({ part, taken, at, setStep, name, limits }: Props) {
  const w = words.value;
  const isDark = dark.value;
  const { looks } = part;
  // `taken` stands for the part, which grows in place.
  const made = useMemo(() => {
    const ratios = matrix(looks, (layer) => layer.weights?.update_ratio);
    const steps = Float64Array.from(ratios.steps);
    return {
      deltas: matrix(looks, (layer) => decade(layer.delta)),
      saturated: matrix(looks, (layer) => layer.activations?.saturated),
      dead: matrix(looks, (layer) => layer.activations?.dead),
      ratios: ratios.layers.map((layer, row) => ({
        name: name(layer),
        colour: depth(row, ratios.layers.length, isDark),
        x: steps,
        y: ratios.values.subarray(row * steps.length, (row + 1) * steps.length),
      })),
    };
  }, [part, taken, isDark, name(0)]);
  const look = looks[at];
  if (!look) return null;
  const toColumn = (column: number) => setStep(looks[column]?.step ?? 0);
  const active = look.layers.filter((layer) => layer.activations);
  const attenuation = w.attenuation(figure(look.step));
  return (
    <div class="columns">
      <section class="card wide">
        <h2>{w.gradientFlow}</h2>
        <p class="hint">{w.gradientFlowHint}</p>
        <Heatmap
          label={w.gradientFlow}
          matrix={made.deltas}
          names={made.deltas.layers.map(name)}
          column={at}
          onColumn={toColumn}
        />
      </section>
      <div class="pairs wide">
        <section class="card">
          <h2>{attenuation}</h2>
          <p class="hint">{w.attenuationHint}</p>
          <Factors label={attenuation} layers={look.layers} names={name} />
        </section>
        <section class="card">
          <h2>{w.energy}</h2>
          <p class="hint">{w.energyHint}</p>
          <Shares label={w.energy} layers={look.layers} names={name} />
        </section>
      </div>
      <section class="card wide">
        <h2>{w.updateRatio}</h2>
        <p class="hint">{w.updateRatioHint}</p>
        <Curves
          label={w.updateRatio}
          across={w.step}
          curves={made.ratios}
          logarithmic
          at={look.step}
          onPick={setStep}
          {...(limits && {
            band: { low: limits.healthy_updates[0], high: limits.healthy_updates[1], name: w.healthy },
          })}
        />
      </section>
      <section class="card wide">
        <h2>{w.activations}</h2>
        <p class="hint">{w.activationsHint}</p>
        <div class="ridges">
          {active.map((layer) => (
            <Ridge key={layer.layer} looks={looks} layer={layer.layer} name={name(layer.layer)} at={at} />
          ))}
        </div>
      </section>
      <div class="pairs wide">
        {(['saturated', 'dead'] as const).map((key) => {
          const title = key === 'saturated' ? w.saturatedShare : w.deadShare;
          return (
            <section class="card" key={key}>
              <h2>{title}</h2>
              {limits && <p class="hint">{w.shareHint(figure(limits[key]))}</p>}
              <Heatmap
                label={title}
                matrix={made[key]}
                names={made[key].layers.map(name)}
                ends={[0, 1]}
                column={at}
                onColumn={toColumn}
              />
            </section>
          );
        })}
      </div>
    </div>
  );
}
