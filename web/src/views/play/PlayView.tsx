import { effect } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { token } from '../../api/access';
import {
  asked,
  type Choice,
  choice,
  data,
  each,
  parameter,
  parameterText,
  query as queryOf,
  together,
  widths,
} from '../../play/address';
import type { Parameter, Ready } from '../../play/protocol';
import { known } from '../../play/shape';
import { address, setQuery } from '../../shell/address';
import { words } from '../../shell/preferences';
import { Controls } from './Controls';
import { CostsCard, DeltasCard } from './CostsCard';
import { DataCard } from './DataCard';
import type { Editing } from './NetworkHead';
import { Legend, NetworkPicture } from './NetworkPicture';
import { OutputCard } from './OutputCard';
import { ParameterCard } from './ParameterCard';
import { PhaseCard } from './PhaseCard';
import { open, type Playground } from './playground';
import { RowCard } from './RowCard';
import { SettingsCard } from './SettingsCard';
import { TakeAway } from './TakeAway';

const [PLANE, LINE] = [64, 128];

export function PlayView() {
  const w = words.value.play;
  const [playground] = useState(open);
  const { session } = playground;
  useEffect(() => () => playground.close(), []);
  useEffect(() => {
    document.title = `${w.title} · deltarule`;
  }, [w]);
  const { chosen, apply, rate } = useChoice(playground);
  useMaps(playground);
  const ready = session.ready.value;
  const selected = useMemo(
    () => (ready ? known(ready.layers, parameter(address.value.query.get('weight'))) : null),
    [ready, address.value.query.get('weight')],
  );
  const select = (one: Parameter | null) => setQuery({ weight: one && parameterText(one) });
  return (
    <div class="play">
      <h1 class="unseen">{w.title}</h1>
      <Standing playground={playground} />
      {ready && <Controls playground={playground} ready={ready} />}
      <div class="play-left">
        <DataCard chosen={chosen} ready={ready} apply={apply} />
        <SettingsCard chosen={chosen} ready={ready} apply={apply} rate={rate} />
        {ready && <TakeAway session={ready.session} />}
      </div>
      <div class="play-middle">
        {ready && (
          <>
            <NetworkCard {...{ playground, ready, selected, select, chosen, apply }} />
            <PhaseCard playground={playground} ready={ready} />
            <ParameterCard playground={playground} ready={ready} selected={selected} select={select} />
          </>
        )}
      </div>
      <div class="play-right">
        {ready && (
          <>
            <OutputCard playground={playground} ready={ready} />
            {!ready.data.range && <RowCard playground={playground} ready={ready} />}
            <CostsCard playground={playground} ready={ready} />
            <Deltas playground={playground} ready={ready} />
            {ready.data.range && <RowCard playground={playground} ready={ready} />}
          </>
        )}
      </div>
    </div>
  );
}

/** What the address says is what the engine has; a change goes into the address and to the engine at once. */
function useChoice({ session }: Playground) {
  const text = address.value.query.toString();
  const chosen = useMemo(() => choice(new URLSearchParams(text)), [text]);
  const applied = useRef('');
  const key = JSON.stringify(chosen);
  const send = (next: Choice) => {
    applied.current = JSON.stringify(next);
    if (next.source.from === 'run') session.importRun(next.source.run);
    else session.set(data(next.source), asked(next));
  };
  // The first one, and those that come by a link or by going back.
  useEffect(() => {
    if (key === applied.current || address.value.path[0] !== 'play') return;
    setQuery(queryOf(chosen));
    send(chosen);
  }, [key]);
  const apply = (next: Choice) => {
    send(next);
    setQuery({ ...queryOf(next), weight: null, row: null });
  };
  const rate = (learning_rate: string) => {
    const next = { ...chosen, settings: { ...chosen.settings, learning_rate } };
    applied.current = JSON.stringify(next);
    session.rate(Number(learning_rate));
    setQuery(queryOf(next));
  };
  return { chosen, apply, rate };
}

/** Asks for maps where there is a plane or a line to draw them over, and for the address's row. */
function useMaps({ session }: Playground) {
  useEffect(() => {
    let asked = 0;
    return effect(() => {
      const ready = session.ready.value;
      if (!ready) return;
      const inputs = ready.data.range?.length ?? 0;
      const grid = inputs === 2 ? PLANE : inputs === 1 ? LINE : 0;
      if (grid !== asked) session.draw(grid, true);
      asked = grid;
      const row = Number(address.peek().query.get('row') ?? 0) - 1;
      if (row > 0 && row < ready.data.rows) session.row(row);
    });
  }, [session]);
  useEffect(
    () =>
      effect(() => {
        const row = session.frame.value?.row.row;
        if (row === undefined) return;
        const told = row === 0 ? null : String(row + 1);
        if (told !== address.peek().query.get('row')) setQuery({ row: told });
      }),
    [session],
  );
}

function Standing({ playground }: { playground: Playground }) {
  const w = words.value.play;
  const { session } = playground;
  const refused = session.refused.value;
  if (refused) {
    return (
      <p class="pill error standing" role="alert">
        {refused.ask === 'hello' && token() === '' ? w.noToken : w.refused(refused.why)}
      </p>
    );
  }
  if (!session.connected.value) {
    return (
      <p class="pill warning standing" role="status">
        {session.ready.value ? w.lost : w.connecting}
      </p>
    );
  }
  return session.anew.value ? (
    <p class="pill note standing" role="status">
      {w.anew}
    </p>
  ) : null;
}

interface NetworkProps {
  playground: Playground;
  ready: Ready;
  selected: Parameter | null;
  select: (parameter: Parameter | null) => void;
  chosen: Choice;
  apply: (choice: Choice) => void;
}

function NetworkCard({ playground, ready, selected, select, chosen, apply }: NetworkProps) {
  const w = words.value.play;
  const all = widths(chosen.settings.hidden);
  const activations = each(chosen.settings.activation, all.length);
  const change = (units: number[], names: string[]) => {
    const settings = { ...chosen.settings, hidden: units.join(',') || 'none' };
    if (names.length > 0) settings.activation = together(names);
    apply({ ...chosen, settings });
  };
  const replaced = <T,>(list: T[], at: number, value: T) => list.map((one, place) => (place === at ? value : one));
  const editing: Editing | null =
    chosen.source.from === 'run'
      ? null
      : {
          widths: all,
          activations,
          width: (at, units) => change(replaced(all, at, units), activations),
          activation: (at, name) => change(all, replaced(activations, at, name)),
        };
  return (
    <section class="card network-card">
      <div class="head">
        <h2>{w.network}</h2>
        {editing && (
          <div class="choices">
            <button
              type="button"
              disabled={all.length === 0}
              onClick={() => change(all.slice(0, -1), activations.slice(0, -1))}
            >
              − {w.removeLayer}
            </button>
            <button
              type="button"
              disabled={all.length >= 8}
              onClick={() => change([...all, all.at(-1) ?? 4], [...activations, activations.at(-1) ?? 'tanh'])}
            >
              + {w.addLayer}
            </button>
          </div>
        )}
      </div>
      <NetworkPicture playground={playground} ready={ready} selected={selected} select={select} editing={editing} />
      <Legend playground={playground} ready={ready} />
    </section>
  );
}

function Deltas({ playground, ready }: { playground: Playground; ready: Ready }) {
  const frame = playground.slow.value;
  return frame ? <DeltasCard ready={ready} frame={frame} /> : null;
}
