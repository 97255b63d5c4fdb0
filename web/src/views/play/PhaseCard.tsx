import { symbol } from '../../play/parameter';
import type { Pass } from '../../play/pass';
import type { Phase, Ready } from '../../play/protocol';
import { figure, words } from '../../shell/preferences';
import { layerName, type Playground } from './playground';

const MOST = 16;

type Numbers = (number | null)[];

/** The numbers that the last phase made, as a table: the same that stand in the network's picture. */
export function PhaseCard({ playground, ready }: { playground: Playground; ready: Ready }) {
  const w = words.value.play;
  const pass = playground.pass.value;
  const phase = pass?.last;
  if (!pass || !phase) {
    return (
      <section class="card phase">
        <h2>{w.thisPhase}</h2>
        <p class="hint">{w.noPhase}</p>
      </section>
    );
  }
  const name = phase.layer === null ? '' : layerName(ready.layers, phase.layer);
  const now = w.phaseNow[phase.phase];
  return (
    <section class="card phase" data-phase={phase.phase} data-layer={phase.layer}>
      <h2>{w.thisPhase}</h2>
      <p>{typeof now === 'string' ? now : now(name)}</p>
      <p class="hint">{w.phaseOf(figure(phase.shown + 1), figure(phase.rows.length))}</p>
      <Made phase={phase} pass={pass} ready={ready} />
    </section>
  );
}

function Made({ phase, pass, ready }: { phase: Phase; pass: Pass; ready: Ready }) {
  const w = words.value.play;
  switch (phase.phase) {
    case 'forward':
      return (
        <Table
          label={w.thisPhase}
          head={[w.unitHead, ...(phase.z ? ['z'] : []), 'a']}
          rows={(phase.a ?? []).map((a, unit) => [String(unit), ...(phase.z ? [phase.z[unit] ?? null] : []), a])}
        />
      );
    case 'cost':
      return (
        <dl class="figures">
          {(
            [
              ['batch', w.costBatch],
              ['row', w.costRow],
              ['penalty', w.penalty],
            ] as const
          ).map(([key, name]) => (
            <div key={key} data-cost={key}>
              <dt>{name}</dt>
              <dd>{figure(phase.cost?.[key])}</dd>
            </div>
          ))}
        </dl>
      );
    case 'backward':
      return <Backward phase={phase} ready={ready} />;
    case 'update':
      return <Updated pass={pass} ready={ready} />;
  }
}

/** δ of each unit, and under it the gradients of its bias and of its incoming weights. */
function Backward({ phase, ready }: { phase: Phase; ready: Ready }) {
  const w = words.value.play;
  const { layer, delta = [] } = phase;
  if (layer === null) return null;
  const units = delta.map((_, unit) => unit).slice(0, MOST);
  const gradients = phase.gradients?.find((one) => one.layer === layer);
  const rows: Cell[][] = [['δ', ...units.map((unit) => delta[unit] ?? null)]];
  if (gradients) {
    rows.push([`∂C/∂b`, ...units.map((unit) => gradients.b[unit] ?? null)]);
    for (const from of incoming(gradients.w, delta.length)) {
      rows.push([`∂C/∂w ${from} →`, ...units.map((unit) => gradients.w[from * delta.length + unit] ?? null)]);
    }
  }
  return (
    <>
      <Table
        label={w.thisPhase}
        head={['', ...units.map((unit) => w.toUnit(String(unit)))]}
        rows={rows}
        more={delta.length - units.length}
      />
      {!gradients && ready.parameters > 20_000 && <p class="hint">{w.tooMany}</p>}
    </>
  );
}

const incoming = (w: Numbers, units: number) => Array.from({ length: Math.min(w.length / units, MOST) }, (_, at) => at);

/** Each layer's weights before and after, one layer opened at a time. */
function Updated({ pass, ready }: { pass: Pass; ready: Ready }) {
  const w = words.value.play;
  if (pass.updated.size === 0) return <p class="hint">{w.tooMany}</p>;
  return (
    <>
      {[...pass.updated.values()].map(({ layer, w: weights, b }, at) => {
        const units = b.before.length;
        const row = (name: string, before: number | null, after: number | null): Cell[] => [
          name,
          before,
          after,
          before === null || after === null ? null : after - before,
        ];
        const rows = [
          ...b.before.map((before, to) => row(symbol({ layer, from: null, to }), before, b.after[to] ?? null)),
          ...weights.before.map((before, place) =>
            row(
              symbol({ layer, from: Math.floor(place / units), to: place % units }),
              before,
              weights.after[place] ?? null,
            ),
          ),
        ];
        return (
          <details key={layer} open={at === 0}>
            <summary>{layerName(ready.layers, layer)}</summary>
            <Table
              label={layerName(ready.layers, layer)}
              head={[w.weight, w.before, w.after, w.change]}
              rows={rows.slice(0, 400)}
              more={rows.length - 400}
            />
          </details>
        );
      })}
    </>
  );
}

type Cell = string | number | null;

function Table({ label, head, rows, more = 0 }: { label: string; head: string[]; rows: Cell[][]; more?: number }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard.
    <section class="table-scroll" tabIndex={0} aria-label={label}>
      <table class="numbers">
        <thead>
          <tr>
            {head.map((name) =>
              // The corner names nothing: an empty heading would be read out.
              name === '' ? (
                <td key="corner" />
              ) : (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells]) => (
            <tr key={String(name)}>
              <th scope="row">{name}</th>
              {cells.map((value, at) => (
                <td key={at} class="number">
                  {typeof value === 'string' ? value : figure(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p class="hint">{words.value.play.more(figure(more))}</p>}
    </section>
  );
}
