import { useEffect, useRef, useState } from 'preact/hooks';
import type { Signs } from '../../lesson/formula';
import { howFar, layered, type Subject, whenToUpdate, xor } from '../../lesson/subjects';
import type { Frame, Parameter } from '../../play/protocol';
import type { Session } from '../../play/session';
import { figure, words } from '../../shell/preferences';
import { Formula } from './Formula';
import { Costs, Plane, parameterIn, type Trace, Trouble, useSubject } from './figures';
import { Elsewhere, PhaseButton, SIGNS, type StepProps, Told, useOnce, usePass } from './steps';

/** Milliseconds between two epochs of networks that train beside each other, so that one sees them go. */
const BEAT = 120;

/** Networks that train epoch by epoch at the same beat, and their costs. */
export function useTogether(sessions: Session[], epochs: number) {
  const [going, setGoing] = useState(false);
  const [traces] = useState(() => sessions.map((): Trace => ({ name: '', x: [], y: [] })));
  sessions.forEach((session, at) => {
    const frame = session.frame.value;
    const trace = traces[at];
    if (!frame || !trace) return;
    const cost = frame.training.cost ?? null;
    if (frame.step === 0) trace.x.length = trace.y.length = 0;
    if (cost !== null && trace.x.at(-1) !== frame.epoch) {
      trace.x.push(frame.epoch);
      trace.y.push(cost);
    }
  });
  const done = sessions.map((session) => session.frame.value?.epoch ?? 0);
  const latest = useRef(done);
  latest.current = done;
  useEffect(() => {
    if (!going) return;
    const timer = setInterval(() => {
      const behind = sessions.filter((_, at) => (latest.current[at] ?? 0) < epochs);
      if (behind.length === 0) setGoing(false);
      for (const session of behind) if (!session.frame.peek()?.problem) session.epoch();
    }, BEAT);
    return () => clearInterval(timer);
  }, [going]);
  const restart = () => {
    setGoing(false);
    for (const session of sessions) session.restart();
  };
  return { traces, going, toggle: () => setGoing(!going), restart };
}

export function Together({ going, toggle, restart }: { going: boolean; toggle: () => void; restart: () => void }) {
  const w = words.value.lesson;
  return (
    <p class="choices">
      <button type="button" class="main" onClick={toggle}>
        {going ? w.pause : w.run}
      </button>
      <button type="button" onClick={restart}>
        {w.restart}
      </button>
    </p>
  );
}

const BATCHES = ['1', '16', 'all'];
const W1: Parameter = { layer: 0, from: 0, to: 0 };

/** ∂C/∂w₁ over the batch that comes next. No frame carries it, so each one is followed by a question of its own. */
function useGradient(session: Session): number | null {
  const [told, setTold] = useState<{ frame: Frame | null; gradient: number | null } | null>(null);
  const [frame, checked] = [session.frame.value, session.checked.value];
  useEffect(() => {
    if (frame && !frame.problem) session.check(W1);
  }, [frame]);
  useEffect(() => {
    setTold(checked && { frame: session.frame.peek(), gradient: checked.analytic });
  }, [checked]);
  // What was told of an earlier frame is not the gradient of this one.
  return told?.frame === frame ? (told?.gradient ?? null) : null;
}

export function Update({ done }: StepProps) {
  const w = words.value.lesson;
  const [which, setWhich] = useState<'when' | 'how'>('how');
  const [rates, setRates] = useState(['0.01', '0.3', '3']);
  const subjects: Subject[] = which === 'when' ? BATCHES.map(whenToUpdate) : rates.map(howFar);
  const sessions = [
    useSubject(subjects[0] as Subject),
    useSubject(subjects[1] as Subject),
    useSubject(subjects[2] as Subject),
  ];
  const { traces, ...controls } = useTogether(sessions, 60);
  const names = [w.small, w.right, w.great];
  const named = traces.map((trace, at) => ({
    ...trace,
    name: which === 'when' ? (w.batchOf[BATCHES[at] ?? ''] ?? '') : `η = ${rates[at]}`,
  }));
  const worse = traces.some((trace) => trace.y.length > 1 && Math.max(...trace.y) > (trace.y[0] ?? 0) * 1.05);
  const failed = sessions.some((session) => session.frame.value?.problem);
  useOnce(which === 'how' && (worse || failed), done);
  const shown = sessions[1] as Session;
  const frame = shown.frame.value;
  const eta = frame?.learning_rate ?? null;
  const w1 = frame ? parameterIn(frame, W1) : null;
  const gradient = useGradient(shown);
  const has = w1 !== null && eta !== null && gradient !== null;
  return (
    <>
      <Formula
        tex={'\\s{next} = \\s{w1} - \\s{eta}\\,\\s{gradient}'}
        line="w₁⁺ = {w1} − {eta} · {gradient} = {next}"
        signs={SIGNS}
        values={{ next: has ? w1 - eta * gradient : null, w1, eta, gradient }}
      />
      <p class="hint">{w.numbersOf(named[1]?.name ?? '')}</p>
      <div class="choices">
        {(['when', 'how'] as const).map((key) => (
          <label key={key}>
            <input type="radio" name="update" checked={which === key} onChange={() => setWhich(key)} /> {w[key]}
          </label>
        ))}
        {which === 'how' &&
          rates.map((rate, at) => (
            <label key={names[at]}>
              {names[at]}{' '}
              <input
                type="number"
                min={0.0001}
                max={1000}
                step="any"
                value={rate}
                aria-label={w.rateOf(names[at] ?? '')}
                onChange={(e) => {
                  const value = e.currentTarget.value;
                  if (Number(value) > 0) setRates(rates.map((one, k) => (k === at ? value : one)));
                }}
              />
            </label>
          ))}
      </div>
      {sessions.map((session, at) => (
        <Trouble key={at} session={session} />
      ))}
      <Together {...controls} />
      <Costs label={w.meanCost} across={w.epoch} traces={named} />
      <Elsewhere subject={subjects[1] as Subject} />
    </>
  );
}

const HIDDEN: Signs = {
  ...SIGNS,
  a: { tex: 'a_j', text: 'aⱼ' },
  w1: { tex: 'w_{1j}', text: 'w₁ⱼ' },
  w2: { tex: 'w_{2j}', text: 'w₂ⱼ' },
  b: { tex: 'b_j', text: 'bⱼ' },
  v: { tex: 'v_j', text: 'vⱼ' },
  c: { tex: 'c', text: 'c' },
};

export function Xor({ done }: StepProps) {
  const w = words.value.lesson;
  const [alone, hidden] = [useSubject(xor('none'), 64), useSubject(xor('4'), 64)];
  const { traces, ...controls } = useTogether([alone, hidden], 400);
  const names = [w.alone, w.withHidden];
  const cost = hidden.frame.value?.training.cost ?? null;
  useOnce(cost !== null && cost < 0.02, done);
  const frame = hidden.frame.value;
  const row = frame?.row;
  const [unit, setUnit] = useState(0);
  const [first, last] = frame?.weights ?? [];
  const told = (parameter: Parameter) => (frame ? parameterIn(frame, parameter) : null);
  const into = (from: number | null) => (first ? told({ layer: first.layer, from, to: unit }) : null);
  const out = (from: number | null) => (last ? told({ layer: last.layer, from, to: 0 }) : null);
  return (
    <>
      <Formula
        tex={
          '\\s{a} = \\tanh\\bigl(\\s{w1}\\,\\s{x1} + \\s{w2}\\,\\s{x2} + \\s{b}\\bigr) \\qquad \\s{yhat} = \\sigma\\Bigl(\\sum_j \\s{v}\\,\\s{a} + \\s{c}\\Bigr)'
        }
        line="tanh({w1} · {x1} + {w2} · {x2} + {b}) = {a},  ŷ = {yhat}"
        signs={HIDDEN}
        values={{
          a: row?.layers[0]?.a[unit],
          w1: into(0),
          w2: into(1),
          b: into(null),
          x1: row?.x[0],
          x2: row?.x[1],
          v: out(unit),
          c: out(null),
          yhat: row?.layers.at(-1)?.a[0],
        }}
      />
      <div class="choices">
        <label>
          {w.unitOf}{' '}
          <select value={unit} onChange={(e) => setUnit(Number(e.currentTarget.value))}>
            {[0, 1, 2, 3].map((at) => (
              <option key={at} value={at}>
                {at + 1}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Together {...controls} />
      <div class="figure two">
        {[alone, hidden].map((session, at) => (
          <figure key={names[at]}>
            <figcaption>
              {names[at]} · {w.meanCost} <b>{figure(session.frame.value?.training.cost)}</b>
            </figcaption>
            <Plane session={session} label={`${names[at]}: ${w.plane}`} />
            <Trouble session={session} />
          </figure>
        ))}
      </div>
      <Costs
        label={w.meanCost}
        across={w.epoch}
        traces={traces.map((trace, at) => ({ ...trace, name: names[at] ?? '' }))}
        height={170}
      />
      <Elsewhere subject={xor('4')} />
    </>
  );
}

const LAYERED: Signs = {
  here: { tex: '\\delta^{(1)}', text: 'δ⁽¹⁾' },
  later: { tex: '\\delta^{(2)}', text: 'δ⁽²⁾' },
  between: { tex: 'w^{(2)}', text: 'w⁽²⁾' },
  slope: { tex: "f\\,'(z^{(1)})", text: 'f′(z⁽¹⁾)' },
  d1: { tex: '\\delta^{(1)}_1', text: 'δ⁽¹⁾₁' },
  v1: { tex: 'w^{(2)}_{11}', text: 'w⁽²⁾₁₁' },
  v2: { tex: 'w^{(2)}_{12}', text: 'w⁽²⁾₁₂' },
  v3: { tex: 'w^{(2)}_{13}', text: 'w⁽²⁾₁₃' },
  e1: { tex: '\\delta^{(2)}_1', text: 'δ⁽²⁾₁' },
  e2: { tex: '\\delta^{(2)}_2', text: 'δ⁽²⁾₂' },
  e3: { tex: '\\delta^{(2)}_3', text: 'δ⁽²⁾₃' },
  a: { tex: 'a^{(1)}_1', text: 'a⁽¹⁾₁' },
};

export function Recursion({ done }: StepProps) {
  const w = words.value.lesson;
  const subject = layered();
  const session = useSubject(subject);
  const pass = usePass(session);
  const frame = session.frame.value;
  // Weights of the second layer out of the first one's first unit, as they were on the way.
  const before = pass?.updated.get(1);
  const out = [0, 1, 2].map((to) =>
    before ? (before.w.before[to] ?? null) : frame ? parameterIn(frame, { layer: 1, from: 0, to }) : null,
  );
  const between = before?.w.before ?? frame?.weights?.find((one) => one.layer === 1)?.w;
  const later = pass?.deltas.get(1);
  const a = pass?.a.get(0)?.[0] ?? null;
  const sum = later ? out.reduce<number>((all, weight, k) => all + (weight ?? 0) * (later[k] ?? 0), 0) : null;
  const made = sum === null || a === null ? null : sum * a * (1 - a);
  useOnce(!!pass?.deltas.get(0), done);
  return (
    <>
      <Formula
        tex={
          '\\s{here} = \\bigl(\\s{later}\\,{\\s{between}}^{\\top}\\bigr) \\odot \\s{slope} \\qquad \\s{d1} = \\bigl(\\s{v1}\\s{e1} + \\s{v2}\\s{e2} + \\s{v3}\\s{e3}\\bigr)\\,\\s{a}\\,(1 - \\s{a})'
        }
        line="({v1} · {e1} + {v2} · {e2} + {v3} · {e3}) · {a} · (1 − {a}) = {d1}"
        signs={LAYERED}
        values={{
          here: pass?.deltas.get(0),
          later,
          between: between && [0, 1, 2].map((from) => between.slice(3 * from, 3 * from + 3)),
          slope: pass?.a.get(0)?.map((one) => (one === null ? null : one * (1 - one))),
          d1: made,
          v1: out[0],
          v2: out[1],
          v3: out[2],
          e1: later?.[0],
          e2: later?.[1],
          e3: later?.[2],
          a,
        }}
      />
      <Trouble session={session} />
      <PhaseButton session={session} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label={w.values}>
        <table class="numbers">
          <thead>
            <tr>
              <th scope="col">{words.value.play.ofLayer}</th>
              <th scope="col">a</th>
              <th scope="col">δ</th>
            </tr>
          </thead>
          <tbody>
            {[0, 1, 2].map((layer) => (
              <tr key={layer} data-layer={layer}>
                <th scope="row">{layer + 1}</th>
                <td>{list(pass?.a.get(layer))}</td>
                <td data-delta="">{list(pass?.deltas.get(layer))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <dl class="figures">
        <Told name={`δ⁽¹⁾₁ · ${w.byEngine}`} value={pass?.deltas.get(0)?.[0]} mark="stored" />
      </dl>
      <Elsewhere subject={subject} />
    </>
  );
}

const list = (numbers: (number | null)[] | undefined) => numbers?.map((one) => figure(one)).join(',  ') ?? '–';
