import { useEffect, useState } from 'preact/hooks';
import { explained as fetchExplained } from '../../api/client';
import type { Explained, PartOfRows, Rows } from '../../api/model';
import { address, runLink, setQuery } from '../../shell/address';
import { figure, words } from '../../shell/preferences';
import { LedgerTree } from './LedgerTree';
import { NetworkDrawing } from './NetworkDrawing';
import { RowList } from './RowList';
import { RowShown } from './RowShown';
import { WeightChoice } from './WeightChoice';

/** One row of a run's data: what its model makes of it, and how its cost comes back to a weight. */
export function ExplainView({ name }: { name: string }) {
  const w = words.value.explain;
  const query = address.value.query;
  const part = (query.get('part') ?? '') as PartOfRows | '';
  const member = Math.max(1, Number(query.get('member')) || 1);
  const weight = query.get('weight') ?? '';
  const by = query.get('lines') === 'gradient' ? 'gradient' : 'carries';
  const [told, setTold] = useState<Answer<Rows> | null>(null);
  const [explained, setExplained] = useState<Answer<Explained> | null>(null);
  const [problem, setProblem] = useState<Answer<string> | null>(null);
  // Without a choice it is the row that costs most: of this part, not of the one that was listed before.
  const list = `${name} ${part}`;
  const row = Number(query.get('row')) || (told?.to === list && told.answer.list[0]?.row) || 0;
  const nothing = told?.to === list && row === 0;
  const asked = [name, row, weight, member].join(' ');
  useEffect(() => {
    document.title = `${name} · ${w.title} · deltarule`;
  }, [name, w]);
  useEffect(() => {
    if (row === 0) return;
    // An answer that comes after another question was put is nobody's.
    let current = true;
    fetchExplained(name, row, weight, member).then(
      (answer) => {
        if (!current) return;
        setProblem(null);
        setExplained({ to: asked, answer });
      },
      (error: Error) => {
        if (!current) return;
        // What another row came to would stand under this one's name.
        setExplained(null);
        setProblem({ to: asked, answer: error.message });
      },
    );
    return () => {
      current = false;
    };
  }, [asked]);
  // The row is put into the address with the weight: a link to what is shown holds both.
  const choose = (parameter: string) => setQuery({ row: String(row), weight: parameter });
  return (
    <>
      <section class="card">
        <div class="head">
          <h1>{row > 0 ? w.titleOf(figure(row)) : w.title}</h1>
          <a href={runLink(name)}>{w.back}</a>
        </div>
        <p class="hint">{w.hint}</p>
        <div class="choices">
          <label>
            {w.row}
            <input
              type="number"
              min={1}
              max={told?.answer.of_table ?? 1}
              value={row || ''}
              onChange={(e) => setQuery({ row: e.currentTarget.value, weight: null })}
            />
          </label>
          {told && <span class="muted">{w.rowOf(figure(told.answer.of_table))}</span>}
          {told && told.answer.members > 1 && (
            <label>
              {w.member}
              <input
                type="number"
                min={1}
                max={told.answer.members}
                value={member}
                onChange={(e) => setQuery({ member: e.currentTarget.value })}
              />
            </label>
          )}
          {told && told.answer.members > 1 && <span class="muted">{w.rowOf(figure(told.answer.members))}</span>}
        </div>
        {problem?.to === asked && (
          <p class="pill error wrap" role="alert">
            {problem.answer}
          </p>
        )}
      </section>
      <RowList
        run={name}
        part={part}
        row={row}
        choose={(chosen) => setQuery({ row: String(chosen), weight: null })}
        setPart={(chosen) => setQuery({ part: chosen, row: null, weight: null })}
        take={(answer) => setTold({ to: list, answer })}
      />
      {told && explained && !nothing && (
        <div class="explained" aria-busy={explained.to !== asked}>
          <RowShown told={told.answer} explained={explained.answer} />
          <div class="explain-network">
            <section class="card">
              <h2>{w.network}</h2>
              <p class="hint">{w.networkHint}</p>
              <div class="choices">
                <label>
                  {w.linesBy}
                  <select value={by} onChange={(e) => setQuery({ lines: e.currentTarget.value })}>
                    <option value="carries">{w.byCarries}</option>
                    <option value="gradient">{w.byGradient}</option>
                  </select>
                </label>
              </div>
              <WeightChoice explained={explained.answer} choose={choose} />
              <NetworkDrawing explained={explained.answer} by={by} choose={choose} />
            </section>
            <LedgerTree explained={explained.answer} />
          </div>
        </div>
      )}
    </>
  );
}

/** What the server said, and to which question: until the next answer is there, the last one stands, marked as that. */
interface Answer<T> {
  to: string;
  answer: T;
}
