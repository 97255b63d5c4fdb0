import { ROOT } from './client';
import type { RunEvent, Summary } from './types';

export interface Listener {
  events(batch: RunEvent[]): void;
  reset(): void;
  whole(): void;
}

/**
 * A source that reconnects by itself. EventSource does so after a lost connection, with Last-Event-ID, but gives up after
 * an HTTP error; then a new one is opened from the last id, so that no event is taken twice.
 */
function follow(path: (after: string) => string, on: Record<string, (data: string) => void>): () => void {
  let source: EventSource;
  let last = '0';
  let timer = 0;
  let wait = 500;
  const open = () => {
    source = new EventSource(path(last));
    for (const [name, take] of Object.entries(on)) {
      source.addEventListener(name, (message) => {
        wait = 500;
        if (name === 'reset') last = '0';
        else if (message.lastEventId) last = message.lastEventId;
        take(message.data);
      });
    }
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      timer = window.setTimeout(open, wait);
      wait = Math.min(wait * 2, 10_000);
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}

export function followRun(name: string, listener: Listener): () => void {
  return follow((after) => `${ROOT}/runs/${encodeURIComponent(name)}/events?after=${after}`, {
    events: (data) => listener.events(JSON.parse(data) as RunEvent[]),
    reset: () => listener.reset(),
    whole: () => listener.whole(),
  });
}

export function followRuns(take: (runs: Summary[]) => void): () => void {
  return follow(() => `${ROOT}/changes`, {
    runs: (data) => take((JSON.parse(data) as { runs: Summary[] }).runs),
  });
}
