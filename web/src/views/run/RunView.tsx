import { useEffect, useMemo, useState } from 'preact/hooks';
import { about, run as fetchRun } from '../../api/client';
import { report } from '../../api/embedded';
import { followRuns } from '../../api/stream';
import type { About, Detail, Layer } from '../../api/types';
import { lookAt, type Part, rateFactor } from '../../run/account';
import { useAccounts } from '../../run/following';
import { address, setQuery } from '../../shell/address';
import { InSight } from '../../shell/InSight';
import { figure, words } from '../../shell/preferences';
import { EvaluationCards } from './Evaluation';
import { Findings } from './Findings';
import { Head } from './Head';
import { LayerCharts } from './LayerCharts';
import { Outcome } from './Outcome';
import { ReportNote } from './ReportNote';
import { RunCurves } from './RunCurves';

export function RunView({ name }: { name: string }) {
  const w = words.value;
  const [detail, setDetail] = useState<Detail | null>(null);
  const [problem, setProblem] = useState('');
  const [limits, setLimits] = useState<About['thresholds']>();
  useEffect(() => {
    // Without them the pictures lack their lines, no more.
    about().then(
      (answer) => setLimits(answer.thresholds),
      () => {},
    );
  }, []);
  const names = useMemo(() => [name], [name]);
  const account = useAccounts(names).get(name);
  useEffect(() => {
    document.title = `${name} · deltarule`;
    let changed: string | null | undefined;
    const load = () =>
      fetchRun(name).then(
        (answer) => {
          setProblem('');
          setDetail(answer);
        },
        (error: Error) => setProblem(error.message),
      );
    load();
    return followRuns((runs) => {
      const found = runs.find((run) => run.name === name);
      const now = found && JSON.stringify(found);
      if (now !== changed) load();
      changed = now;
    });
  }, [name]);

  const query = address.value.query;
  const part = account?.parts.find((known) => known.name === query.get('part')) ?? account?.parts.at(-1);
  const looks = part?.looks ?? [];
  const asked = query.get('step');
  // Without a choice the cursor follows the newest look, so that a running run is seen as it is now.
  const at = asked === null ? Math.max(looks.length - 1, 0) : lookAt(looks, Number(asked));
  const setStep = (step: number) => setQuery({ step: String(Math.max(0, Math.round(step))) });
  const layerName = nameOf(detail?.layers ?? []);
  if (problem && !detail) {
    return (
      <p class="pill error" role="alert">
        {w.failedToLoad(problem)}
      </p>
    );
  }
  if (!detail || !account) return <p class="muted">{w.loading}</p>;
  const isLive = detail.state === 'running' || detail.state === 'paused';
  return (
    <>
      <ReportNote />
      <Head detail={detail} factor={part ? rateFactor(part) : 1} />
      <Findings detail={detail} layer={layerName} jump={setStep} />
      {part && looks.length > 0 && <Cursor part={part} parts={account.parts} at={at} setStep={setStep} />}
      {part && (
        <InSight live={isLive}>
          <RunCurves
            part={part}
            taken={account.taken}
            step={asked === null ? (looks[at]?.step ?? null) : Number(asked)}
            pick={setStep}
          />
        </InSight>
      )}
      {part && <Outcome part={part} layer={layerName} />}
      {detail.state === 'finished' && !report?.without && <EvaluationCards key={detail.changed} name={name} />}
      {part && looks.length > 0 && (
        <InSight live={isLive}>
          <LayerCharts part={part} taken={account.taken} at={at} setStep={setStep} name={layerName} limits={limits} />
        </InSight>
      )}
    </>
  );
}

const nameOf = (layers: Layer[]) => (index: number) => {
  const layer = layers[index];
  if (!layer) return String(index);
  return `${index} · ${layer.kind}${layer.activation ? ` ${layer.activation}` : ''}`;
};

interface CursorProps {
  part: Part;
  parts: Part[];
  at: number;
  setStep: (step: number) => void;
}

function Cursor({ part, parts, at, setStep }: CursorProps) {
  const w = words.value;
  const look = part.looks[at];
  return (
    <section class="card cursor" aria-label={w.stepCursor}>
      {parts.length > 1 && (
        <select
          aria-label={w.part}
          value={part.name}
          onChange={(e) => setQuery({ part: e.currentTarget.value, step: null })}
        >
          {parts.map((known) => (
            <option key={known.name}>{known.name}</option>
          ))}
        </select>
      )}
      <label for="step">{w.stepCursor}</label>
      <input
        id="step"
        type="range"
        min={0}
        max={Math.max(part.looks.length - 1, 0)}
        value={at}
        aria-valuetext={`${w.step} ${look?.step ?? 0}`}
        onInput={(e) => setStep(part.looks[Number(e.currentTarget.value)]?.step ?? 0)}
      />
      <output for="step">
        {figure(look?.step)}{' '}
        <span class="muted">
          ({w.epoch} {look?.epoch})
        </span>
      </output>
    </section>
  );
}
