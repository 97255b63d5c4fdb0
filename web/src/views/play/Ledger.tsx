import type { Json } from '../../api/types';
import { told } from '../../explain/ledger';
import { figure, words } from '../../shell/preferences';

/** A number of the chain rule and what it is made of, as `deltarule explain --json` tells it. */
export interface Quantity {
  symbol: string;
  meaning?: string;
  value: number | null;
  kind: 'given' | 'folded' | 'product' | 'sum' | 'formula';
  formula?: string;
  parts?: Quantity[];
  others?: { count: number; sum: number };
}

/** The gradient's quantity within what is told. */
export function quantity(told: Json): Quantity | null {
  if (!told || typeof told !== 'object' || Array.isArray(told)) return null;
  const { ledger } = told;
  if (ledger && typeof ledger === 'object') return ledger as unknown as Quantity;
  return 'symbol' in told ? (told as unknown as Quantity) : null;
}

/** What a quantity is, in one line: its factors or terms by name. */
function line({ kind, formula, parts = [], others }: Quantity): string {
  if (kind === 'formula') return told(formula ?? '');
  const joined = parts.map((part) => told(part.symbol)).join(kind === 'product' ? ' · ' : ' + ');
  return kind === 'sum' && others && others.count > 0 ? `${joined} + …` : joined;
}

export function Ledger({ of, depth = 0 }: { of: Quantity; depth?: number }) {
  const w = words.value.play;
  const own = (
    <>
      <code>{told(of.symbol)}</code> {of.meaning && <span class="muted">{told(of.meaning)}</span>} ={' '}
      <b>{figure(of.value)}</b>
    </>
  );
  const { parts = [], others } = of;
  if (parts.length === 0) return <div class="leaf">{own}</div>;
  return (
    <details class="quantity" open={depth < 2}>
      <summary>
        {own}
        <span class="muted made">= {line(of)}</span>
      </summary>
      {parts.map((part, at) => (
        <Ledger key={`${at} ${part.symbol}`} of={part} depth={depth + 1} />
      ))}
      {others && others.count > 0 && (
        <div class="leaf muted">
          {w.others(figure(others.count))} = {figure(others.sum)}
        </div>
      )}
    </details>
  );
}
