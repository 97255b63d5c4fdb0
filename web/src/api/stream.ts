import { ROOT } from './access';
import { report } from './embedded';
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
function follow(path: (after: string) => string, on: Record<string, (data: string) => void>, first = '0'): () => void {
  let source: EventSource;
  let last = first;
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

/** What a report has is told once, after the caller has gone on as with a server. */
function told(tell: () => void): () => void {
  const timer = window.setTimeout(tell, 0);
  return () => clearTimeout(timer);
}

export function followRun(name: string, listener: Listener): () => void {
  const events = report?.events;
  if (events)
    return told(() => {
      listener.events(events);
      listener.whole();
    });
  const path = `${ROOT}/runs/${encodeURIComponent(name)}`;
  const ended = new AbortController();
  let stop = () => {};
  written(path, listener, ended.signal).then((last) => {
    if (ended.signal.aborted) return;
    stop = follow(
      (after) => `${path}/events?after=${after}`,
      {
        events: (data) => listener.events(JSON.parse(data) as RunEvent[]),
        reset: () => listener.reset(),
        whole: () => listener.whole(),
      },
      last,
    );
  });
  return () => {
    ended.abort();
    stop();
  };
}

/**
 * What a run has told so far, and the place after it. Where the connection is lost on the way, the place is that after what has
 * come, so that nothing is taken twice.
 */
async function written(path: string, listener: Listener, signal: AbortSignal): Promise<string> {
  let [last, rest] = ['0', ''];
  const answer = await fetch(`${path}/lines`, { signal }).catch(() => null);
  const reader = answer?.ok ? answer.body?.pipeThrough(new TextDecoderStream()).getReader() : null;
  for (;;) {
    const read = await reader?.read().catch(() => null);
    if (!read || read.done || signal.aborted) return last;
    const lines = (rest + read.value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === 'reset') {
        last = '0';
        listener.reset();
        continue;
      }
      const end = line.indexOf(' ');
      listener.events(JSON.parse(line.slice(end + 1)) as RunEvent[]);
      last = line.slice(0, end);
    }
  }
}

export function followRuns(take: (runs: Summary[]) => void): () => void {
  const known = report?.answers.runs as { runs: Summary[] } | undefined;
  if (known) return told(() => take(known.runs));
  return follow(() => `${ROOT}/changes`, {
    runs: (data) => take((JSON.parse(data) as { runs: Summary[] }).runs),
  });
}
