import { useState } from 'preact/hooks';
import { send } from '../../api/client';
import { report } from '../../api/embedded';
import type { Control, Detail } from '../../api/types';
import { explainLink } from '../../shell/address';
import { figure, words } from '../../shell/preferences';

export function Head({ detail, factor }: { detail: Detail; factor: number }) {
  const w = words.value;
  return (
    <section class="card">
      <div class="head">
        <h1>{detail.name}</h1>
        <span class={`pill ${detail.state}`}>{w.states[detail.state]}</span>
        {detail.state === 'finished' && !report?.without && <a href={explainLink(detail.name)}>{w.explain.link}</a>}
        {detail.can_control && <Controls detail={detail} now={factor} />}
      </div>
      <ol class="outline" aria-label={w.network}>
        {detail.layers.map((layer, at) => (
          <li key={at} class={layer.activation ? '' : 'slight'}>
            {at > 0 ? '→ ' : ''}
            {layer.kind} <b>{figure(layer.units)}</b> {layer.activation}
          </li>
        ))}
      </ol>
      <dl class="figures">
        <Key name={w.cost} value={figure(detail.cost)} />
        {detail.watched && (
          <Key name={`${w.validation} · ${detail.watched.name}`} value={figure(detail.watched.value)} />
        )}
        {typeof detail.validation.accuracy === 'number' && (
          <Key name={`${w.validation} · accuracy`} value={figure(detail.validation.accuracy)} />
        )}
        <Key name={w.epochs} value={figure(detail.epochs.done)} of={figure(detail.epochs.planned)} />
        <Key name={w.step} value={figure(detail.step)} />
        <Key name={w.parameters} value={figure(detail.parameters)} />
        <Key name={w.seconds} value={figure(detail.seconds)} />
      </dl>
    </section>
  );
}

function Key({ name, value, of }: { name: string; value: string; of?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} {of && <small>/ {of}</small>}
      </dd>
    </div>
  );
}

/** `now` is the factor on the learning rate that the run goes by: the buttons' factors come on top of it. */
function Controls({ detail, now }: { detail: Detail; now: number }) {
  const w = words.value;
  const [told, setTold] = useState('');
  const ask = (control: Control) => () =>
    send(detail.name, control).then(
      () => setTold(w.sent),
      (error: Error) => setTold(w.notSent(error.message)),
    );
  return (
    <fieldset class="choices controls">
      <legend class="unseen">{w.controls}</legend>
      {detail.state === 'paused' ? (
        <button type="button" onClick={ask({ control: 'resume' })}>
          {w.resume}
        </button>
      ) : (
        <button type="button" onClick={ask({ control: 'pause' })}>
          {w.pause}
        </button>
      )}
      <button type="button" onClick={ask({ control: 'stop' })}>
        {w.stop}
      </button>
      {[0.5, 2].map((factor) => (
        <button key={factor} type="button" onClick={ask({ control: 'scale_learning_rate', factor: now * factor })}>
          {w.scaleRate(figure(factor))}
        </button>
      ))}
      <span role="status">{told}</span>
    </fieldset>
  );
}
