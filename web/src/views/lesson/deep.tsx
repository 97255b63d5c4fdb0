import { useEffect, useState } from 'preact/hooks';
import { Factors } from '../../charts/Bars';
import { factors } from '../../lesson/factors';
import type { Signs } from '../../lesson/formula';
import { SLOPES, type Slope, startOf } from '../../lesson/slopes';
import { deep, type Subject } from '../../lesson/subjects';
import type { Pass } from '../../play/pass';
import type { Session } from '../../play/session';
import { figure, words } from '../../shell/preferences';
import { layerName } from '../play/playground';
import { Formula } from './Formula';
import { Arrives, Costs, share, Trouble, useSubject } from './figures';
import { Together, useTogether } from './later';
import { Elsewhere, type StepProps, useOnce, usePass } from './steps';

const SLOPE: Signs = {
  f: { tex: 'f', text: 'f' },
  slope: { tex: "f\\,'", text: 'f′' },
  arrives: { tex: '\\frac{\\lVert\\delta_1\\rVert}{\\lVert\\delta_L\\rVert}', text: '‖δ₁‖/‖δ_L‖' },
};

export function Vanishing({ done }: StepProps) {
  const w = words.value.lesson;
  const [layers, setLayers] = useState(3);
  const subject = deep(layers, 'sigmoid', 'glorot_uniform');
  const session = useSubject(subject);
  const [ready, frame] = [session.ready.value, session.frame.value];
  const pass = useBackward(session, layers + 1);
  const arrives = share(frame);
  const f = frame?.row.layers[0]?.a[0] ?? null;
  useOnce(arrives !== null && arrives < 1e-3, done);
  return (
    <>
      <Formula
        tex={'\\s{slope} = \\s{f}\\,(1 - \\s{f}) \\le \\tfrac14 \\qquad \\s{arrives}'}
        line="f′ = {f} · (1 − {f}) = {slope},  ‖δ₁‖ / ‖δ_L‖ = {arrives}"
        signs={SLOPE}
        values={{ f, slope: f === null ? null : f * (1 - f), arrives }}
      />
      <div class="sliders">
        <label>
          <span>{w.depth}</span>
          <input
            type="range"
            min={1}
            max={10}
            value={layers}
            aria-valuetext={`${w.depth}: ${layers}`}
            onInput={(e) => setLayers(Number(e.currentTarget.value))}
          />
          <output>{layers}</output>
        </label>
      </div>
      <Trouble session={session} />
      {ready && frame && <Arrives ready={ready} frame={frame} label="‖δ‖" floor={-9} />}
      <p class="big">
        {w.firstShare} <b data-share="">{figure(arrives)}</b>
      </p>
      {ready && frame?.weights && pass && (
        <div class="factors">
          <h3>{w.factors}</h3>
          <p class="hint">{w.factorsHint(figure(pass.last.shown + 1))}</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
          <section class="scroll" tabIndex={0} aria-label={w.factors}>
            <Factors
              label={w.factors}
              layers={factors(pass.deltas, frame.weights)}
              names={(layer) => layerName(ready.layers, layer)}
            />
          </section>
        </div>
      )}
      <Elsewhere subject={subject} />
    </>
  );
}

/** Goes through the phases of the first step up to the update, one after the other, so that every layer's δ is known. */
function useBackward(session: Session, layers: number): Pass | null {
  const pass = usePass(session);
  const [ready, frame, phase] = [session.ready.value, session.frame.value, session.phase.value];
  const next = phase?.next ?? frame?.next;
  // While another depth has been asked for, the phases of the network before it are of no use.
  const goesOn = next !== undefined && next.phase !== 'update' && ready?.layers.length === layers;
  useEffect(() => {
    if (goesOn) session.nextPhase();
  }, [ready, phase, goesOn]);
  return pass;
}

const MENDED: Signs = {
  ...SLOPE,
  z: { tex: 'z', text: 'z' },
  a: { tex: 'a', text: 'a' },
  fanIn: { tex: 'n_\\text{in}', text: 'n_in' },
  fanOut: { tex: 'n_\\text{out}', text: 'n_out' },
  variance: { tex: '\\operatorname{Var}(w)', text: 'Var(w)' },
};

const LAYERS = 8;
const STARTS = ['auto', 'glorot_uniform', 'he_normal', 'zeros'];

export function Mended({ done }: StepProps) {
  const w = words.value.lesson;
  // Like the one on the left, so that what mends it is the reader's to find.
  const [activation, setActivation] = useState('sigmoid');
  const [start, setStart] = useState('auto');
  const subjects = [deep(LAYERS, 'sigmoid', 'glorot_uniform'), deep(LAYERS, activation, start)];
  const sessions = [useSubject(subjects[0] as Subject), useSubject(subjects[1] as Subject)];
  const { traces, ...controls } = useTogether(sessions, 60);
  const names = [
    'sigmoid, glorot_uniform',
    `${activation}, ${start === 'auto' ? w.auto : start === 'zeros' ? w.zeros : start}`,
  ];
  const [left, right] = sessions.map((session) => session.frame.value?.training.cost ?? null);
  const trained = (sessions[1]?.frame.value?.epoch ?? 0) > 0;
  useOnce(trained && typeof left === 'number' && typeof right === 'number' && right < left / 2, done);
  const [ready, shown] = [sessions[1]?.ready.value ?? null, sessions[1]?.frame.value ?? null];
  const unit = shown?.row.layers[0];
  const [z, a] = [unit?.z?.[0] ?? null, unit?.a[0] ?? null];
  const slope = SLOPES[activation] as Slope;
  // What "as the activation asks for" comes to is the plan's to say.
  const drawn = startOf(start === 'auto' ? String(ready?.settings.initializer ?? '') : start);
  const [fanIn, fanOut] = [ready?.layers[0]?.fan_in ?? 0, ready?.layers[0]?.units ?? 0];
  return (
    <>
      <Formula
        tex={[slope.tex, drawn?.tex, '\\s{arrives}'].filter(Boolean).join(' \\qquad ')}
        line={[slope.line, drawn?.line, '‖δ₁‖ / ‖δ_L‖ = {arrives}'].filter(Boolean).join(',  ')}
        signs={MENDED}
        values={{
          z,
          a,
          slope: z === null || a === null ? null : slope.at(z, a),
          fanIn: fanIn || null,
          fanOut: fanOut || null,
          variance: drawn && fanIn ? drawn.variance(fanIn, fanOut) : null,
          arrives: share(shown),
        }}
      />
      <p class="hint">{w.firstUnit(figure((shown?.row.row ?? 0) + 1))}</p>
      <div class="choices">
        <label>
          {w.activation}{' '}
          <select value={activation} onChange={(e) => setActivation(e.currentTarget.value)}>
            {Object.keys(SLOPES).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          {w.initializer}{' '}
          <select value={start} onChange={(e) => setStart(e.currentTarget.value)}>
            {STARTS.map((name) => (
              <option key={name} value={name}>
                {name === 'auto' ? w.auto : name === 'zeros' ? w.zeros : name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Together {...controls} />
      <div class="figure two">
        {sessions.map((session, at) => {
          const [ready, frame] = [session.ready.value, session.frame.value];
          return (
            <figure key={at}>
              <figcaption>
                {names[at]} · {w.meanCost} <b>{figure(frame?.training.cost)}</b>
              </figcaption>
              {ready && frame && <Arrives ready={ready} frame={frame} label={`‖δ‖, ${names[at]}`} floor={-9} />}
              <Trouble session={session} />
            </figure>
          );
        })}
      </div>
      <Costs
        label={w.meanCost}
        across={w.epoch}
        traces={traces.map((trace, at) => ({ ...trace, name: names[at] ?? '' }))}
        height={180}
      />
      <Elsewhere subject={subjects[1] as Subject} />
    </>
  );
}
