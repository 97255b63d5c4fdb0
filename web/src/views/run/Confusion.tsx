import type { Evaluation } from '../../api/model';
import { sequential } from '../../charts/colours';
import { figure, words } from '../../shell/preferences';

/** Black on bright colours, white on dark ones (relative luminance, WCAG 2). */
function ink(rgb: [number, number, number]): string {
  const linear = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 ? '#000' : '#fff';
}

interface Props {
  confusion: NonNullable<Evaluation['confusion']>;
  classes: string[];
}

export function Confusion({ confusion, classes }: Props) {
  const w = words.value.evaluation;
  return (
    <section class="card">
      <h2>{w.confusion}</h2>
      <p class="hint">{w.confusionHint}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label={w.confusion}>
        <table class="confusion">
          <thead>
            <tr>
              <th scope="col">
                {w.trueClass} ↓ {w.predictedClass} →
              </th>
              {classes.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {classes.map((name, truth) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {classes.map((other, predicted) => {
                  const count = confusion.counts[truth * classes.length + predicted] ?? 0;
                  const colour = sequential(count / (confusion.support[truth] || 1));
                  return (
                    <td key={other} style={{ background: `rgb(${colour.join(',')})`, color: ink(colour) }}>
                      {figure(count)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
