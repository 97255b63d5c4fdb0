import { useEffect, useState } from 'preact/hooks';
import { runs as fetchRuns } from '../../api/client';
import type { Summary } from '../../api/types';
import { category } from '../../charts/colours';
import { type Choice, SETS, type SetName, type Source, set, start } from '../../play/address';
import type { Ready } from '../../play/protocol';
import { columnsOf, MOST_BYTES, upload } from '../../play/tables';
import { dark, figure, words } from '../../shell/preferences';

interface Props {
  chosen: Choice;
  ready: Ready | null;
  apply: (choice: Choice) => void;
}

/** What to train on: a generated set, a table of one's own, or a run. */
export function DataCard({ chosen, ready, apply }: Props) {
  const w = words.value.play;
  const { source, settings } = chosen;
  const data = ready?.data;
  return (
    <section class="card">
      <h2>{w.data}</h2>
      <div class="sets">
        {SETS.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={source.from === 'set' && source.name === name}
            onClick={() => apply({ source: set(name), settings: start(name) })}
          >
            <Thumbnail name={name} />
            {w.sets[name]}
          </button>
        ))}
      </div>
      {source.from === 'set' && source.name !== 'digits' && (
        <Points
          source={source}
          change={(next) => apply({ ...chosen, source: next })}
          again={() => apply({ source, settings: { ...settings, seed: String(Number(settings.seed) + 1) } })}
        />
      )}
      {data && <p class="hint counts">{w.counts(figure(data.rows), figure(data.validation))}</p>}
      <Own chosen={chosen} apply={apply} />
      <Import chosen={chosen} apply={apply} />
    </section>
  );
}

interface PointsProps {
  source: Extract<Source, { from: 'set' }>;
  change: (source: Source) => void;
  /** Other points, and other first weights: both come of the one seed. */
  again: () => void;
}

function Points({ source, change, again }: PointsProps) {
  const w = words.value.play;
  return (
    <div class="fields">
      <label>
        {w.rows}
        <input
          type="number"
          min={4}
          max={20000}
          value={source.rows}
          onChange={(e) => change({ ...source, rows: e.currentTarget.value })}
        />
      </label>
      <label>
        {w.noise}
        <input
          type="number"
          min={0}
          max={2}
          step={0.01}
          value={source.noise}
          onChange={(e) => change({ ...source, noise: e.currentTarget.value })}
        />
      </label>
      <button type="button" onClick={again}>
        ↻ {w.newPoints}
      </button>
    </div>
  );
}

/** A file picker that is a place to drop a file as well. */
function Own({ chosen, apply }: Pick<Props, 'chosen' | 'apply'>) {
  const w = words.value.play;
  const [over, setOver] = useState(false);
  const [told, setTold] = useState('');
  const own = chosen.source.from === 'upload' ? chosen.source : null;
  const take = async (file: File | undefined) => {
    setOver(false);
    if (!file) return;
    if (file.size > MOST_BYTES) return setTold(w.tooLarge);
    setTold(w.uploading(file.name));
    try {
      const { upload: id, columns } = await upload(file);
      setTold('');
      const target = columns.at(-1)?.name ?? '';
      apply({ source: { from: 'upload', upload: id, file: file.name, target }, settings: start('upload') });
    } catch (error) {
      setTold(w.notRead((error as Error).message));
    }
  };
  const columns = own ? columnsOf(own.upload, own.target) : [];
  return (
    <div class="own">
      <h3>{w.own}</h3>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the input inside is the way by keyboard. */}
      <div
        class={over ? 'drop over' : 'drop'}
        onDragOver={(e) => {
          e.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(e) => {
          e.preventDefault();
          take(e.dataTransfer?.files[0]);
        }}
      >
        <label class="file">
          <span>{own?.file || w.dropHere}</span>
          <input
            type="file"
            accept=".csv,.tsv,.txt,.gz,.parquet"
            aria-label={w.chooseFile}
            onChange={(e) => take(e.currentTarget.files?.[0])}
          />
        </label>
      </div>
      <p class="hint" role="status">
        {told}
      </p>
      {own && (
        <label class="field">
          {w.target}
          <select
            value={own.target}
            onChange={(e) => apply({ ...chosen, source: { ...own, target: e.currentTarget.value } })}
          >
            {columns.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

function Import({ chosen, apply }: Pick<Props, 'chosen' | 'apply'>) {
  const w = words.value.play;
  const [list, setList] = useState<Summary[]>([]);
  useEffect(() => {
    fetchRuns().then(
      ({ runs }) => setList(runs),
      // Without a list there is nothing to choose; the connection's own state is told above.
      () => setList([]),
    );
  }, []);
  const run = chosen.source.from === 'run' ? chosen.source.run : '';
  if (list.length === 0 && !run) return null;
  const names = list.map(({ name }) => name);
  if (run && !names.includes(run)) names.unshift(run);
  return (
    <div class="own">
      <label class="field">
        {w.importRun}
        <select
          value={run}
          onChange={(e) => {
            const name = e.currentTarget.value;
            if (name) apply({ ...chosen, source: { from: 'run', run: name } });
            else apply({ source: set('moons'), settings: start('moons') });
          }}
        >
          <option value="">{run ? w.leaveRun : w.chooseRun}</option>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      {run && <p class="hint">{w.importedHint}</p>}
    </div>
  );
}

/** What the set looks like, in a few points: two classes, or the line to be learnt. */
function thumbnail(name: SetName): [x: number, y: number, kind: number][] {
  const round = Array.from({ length: 14 }, (_, at) => (at / 14) * 2 * Math.PI);
  switch (name) {
    case 'xor':
      return [
        [0.25, 0.25, 0],
        [0.75, 0.75, 0],
        [0.25, 0.75, 1],
        [0.75, 0.25, 1],
      ];
    case 'circles':
      return round.flatMap((t, at) => {
        const [kind, radius] = at % 2 === 0 ? [0, 0.42] : [1, 0.17];
        return [[0.5 + radius * Math.cos(t), 0.5 + radius * Math.sin(t), kind]];
      });
    case 'moons':
      return round.flatMap((t, at) => {
        const half = t / 2;
        return at % 2 === 0
          ? [[0.37 + 0.28 * Math.cos(half), 0.58 - 0.36 * Math.sin(half), 0]]
          : [[0.63 + 0.28 * Math.cos(half), 0.42 + 0.36 * Math.sin(half), 1]];
      });
    case 'spirals':
      return round.flatMap((t, at) => {
        const [radius, turn] = [0.06 + (at / 14) * 0.38, at % 2 === 0 ? 0 : Math.PI];
        return [[0.5 + radius * Math.cos(t + turn), 0.5 + radius * Math.sin(t + turn), at % 2]];
      });
    case 'curve':
      return round.map((t, at) => [0.08 + (at / 13) * 0.84, 0.5 - 0.34 * Math.sin(t), 0]);
    case 'digits': {
      const three = ['.###.', '....#', '..##.', '....#', '.###.'];
      return three.flatMap((line, y) =>
        [...line].flatMap((mark, x): [number, number, number][] =>
          mark === '#' ? [[0.18 + x * 0.16, 0.18 + y * 0.16, 2]] : [],
        ),
      );
    }
  }
}

function Thumbnail({ name }: { name: SetName }) {
  const isDark = dark.value;
  return (
    <svg viewBox="0 0 40 40" aria-hidden="true">
      {thumbnail(name).map(([x, y, kind], at) =>
        kind === 2 ? (
          <rect key={at} x={x * 40 - 3} y={y * 40 - 3} width={6} height={6} fill="currentColor" />
        ) : (
          <circle key={at} cx={x * 40} cy={y * 40} r={name === 'xor' ? 4 : 2.6} fill={category(kind, isDark)} />
        ),
      )}
    </svg>
  );
}
