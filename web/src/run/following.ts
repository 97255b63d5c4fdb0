import { useEffect, useRef, useState } from 'preact/hooks';
import { followRun } from '../api/stream';
import type { RunEvent } from '../api/types';
import { type Account, empty, take } from './account';
import { Pace } from './pace';

/** What is drawn soon: an answer to what was asked of the run, and its end. */
const AWAITED = ['controlled', 'failed', 'ended', 'judged'];

/**
 * Follows runs' events while the component lives. They are taken when it is drawn anew, and not before: what else may draw it in
 * between has no other numbers to draw.
 */
export function useAccounts(names: string[]): Map<string, Account> {
  const accounts = useRef(new Map<string, Account>());
  const heard = useRef(new Map<string, RunEvent[][]>());
  const ends = useRef(new Map<string, () => void>());
  const [, redraw] = useState(0);
  const pace = useRef<Pace | null>(null);
  pace.current ??= new Pace(() => {
    for (const [name, batches] of heard.current) {
      const account = accounts.current.get(name);
      for (const batch of batches) if (account) take(account, batch);
    }
    heard.current.clear();
    redraw((n) => n + 1);
  });
  const key = names.join('\n');
  // The names, not their array, decide.
  useEffect(() => {
    for (const name of names) {
      if (ends.current.has(name)) continue;
      accounts.current.set(name, empty());
      const messages = pace.current?.run();
      const stop = followRun(name, {
        events: (batch) => {
          const waiting = heard.current.get(name);
          if (waiting) waiting.push(batch);
          else heard.current.set(name, [batch]);
          messages?.events(batch.some(({ event }) => AWAITED.includes(event)));
        },
        reset: () => {
          heard.current.delete(name);
          accounts.current.set(name, empty());
          messages?.reset();
        },
        whole: () => messages?.whole(),
      });
      ends.current.set(name, stop);
    }
    for (const [name, stop] of ends.current) {
      if (names.includes(name)) continue;
      stop();
      ends.current.delete(name);
      accounts.current.delete(name);
      heard.current.delete(name);
    }
  }, [key]);
  useEffect(
    () => () => {
      pace.current?.stop();
      for (const stop of ends.current.values()) stop();
    },
    [],
  );
  return accounts.current;
}
