import { effect } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { parameterText } from '../../play/address';
import { numberOf, symbol } from '../../play/parameter';
import type { Checked, Frame, Parameter, Ready } from '../../play/protocol';
import { dense } from '../../play/shape';
import { figure, words } from '../../shell/preferences';
import { Ledger, quantity } from './Ledger';
import { layerName, type Playground } from './playground';

interface Props {
  playground: Playground;
  ready: Ready;
  selected: Parameter | null;
  select: (parameter: Parameter | null) => void;
}

const same = (one: Parameter | undefined, other: Parameter | null) =>
  !!one && !!other && parameterText(one) === parameterText(other);

function valueIn(frame: Frame | null, ready: Ready, parameter: Parameter): number | null {
  const weights = frame?.weights?.find((one) => one.layer === parameter.layer);
  return numberOf(weights, parameter, ready.layers[parameter.layer]?.units ?? 0);
}

/** One weight or bias: its number, to be dragged; its gradient, checked and taken apart. */
export function ParameterCard({ playground, ready, selected, select }: Props) {
  const w = words.value.play;
  const frame = playground.slow.value;
  return (
    <section class="card parameter">
      <div class="head">
        <h2>{w.parameter}</h2>
        {selected && (
          <button type="button" onClick={() => select(null)}>
            {w.clear}
          </button>
        )}
      </div>
      <Choose ready={ready} selected={selected} select={select} />
      {!selected && <p class="hint">{w.parameterHint}</p>}
      {selected && frame && <Chosen playground={playground} ready={ready} selected={selected} frame={frame} />}
    </section>
  );
}

interface ChosenProps {
  playground: Playground;
  ready: Ready;
  selected: Parameter;
  frame: Frame;
}

function Chosen({ playground, ready, selected, frame }: ChosenProps) {
  const w = words.value.play;
  const { session } = playground;
  useGradient(playground, selected);
  const told = session.ledger.value;
  const ledger = same(told?.parameter, selected) && told ? quantity(told.ledger) : null;
  const checked = session.checked.value;
  const figures = [
    ['value', symbol(selected), valueIn(frame, ready, selected)],
    ['gradient', w.gradient, frame.running ? null : ledger?.value],
    ['cost', `${w.cost} · ${w.training}`, frame.training.cost],
  ] as const;
  return (
    <>
      <dl class="figures">
        {figures.map(([key, name, value]) => (
          <div key={key} data-figure={key}>
            <dt>{name}</dt>
            <dd>{figure(value)}</dd>
          </div>
        ))}
      </dl>
      <Drag key={parameterText(selected)} playground={playground} ready={ready} selected={selected} />
      {frame.running && <p class="hint">{w.pausedOnly}</p>}
      {!frame.running && (
        <>
          <button type="button" onClick={() => session.check(selected)}>
            {w.check}
          </button>
          {checked && same(checked.parameter, selected) && <Verdict checked={checked} />}
          {ledger && (
            <>
              <h3>{w.chain}</h3>
              <div class="ledger" lang="en">
                <Ledger of={ledger} />
              </div>
            </>
          )}
        </>
      )}
    </>
  );
}

/** Asks for the gradient and its factors after each change while training rests; one question at a time. */
function useGradient({ session }: Playground, selected: Parameter) {
  const key = parameterText(selected);
  useEffect(() => {
    let [waiting, again] = [false, false];
    const ask = () => {
      again = waiting;
      if (waiting) return;
      waiting = true;
      session.explain(selected);
    };
    const ends = [
      effect(() => {
        const frame = session.frame.value;
        if (frame && !frame.running) ask();
      }),
      effect(() => {
        void session.ledger.value;
        void session.refused.value;
        waiting = false;
        if (again) ask();
      }),
    ];
    return () => {
      for (const end of ends) end();
    };
  }, [session, key]);
}

function Choose({ ready, selected, select }: Omit<Props, 'playground'>) {
  const w = words.value.play;
  const layers = dense(ready.layers);
  const layer = selected?.layer ?? null;
  const of = layer === null ? undefined : ready.layers[layer];
  const named = layer === layers[0]?.layer && ready.data.inputs.length === of?.fan_in;
  const names = named ? ready.data.inputs : [];
  const options = (count: number, name: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => (
      <option key={at} value={at}>
        {name(at)}
      </option>
    ));
  return (
    <div class="fields">
      <label>
        {w.ofLayer}
        <select
          value={layer ?? ''}
          onChange={(e) => {
            const { value } = e.currentTarget;
            select(value === '' ? null : { layer: Number(value), from: 0, to: 0 });
          }}
        >
          <option value="">–</option>
          {layers.map((one) => (
            <option key={one.layer} value={one.layer}>
              {layerName(ready.layers, one.layer)}
            </option>
          ))}
        </select>
      </label>
      {selected && of && (
        <>
          <label>
            {w.from}
            <select
              value={selected.from ?? 'b'}
              onChange={(e) => {
                const { value } = e.currentTarget;
                select({ ...selected, from: value === 'b' ? null : Number(value) });
              }}
            >
              <option value="b">{w.bias}</option>
              {options(of.fan_in, (at) => (names[at] ? `${at}: ${names[at]}` : String(at)))}
            </select>
          </label>
          <label>
            {w.to}
            <select value={selected.to} onChange={(e) => select({ ...selected, to: Number(e.currentTarget.value) })}>
              {options(of.units, String)}
            </select>
          </label>
        </>
      )}
    </div>
  );
}

/** The slider's ends stay where they were when the weight was chosen, so that it does not run from under the hand. */
function Drag({ playground, ready, selected }: { playground: Playground; ready: Ready; selected: Parameter }) {
  const w = words.value.play;
  const { session, slow } = playground;
  const value = valueIn(slow.value, ready, selected);
  const reach = useMemo(() => Math.max(2, 2 * Math.abs(valueIn(slow.peek(), ready, selected) ?? 0)), [ready]);
  const [held, setHeld] = useState<number | null>(null);
  const move = (to: number) => {
    setHeld(to);
    session.weight(selected, to);
  };
  if (value === null) return <p class="hint">{w.tooMany}</p>;
  const shown = held ?? value;
  return (
    <label class="drag">
      {w.drag}
      <input
        type="range"
        min={-reach}
        max={reach}
        step={reach / 500}
        value={shown}
        aria-valuetext={figure(shown)}
        onInput={(e) => move(Number(e.currentTarget.value))}
        onChange={() => setHeld(null)}
      />
      <input
        type="number"
        step="any"
        aria-label={w.value}
        value={Number(shown.toPrecision(5))}
        onChange={(e) => {
          const to = Number(e.currentTarget.value);
          if (e.currentTarget.value !== '' && Number.isFinite(to)) session.weight(selected, to);
        }}
      />
    </label>
  );
}

function Verdict({ checked }: { checked: Checked }) {
  const w = words.value.play;
  const lines: [string, string, number | null][] = [
    ['analytic', w.byBackpropagation, checked.analytic],
    ['numeric', w.byDifferences(figure(checked.h)), checked.numeric],
    ['difference', `${w.difference} (${w.allowed} ${figure(checked.allowed)})`, checked.difference],
  ];
  return (
    <div class="verdict" role="status">
      <table class="numbers">
        <tbody>
          {lines.map(([key, name, value]) => (
            <tr key={key} data-check={key}>
              <th scope="row">{name}</th>
              <td class="number">{value === null ? '–' : value.toPrecision(10)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {checked.kink ? (
        <p class="hint">{w.kink}</p>
      ) : (
        <span class={`pill ${checked.passed ? 'good' : 'error'}`}>
          {checked.passed ? `✓ ${w.passed}` : `✗ ${w.failed}`}
        </span>
      )}
    </div>
  );
}
