import { useMemo } from 'preact/hooks';
import { type Curve, Curves } from '../../charts/Curves';
import { category } from '../../charts/colours';
import type { Part } from '../../run/account';
import { dark, words } from '../../shell/preferences';
import { asked } from './asked';

// Costs have no upper end, scores end at 1: one axis each.
const COSTS = /cost|loss|error|rmse|mae|mse/;

export function RunCurves(props: { part: Part; taken: number; step: number | null; pick: (step: number) => void }) {
  const w = words.value;
  const isDark = dark.value;
  const { part, taken } = props;
  // `taken` stands for the part, which grows in place.
  const groups = useMemo(() => {
    const curve = (key: string, name: string, colour: number): Curve[] => {
      const series = part.series.get(key);
      return series ? [{ name, colour: category(colour, isDark), x: series.step.values, y: series.value.values }] : [];
    };
    const validation = [...part.series.keys()].filter((key) => key.startsWith('validation.')).sort();
    const told = (keys: string[], first: number) =>
      keys.flatMap((key, at) => curve(key, key.replace('validation.', `${w.validation} · `), first + at));
    return {
      cost: [
        ...curve('cost', w.cost, 0),
        ...told(
          validation.filter((key) => COSTS.test(key)),
          1,
        ),
      ],
      scores: told(
        validation.filter((key) => !COSTS.test(key)),
        2,
      ),
      rate: curve('learning_rate', w.learningRate, 5),
      speed: curve('samples_per_second', w.rowsPerSecond, 4),
    };
  }, [part, taken, isDark, w]);
  const marks = part.controls.map((one) => ({ x: one.step, name: asked(one.control, w) }));
  const charts: [string, Curve[]][] = [
    [w.costAndValidation, groups.cost],
    [`${w.validation} · ${w.scale01}`, groups.scores],
    [w.learningRate, groups.rate],
    [w.throughput, groups.speed],
  ];
  return (
    <div class="columns">
      {charts
        .filter(([, curves]) => curves.length > 0)
        .map(([title, curves]) => (
          <section class="card" key={title}>
            <h2>{title}</h2>
            <Curves
              label={title}
              across={w.step}
              curves={curves}
              at={props.step}
              onPick={props.pick}
              height={210}
              marks={marks}
              level={
                curves === groups.cost && part.baseline !== null ? { y: part.baseline, name: w.constantCost } : null
              }
            />
          </section>
        ))}
    </div>
  );
}
