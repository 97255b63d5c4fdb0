import { useEffect, useRef, useState } from 'preact/hooks';
import type { Signs } from '../../lesson/formula';
import { oneUnit, query, type Subject } from '../../lesson/subjects';
import { playLink } from '../../play/address';
import { after, type Pass } from '../../play/pass';
import type { Phase } from '../../play/protocol';
import type { Session } from '../../play/session';
import { figure, words } from '../../shell/preferences';
import { Formula } from './Formula';
import { Costs, Plane, parameterIn, Sliders, type Trace, Trouble, targetOf, useSubject } from './figures';

export interface StepProps {
  /** Told once when the reader has done what the step asks for. */
  done: () => void;
}

export const SIGNS: Signs = {
  w1: { tex: 'w_1', text: 'w₁' },
  w2: { tex: 'w_2', text: 'w₂' },
  next: { tex: 'w_1^{+}', text: 'w₁⁺' },
  b: { tex: 'b', text: 'b' },
  x1: { tex: 'x_1', text: 'x₁' },
  x2: { tex: 'x_2', text: 'x₂' },
  z: { tex: 'z', text: 'z' },
  yhat: { tex: '\\hat y', text: 'ŷ' },
  y: { tex: 'y', text: 'y' },
  C: { tex: 'C', text: 'C' },
  eta: { tex: '\\eta', text: 'η' },
  delta: { tex: '\\delta', text: 'δ' },
  gradient: { tex: '\\frac{\\partial C}{\\partial w_1}', text: '∂C/∂w₁' },
};

/** The very thing of the figure, in the playground. */
export function Elsewhere({ subject }: { subject: Subject }) {
  return (
    <p>
      <a href={playLink(query(subject))}>{words.value.lesson.inPlayground}</a>
    </p>
  );
}

/** Calls once when something first holds. */
export function useOnce(holds: boolean, then: () => void): void {
  const told = useRef(false);
  useEffect(() => {
    if (!holds || told.current) return;
    told.current = true;
    then();
  }, [holds]);
}

function unitValues(session: Session) {
  const [ready, frame] = [session.ready.value, session.frame.value];
  if (!ready || !frame) return null;
  const { row } = frame;
  return {
    frame,
    values: {
      w1: parameterIn(frame, { layer: 0, from: 0, to: 0 }),
      w2: parameterIn(frame, { layer: 0, from: 1, to: 0 }),
      b: parameterIn(frame, { layer: 0, from: null, to: 0 }),
      x1: row.x[0],
      x2: row.x[1],
      z: row.layers[0]?.z?.[0],
      yhat: row.layers[0]?.a[0],
      y: targetOf(ready, frame),
      C: row.cost,
    },
  };
}

export function Perceptron({ done }: StepProps) {
  const w = words.value.lesson;
  const subject = oneUnit();
  const session = useSubject(subject, 64);
  const told = unitValues(session);
  const accuracy = told?.frame.training.accuracy ?? 0;
  useOnce(accuracy >= 0.85, done);
  return (
    <>
      <Formula
        tex={
          '\\s{z} = \\s{w1}\\,\\s{x1} + \\s{w2}\\,\\s{x2} + \\s{b} \\qquad \\s{yhat} = \\sigma(\\s{z}) = \\frac{1}{1 + e^{-\\s{z}}}'
        }
        line="z = {w1} · {x1} + {w2} · {x2} + {b} = {z},  ŷ = σ({z}) = {yhat}"
        signs={SIGNS}
        values={told?.values ?? {}}
      />
      <div class="figure two">
        <Plane session={session} label={w.plane} />
        <div>
          <Trouble session={session} />
          <Sliders session={session} rows />
          <p class="big">
            {w.accuracy} <b data-accuracy="">{figure(told?.frame.training.accuracy)}</b>
          </p>
          <Elsewhere subject={subject} />
        </div>
      </div>
    </>
  );
}

const [FROM, TO, POINTS] = [-8, 8, 65];

export function Cost({ done }: StepProps) {
  const w = words.value.lesson;
  const subject = oneUnit();
  const session = useSubject(subject, 64);
  const told = unitValues(session);
  const cost = told?.frame.training.cost ?? null;
  const w1 = told?.values.w1 ?? null;
  const valley = useValley(session, w1, cost);
  useOnce(cost !== null && cost < 0.06, done);
  return (
    <>
      <Formula
        tex={'\\s{C} = \\tfrac12\\,(\\s{yhat} - \\s{y})^2'}
        line="C = ½ · ({yhat} − {y})² = {C}"
        signs={SIGNS}
        values={told?.values ?? {}}
      />
      <div class="figure two">
        <Plane session={session} label={w.plane} />
        <div>
          <Trouble session={session} />
          <Sliders session={session} rows />
          <p class="big">
            {w.meanCost} <b data-cost="">{figure(cost)}</b>
          </p>
          <button type="button" onClick={valley.sweep} disabled={valley.moving}>
            {w.sweep}
          </button>
          <Costs label={w.meanCost} across="w₁" traces={[valley.trace]} height={190} />
          <Elsewhere subject={subject} />
        </div>
      </div>
    </>
  );
}

/** The cost at each w₁ that was visited, and a walk from end to end: each place waits for the frame that tells its cost. */
function useValley(session: Session, w1: number | null, cost: number | null) {
  const [seen] = useState(() => new Map<number, number>());
  const [at, setAt] = useState<number | null>(null);
  const others = useRef('');
  const frame = session.frame.value;
  const rest = frame
    ? `${parameterIn(frame, { layer: 0, from: 1, to: 0 })} ${parameterIn(frame, { layer: 0, from: null, to: 0 })}`
    : '';
  // With another w₂ or b it is another valley.
  if (rest !== others.current) {
    others.current = rest;
    seen.clear();
  }
  if (w1 !== null && cost !== null) seen.set(Math.round(w1 * 100) / 100, cost);
  const place = (step: number) => FROM + ((TO - FROM) * step) / (POINTS - 1);
  const wanted = at === null ? null : place(at);
  useEffect(() => {
    if (at === null || wanted === null) return;
    session.weight({ layer: 0, from: 0, to: 0 }, wanted);
  }, [at]);
  useEffect(() => {
    if (at === null || w1 === null || wanted === null || Math.abs(w1 - wanted) > 1e-4) return;
    setAt(at + 1 < POINTS ? at + 1 : null);
  }, [w1, at]);
  const points = [...seen].sort((a, b) => a[0] - b[0]);
  const trace: Trace = { name: words.value.lesson.meanCost, x: points.map(([x]) => x), y: points.map(([, y]) => y) };
  return { trace, moving: at !== null, sweep: () => setAt(0) };
}

/** The phases of the steps since the figure began. */
export function usePass(session: Session): Pass | null {
  const [pass, setPass] = useState<Pass | null>(null);
  const phase: Phase | null = session.phase.value;
  useEffect(() => {
    setPass((earlier) => (phase ? after(earlier, phase) : null));
  }, [phase]);
  return pass;
}

/** A button for the next phase, and what it will be. */
export function PhaseButton({ session }: { session: Session }) {
  const w = words.value.lesson;
  const next = session.phase.value?.next ?? session.frame.value?.next;
  return (
    <p class="phase-button">
      <button type="button" class="main" onClick={() => session.nextPhase()} disabled={!session.ready.value}>
        {w.phase}
      </button>{' '}
      {next && <span class="muted">{w.nextIs(words.value.play.stage[next.phase])}</span>}
    </p>
  );
}

export function ChainRule({ done }: StepProps) {
  const w = words.value.lesson;
  const subject = oneUnit('1');
  const session = useSubject(subject, 64);
  const pass = usePass(session);
  const [ready, frame] = [session.ready.value, session.frame.value];
  const row = pass?.last.shown ?? frame?.row.row ?? 0;
  // The formula is about the batch's row: its numbers are what the figure shows.
  useEffect(() => {
    if (pass && frame && frame.row.row !== pass.last.shown) session.row(pass.last.shown);
  }, [pass?.last.shown]);
  const [x1, yhat] = [ready?.data.points?.x[row]?.[0] ?? null, pass?.a.get(0)?.[0] ?? null];
  const y = ready?.data.points?.y[row] ?? null;
  const has = x1 !== null && yhat !== null && y !== null;
  const slope = has ? yhat * (1 - yhat) : null;
  const stored = pass?.gradients.get(0)?.w[0] ?? null;
  const moved = pass?.updated.get(0)?.w;
  useOnce(!!moved, done);
  return (
    <>
      <Formula
        tex={
          '\\s{gradient} = \\underbrace{\\s{x1}}_{\\partial z/\\partial w_1} \\cdot \\underbrace{\\s{yhat}\\,(1 - \\s{yhat})}_{\\partial \\hat y/\\partial z} \\cdot \\underbrace{(\\s{yhat} - \\s{y})}_{\\partial C/\\partial \\hat y} = \\s{x1} \\cdot \\s{delta}'
        }
        line="∂C/∂w₁ = {x1} · {yhat} · (1 − {yhat}) · ({yhat} − {y}) = {gradient}"
        signs={SIGNS}
        values={{
          x1,
          yhat,
          y,
          delta: slope === null || !has ? null : slope * (yhat - y),
          gradient: slope === null || !has ? null : x1 * slope * (yhat - y),
        }}
      />
      <div class="figure two">
        <Plane session={session} label={w.plane} />
        <div>
          <Trouble session={session} />
          <PhaseButton session={session} />
          <dl class="figures">
            <Told name="z" value={pass?.z.get(0)?.[0]} />
            <Told name="ŷ" value={yhat} />
            <Told name="C" value={pass?.cost?.row} />
            <Told name="δ" value={pass?.deltas.get(0)?.[0]} />
            <Told name={`∂C/∂w₁ · ${w.byEngine}`} value={stored} mark="stored" />
            <Told name="w₁" value={moved?.before[0]} />
            <Told name="w₁ − η ∂C/∂w₁" value={moved?.after[0]} />
          </dl>
          <Elsewhere subject={subject} />
        </div>
      </div>
    </>
  );
}

export function Told({ name, value, mark }: { name: string; value: number | null | undefined; mark?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-number={mark}>{figure(value)}</dd>
    </div>
  );
}
