import { effect, type Signal, signal } from '@preact/signals';
import type { Layer } from '../../api/types';
import { History } from '../../play/history';
import { after, type Pass, seen } from '../../play/pass';
import type { Frame } from '../../play/protocol';
import { Session } from '../../play/session';
import { dense } from '../../play/shape';
import { words } from '../../shell/preferences';

/** Milliseconds between two changes of what is read, while training runs; pictures follow every frame. */
const PACE = 150;

/** A session, and what the page keeps of what it told. */
export interface Playground {
  session: Session;
  /** The last frame at a pace that one can read. */
  slow: Signal<Frame | null>;
  pass: Signal<Pass | null>;
  history: History;
  close(): void;
}

export function open(): Playground {
  const session = new Session();
  const slow = signal<Frame | null>(null);
  const pass = signal<Pass | null>(null);
  const history = new History();
  let [last, timer] = [0, 0];
  const show = () => {
    timer = 0;
    last = performance.now();
    slow.value = session.frame.peek();
  };
  const ends = [
    effect(() => {
      if (!session.ready.value) return;
      history.clear();
      pass.value = null;
    }),
    effect(() => {
      const phase = session.phase.value;
      if (phase) pass.value = after(pass.peek(), phase);
    }),
    effect(() => {
      const frame = session.frame.value;
      if (!frame) return;
      history.take(frame);
      pass.value = seen(pass.peek(), frame);
      const left = frame.running ? PACE - (performance.now() - last) : 0;
      if (left > 0) {
        timer ||= window.setTimeout(show, left);
        return;
      }
      clearTimeout(timer);
      show();
    }),
  ];
  const close = () => {
    for (const end of ends) end();
    clearTimeout(timer);
    session.close();
  };
  return { session, slow, pass, history, close };
}

/** What people call a layer: hidden layers are counted, those without weights go by their kind. */
export function layerName(layers: Layer[], layer: number): string {
  const w = words.value.play;
  const all = dense(layers);
  const at = all.findIndex((one) => one.layer === layer);
  if (at < 0) return layers[layer]?.kind ?? '';
  return at === all.length - 1 ? w.output : w.hidden(at + 1);
}
