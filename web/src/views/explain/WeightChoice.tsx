import { useEffect, useState } from 'preact/hooks';
import type { Explained } from '../../api/model';
import { inAddress, weightOf } from '../../explain/path';
import { figure, words } from '../../shell/preferences';

/** Chooses a weight by keyboard: its layer, where it comes from and where it leads to; or one of the largest gradients. */
export function WeightChoice({ explained, choose }: { explained: Explained; choose: (parameter: string) => void }) {
  const w = words.value.explain;
  const chosen = explained.drawing.parameter;
  const dense = explained.drawing.layers.filter((layer) => layer.weights.length > 0);
  const [place, setPlace] = useState(weightOf(chosen) ?? { layer: dense[0]?.layer ?? 0, from: 0, to: 0 });
  useEffect(() => {
    const weight = weightOf(chosen);
    if (weight) setPlace(weight);
  }, [chosen]);
  const at = explained.drawing.layers.findIndex((layer) => layer.layer === place.layer);
  const fanIn = at > 0 ? explained.drawing.layers[at - 1]?.units : explained.drawing.inputs.units;
  const units = explained.drawing.layers[at]?.units ?? 1;
  const number = (name: 'from' | 'to', label: string, count: number) => (
    <label>
      {label}
      <input
        type="number"
        min={0}
        max={count - 1}
        value={place[name]}
        onInput={(e) => setPlace({ ...place, [name]: Math.min(Math.max(Number(e.currentTarget.value), 0), count - 1) })}
      />
    </label>
  );
  return (
    <form
      class="choices weight-choice"
      onSubmit={(e) => {
        e.preventDefault();
        choose(inAddress(place));
      }}
    >
      <label>
        {w.layer}
        <select
          value={place.layer}
          onChange={(e) => setPlace({ layer: Number(e.currentTarget.value), from: 0, to: 0 })}
        >
          {dense.map((layer) => (
            <option key={layer.layer} value={layer.layer}>
              {layer.layer}
            </option>
          ))}
        </select>
      </label>
      {number('from', w.from, fanIn ?? 1)}
      {number('to', w.to, units)}
      <button type="submit">{w.show}</button>
      <span class="largest">
        <span class="muted">{w.largest}</span>
        {explained.largest.map((one) => (
          <button
            key={one.parameter}
            type="button"
            aria-pressed={one.parameter === chosen}
            onClick={() => choose(one.parameter)}
          >
            {one.parameter} <span class="muted">{figure(one.gradient)}</span>
          </button>
        ))}
      </span>
    </form>
  );
}
