import { useEffect } from 'preact/hooks';
import { phases } from '../../play/pass';
import type { Next, Ready } from '../../play/protocol';
import { figure, words } from '../../shell/preferences';
import { layerName, type Playground } from './playground';

/** Keys work wherever nothing is written or chosen with them. */
function isTaken(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  const target = event.target as HTMLElement;
  if (target.closest('input, select, textarea')) return true;
  return event.key === ' ' && target.closest('button, a, summary') !== null;
}

/** What is asked of training, by buttons and keys, and where it stands. */
export function Controls({ playground, ready }: { playground: Playground; ready: Ready }) {
  const w = words.value.play;
  const { session, slow } = playground;
  const frame = slow.value;
  const running = frame?.running ?? false;
  const toggle = () => (session.frame.peek()?.running ? session.pause() : session.run());
  useEffect(() => {
    const keys: Record<string, () => void> = {
      ' ': toggle,
      s: () => session.nextPhase(),
      b: () => session.batch(),
      e: () => session.epoch(),
    };
    const press = (event: KeyboardEvent) => {
      const act = keys[event.key.toLowerCase()];
      if (!act || isTaken(event)) return;
      event.preventDefault();
      act();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [session]);
  return (
    <section class="card play-controls" aria-label={w.controls}>
      <div class="buttons">
        <button type="button" class="primary" onClick={toggle}>
          {running ? `❚❚ ${w.pause}` : `▶ ${w.run}`}
        </button>
        <button type="button" onClick={() => session.epoch()}>
          {w.epoch}
        </button>
        <button type="button" onClick={() => session.batch()}>
          {w.batch}
        </button>
        <button type="button" class="phase-button" onClick={() => session.nextPhase()}>
          {w.phase}
        </button>
        <button type="button" onClick={() => session.restart()}>
          ↺ {w.restart}
        </button>
      </div>
      <dl class="counters">
        <Counter name={w.step} value={figure(frame?.step)} />
        <Counter name={w.epochs} value={figure(frame?.epoch)} />
        <Counter name={w.speed} value={figure(running ? frame?.steps_per_second : null)} />
        <Counter name={`${w.cost} · ${w.training}`} value={figure(frame?.training.cost)} />
        {frame?.validation && <Counter name={`${w.cost} · ${w.validation}`} value={figure(frame.validation.cost)} />}
        {typeof frame?.training.accuracy === 'number' && (
          <Counter name={w.accuracy} value={figure(frame.validation?.accuracy ?? frame.training.accuracy)} />
        )}
      </dl>
      <Help />
      {frame && <Track ready={ready} next={frame.next} running={running} />}
      {frame?.problem && (
        <p class="pill error" role="alert">
          {w.stopped(frame.problem)}
        </p>
      )}
    </section>
  );
}

function Counter({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Where a step stands: forward through each layer, cost, backward through each, update. */
function Track({ ready, next, running }: { ready: Ready; next: Next; running: boolean }) {
  const w = words.value.play;
  const all = phases(ready.layers.map((_, layer) => layer));
  const at = all.findIndex((one) => one.phase === next.phase && one.layer === next.layer);
  return (
    <ol class={running ? 'track running' : 'track'} aria-label={w.track}>
      {all.map((one, place) => {
        const state = running ? '' : place === at ? 'next' : place < at ? 'done' : '';
        const first = place === 0 || all[place - 1]?.phase !== one.phase;
        const name = one.layer === null ? '' : layerName(ready.layers, one.layer);
        return (
          <li key={place} class={`${one.phase} ${state}`} aria-current={state === 'next' ? 'step' : undefined}>
            {first && <b>{w.stage[one.phase]}</b>} {name}
            {state && <span class="unseen"> ({state === 'next' ? w.trackNext : w.trackDone})</span>}
          </li>
        );
      })}
    </ol>
  );
}

function Help() {
  const w = words.value.play;
  return (
    <details class="keys">
      <summary>{w.help}</summary>
      <dl>
        {w.helpLines.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
