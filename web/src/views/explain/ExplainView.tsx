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
  const [told, setTold] = useState<Rows | null>(null);
  const [explained, setExplained] = useState<Explained | null>(null);
  const [problem, setProblem] = useState('');
  // Without a choice it is the row that costs most.
  const row = Number(query.get('row')) || told?.list[0]?.row || 0;
  useEffect(() => {
    document.title = `${name} · ${w.title} · deltarule`;
  }, [name, w]);
  useEffect(() => {
    if (row === 0) return;
    let current = true;
    fetchExplained(name, row, weight, member).then(
      (answer) => {
        if (!current) return;
        setProblem('');
        setExplained(answer);
      },
      (error: Error) => {
        if (!current) return;
        // What another row came to would stand under this one's name.
        setExplained(null);
        setProblem(error.message);
      },
    );
    return () => {
      current = false;
    };
  }, [name, row, weight, member]);
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
              max={told?.of_table ?? 1}
              value={row || ''}
              onChange={(e) => setQuery({ row: e.currentTarget.value, weight: null })}
            />
          </label>
          {told && <span class="muted">{w.rowOf(figure(told.of_table))}</span>}
          {told && told.members > 1 && (
            <label>
              {w.member}
              <input
                type="number"
                min={1}
                max={told.members}
                value={member}
                onChange={(e) => setQuery({ member: e.currentTarget.value })}
              />
            </label>
          )}
          {told && told.members > 1 && <span class="muted">{w.rowOf(figure(told.members))}</span>}
        </div>
        {problem && (
          <p class="pill error wrap" role="alert">
            {problem}
          </p>
        )}
      </section>
      <RowList
        run={name}
        part={part}
        row={row}
        choose={(chosen) => setQuery({ row: String(chosen), weight: null })}
        setPart={(chosen) => setQuery({ part: chosen, row: null, weight: null })}
        take={setTold}
      />
      {told && explained && (
        <>
          <RowShown told={told} explained={explained} />
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
              <WeightChoice explained={explained} choose={choose} />
              <NetworkDrawing explained={explained} by={by} choose={choose} />
            </section>
            <LedgerTree explained={explained} />
          </div>
        </>
      )}
    </>
  );
}
