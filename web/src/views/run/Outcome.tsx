import type { Judgement } from '../../api/types';
import type { Part } from '../../run/account';
import { said } from '../../run/said';
import { figure, language, words } from '../../shell/preferences';
import { asked } from './asked';
import { Sentence } from './Sentence';

/** How the part ended, how far its cost lies below a constant prediction's, and what was asked of it meanwhile. */
export function Outcome({ part, layer }: { part: Part; layer: (index: number) => string }) {
  const w = words.value;
  const { failure, judgement, controls } = part;
  if (!failure && !judgement && controls.length === 0) return null;
  return (
    <section class="card">
      <h2>{w.outcome}</h2>
      {failure && (
        <p class="pill error">
          {w.failedAt(figure(failure.step), said(failure.phase, language.value).text)}
          {failure.layer !== null && ` · ${layer(failure.layer)}`}: <Sentence of={failure.what} />
        </p>
      )}
      {judgement && <Judged judgement={judgement} />}
      {controls.length > 0 && (
        <>
          <h3>{w.interventions}</h3>
          <ol class="plain">
            {controls.map((one, at) => (
              <li key={at}>
                {w.step} {figure(one.step)}: {asked(one.control, w)}
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

function Judged({ judgement }: { judgement: Judgement }) {
  const w = words.value;
  const parts = [
    { name: w.trainingRows, of: judgement.train },
    { name: w.validation, of: judgement.validation },
  ];
  return (
    <>
      <p class="hint">{w.judgedHint}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label={w.outcome}>
        <table>
          <thead>
            <tr>
              <th scope="col">{w.part}</th>
              <th scope="col" class="number">
                {w.rows}
              </th>
              <th scope="col" class="number">
                {w.cost}
              </th>
              <th scope="col" class="number">
                {w.constantCost}
              </th>
              <th scope="col" class="number">
                {w.removed}
              </th>
            </tr>
          </thead>
          <tbody>
            {parts.map(
              ({ name, of }) =>
                of && (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td class="number">{figure(of.rows)}</td>
                    <td class="number">{figure(of.cost)}</td>
                    <td class="number">{figure(of.baseline)}</td>
                    <td class="number">{share(of.cost, of.baseline)}</td>
                  </tr>
                ),
            )}
          </tbody>
        </table>
      </section>
    </>
  );
}

function share(cost: number | null, baseline: number | null): string {
  return cost === null || !baseline ? '–' : `${figure(Number((100 * (1 - cost / baseline)).toPrecision(3)))} %`;
}
