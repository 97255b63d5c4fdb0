import { useState } from 'preact/hooks';
import type { Explained, Quantity } from '../../api/model';
import { told } from '../../explain/ledger';
import { figure, words } from '../../shell/preferences';
import { tip } from '../../shell/Tips';

/** How far it is unfolded at first. */
const OPEN = 1;

/** A gradient as the product of its factors, each of which unfolds into its own. */
export function LedgerTree({ explained }: { explained: Explained }) {
  const w = words.value.explain;
  // Each press makes the tree anew, since a reader may have unfolded some by hand.
  const [all, setAll] = useState({ open: OPEN, press: 0 });
  return (
    <section class="card ledger" aria-labelledby="ledger">
      <h2 id="ledger">{w.ledger}</h2>
      <p class="hint">{w.ledgerHint}</p>
      <div class="choices">
        <button type="button" onClick={() => setAll({ open: Number.POSITIVE_INFINITY, press: all.press + 1 })}>
          {w.unfold}
        </button>
        <button type="button" onClick={() => setAll({ open: 0, press: all.press + 1 })}>
          {w.fold}
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label={w.ledger}>
        <ul class="tree" key={`${all.press} ${explained.drawing.parameter} ${explained.told.row}`}>
          <Node of={explained.ledger} level={0} open={all.open} />
        </ul>
      </section>
      <p class="hint">{w.largestDifference(figure(explained.difference), figure(explained.tolerance))}</p>
    </section>
  );
}

function Node({ of, level, open }: { of: Quantity; level: number; open: number }) {
  const w = words.value.explain;
  // All digits of the number; of what unfolds, its summary tells them, since that is what the keyboard comes to.
  const unfolds = of.kind !== 'given' && of.kind !== 'folded';
  const exact = tip(String(of.value), figure(of.value));
  const head = (
    <>
      <b class="symbol">{told(of.symbol)}</b> = <output {...(unfolds ? {} : exact)}>{figure(of.value)}</output>
      {of.meaning && <span class="muted"> · {told(of.meaning)}</span>}
      {of.kind === 'folded' && <span class="muted"> · {w.folded}</span>}
    </>
  );
  if (!unfolds) return <li class="leaf">{head}</li>;
  return (
    <li>
      <details open={level <= open}>
        <summary data-tip={exact['data-tip']}>{head}</summary>
        <p class="formula">
          {formula(of)} <br />= {numbers(of)}
          {of.kind !== 'formula' && <> = {figure(of.computed)}</>}
        </p>
        {of.stored && (
          <p class="stored">
            {w.stored} <output>{figure(of.value)}</output>, {w.computed} <output>{figure(of.computed)}</output>;{' '}
            {w.difference} <output>{figure((of.value ?? 0) - (of.computed ?? 0))}</output>
          </p>
        )}
        <ul>
          {of.parts?.map((part, at) => (
            <Node key={`${part.symbol} ${at}`} of={part} level={level + 1} open={open} />
          ))}
          {!!of.others?.count && <li class="leaf muted">{w.others(figure(of.others.count), figure(of.others.sum))}</li>}
        </ul>
      </details>
    </li>
  );
}

/** A factor that is negative stands in brackets. */
const bracketed = (text: string) => (/^[-−]/.test(text) ? `(${text})` : text);

function formula(of: Quantity): string {
  if (of.kind === 'formula') return told(of.formula ?? '');
  const symbols = (of.parts ?? []).map((part) => told(part.symbol));
  return of.kind === 'product' ? symbols.join(' · ') : [...symbols, ...(of.others?.count ? ['…'] : [])].join(' + ');
}

/** The formula with the very numbers. */
function numbers(of: Quantity): string {
  const values = (of.parts ?? []).map((part) => figure(part.value));
  if (of.kind === 'formula') return figure(of.computed);
  if (of.kind === 'product') return values.map((value, at) => (at > 0 ? bracketed(value) : value)).join(' · ');
  const others = of.others?.count ? [figure(of.others.sum)] : [];
  return [...values, ...others].map((value, at) => (at > 0 ? bracketed(value) : value)).join(' + ');
}
