import { report } from '../../api/embedded';
import type { Detail, Remedy, Trials } from '../../api/types';
import { said } from '../../run/said';
import { explainLink } from '../../shell/address';
import { figure, language, words } from '../../shell/preferences';
import { Sentence } from './Sentence';

const flags = (changes: Record<string, string>) =>
  Object.entries(changes)
    .map(([key, value]) => `--${key.replaceAll('_', '-')} ${value}`)
    .join(' ');

interface Props {
  detail: Detail;
  layer: (index: number) => string;
  jump: (step: number) => void;
}

const WEIGHT = { error: 0, warning: 1, note: 2 };

export function Findings({ detail, layer, jump }: Props) {
  const w = words.value;
  // Where nobody has looked, nothing found means nothing.
  if (detail.findings === null) return null;
  const sorted = [...detail.findings_told].sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]);
  return (
    <section class="card">
      <h2>{w.findings}</h2>
      {sorted.length === 0 && <p class="hint">{w.noFindings}</p>}
      {sorted.length > 0 && !detail.trials && (
        <p class="hint">
          {w.askTheDoctor} <code>deltarule doctor {detail.name}</code>
        </p>
      )}
      {sorted.map((finding) => (
        <article key={`${finding.id} ${finding.layer}`} class={`finding ${finding.severity}`}>
          <div class="head">
            <h3>{w.problems[finding.id] ?? finding.id}</h3>
            <span class={`pill ${finding.severity}`}>{w.severity[finding.severity]}</span>
            {finding.layer !== undefined && <span class="muted">{layer(finding.layer)}</span>}
            {detail.state === 'finished' && !report?.without && <a href={explainLink(detail.name)}>{w.explain.link}</a>}
            {finding.step !== undefined && (
              <button type="button" onClick={() => jump(finding.step ?? 0)}>
                {w.jump(figure(finding.step))}
              </button>
            )}
          </div>
          <p>
            <Sentence of={finding.cause} />
          </p>
          <details>
            <summary>
              {w.evidence} · {w.remedies}
            </summary>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
            <section class="scroll" tabIndex={0} aria-label={w.evidence}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">{w.evidence}</th>
                    <th scope="col" class="number">
                      {w.value}
                    </th>
                    <th scope="col" class="number">
                      {w.threshold}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {finding.evidence.map((one) => (
                    <tr key={one.what}>
                      <td>
                        <Sentence of={one.what} />
                      </td>
                      <td class="number">{figure(one.value)}</td>
                      <td class="number">{figure(one.threshold)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
            <ol>
              {finding.remedies.map((remedy) => (
                <li key={remedy.what}>
                  <Sentence of={remedy.what} /> <code>{flags(remedy.changes)}</code>
                  <Gain remedy={remedy} trials={detail.trials} />
                </li>
              ))}
            </ol>
          </details>
        </article>
      ))}
    </section>
  );
}

/** What the remedy brought where the doctor tried it. */
function Gain({ remedy, trials }: { remedy: Remedy; trials: Trials | null }) {
  const w = words.value;
  const at =
    trials?.trials.findIndex((trial) => flags(trial.arm.remedy?.changes ?? {}) === flags(remedy.changes)) ?? -1;
  const trial = trials?.trials[at];
  if (!trials || !trial?.gain) return null;
  const { least, mean, most } = trial.gain;
  const signed = (value: number) => `${value > 0 ? '+' : ''}${figure(Number(value.toPrecision(3)))}`;
  return (
    <div class={`gain ${at === trials.best ? 'best' : ''}`}>
      {w.gain(
        said(trials.metric, language.value).text,
        trials.part === 'validation' ? w.validation : w.trainingRows,
        signed(mean),
        signed(least),
        signed(most),
        trial.figures.length,
      )}
      {at === trials.best && <b> · {w.bestRemedy}</b>}
    </div>
  );
}
