import { useEffect, useState } from 'preact/hooks';
import { runs as fetchRuns } from '../../api/client';
import { followRuns } from '../../api/stream';
import type { Summary } from '../../api/types';
import { CATEGORIES, categories, category } from '../../charts/colours';
import { address, setQuery } from '../../shell/address';
import { dark, words } from '../../shell/preferences';
import { Comparison } from './Comparison';
import { RunsCurves } from './RunsCurves';
import { RunsTable } from './RunsTable';

export function RunsView() {
  const w = words.value;
  const [list, setList] = useState<Summary[] | null>(null);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    fetchRuns().then(
      (answer) => setList(answer.runs),
      (error: Error) => setProblem(error.message),
    );
    return followRuns((runs) => {
      setProblem('');
      setList(runs);
    });
  }, []);
  useEffect(() => {
    document.title = `${w.runs} · deltarule`;
  }, [w]);

  const chosen = (address.value.query.get('runs') ?? '').split(',').filter(Boolean);
  const toggle = (name: string) => {
    const next = chosen.includes(name) ? chosen.filter((other) => other !== name) : [...chosen, name];
    setQuery({ runs: next.join(',') });
  };
  const order = (list ?? []).map((run) => run.name).sort();
  const selected = (list ?? []).filter((run) => chosen.includes(run.name));
  const drawn = selected.length > 0 ? selected : (list ?? []).slice(0, CATEGORIES);
  const given = categories(
    order,
    drawn.map((run) => run.name),
  );
  // A run that is not drawn has no colour.
  const colour = (name: string) => {
    const found = given.get(name);
    return found ? category(found.index, dark.value) : 'transparent';
  };
  const turn = (name: string) => given.get(name)?.turn ?? 0;
  return (
    <>
      <h1>{w.runs}</h1>
      {problem && (
        <p class="pill error" role="alert">
          {w.failedToLoad(problem)}
        </p>
      )}
      {!list && !problem && <p class="muted">{w.loading}</p>}
      {list?.length === 0 && <p>{w.noRuns}</p>}
      {list && list.length > 0 && (
        <>
          <RunsTable runs={list} chosen={chosen} toggle={toggle} colour={colour} />
          <RunsCurves runs={drawn} colour={colour} turn={turn} />
          <Comparison runs={selected} colour={colour} />
        </>
      )}
    </>
  );
}
