import { useEffect, useRef, useState } from 'preact/hooks';
import { followRun } from '../api/stream';
import { type Account, empty, take } from './account';

const PAUSE = 250;
const LOADING_PAUSE = 1000;
/** Between two redraws, in times of what the last one took: the training beside it has the rest of the machine. */
const SHARE = 40;
const LONGEST_PAUSE = 3000;

/**
 * Follows runs' events while the component lives. Many batches make one redraw: at most four a second, since a long
 * run's first load is a hundred messages, and fewer where drawing takes long.
 */
export function useAccounts(names: string[]): Map<string, Account> {
  const accounts = useRef(new Map<string, Account>());
  const ends = useRef(new Map<string, () => void>());
  const [, redraw] = useState(0);
  const timer = useRef(0);
  const took = useRef(0);
  const key = names.join('\n');
  // The names, not their array, decide.
  useEffect(() => {
    const soon = (pause = PAUSE) => {
      if (timer.current) return;
      timer.current = window.setTimeout(() => {
        timer.current = 0;
        const began = performance.now();
        redraw((n) => n + 1);
        // Charts are drawn by effects, after the frame that the redraw asked for.
        requestAnimationFrame(() => setTimeout(() => setTimeout(() => (took.current = performance.now() - began))));
      }, pause);
    };
    const live = () => Math.min(Math.max(PAUSE, SHARE * took.current), LONGEST_PAUSE);
    for (const name of names) {
      if (ends.current.has(name)) continue;
      accounts.current.set(name, empty());
      let whole = false;
      const stop = followRun(name, {
        events: (batch) => {
          take(accounts.current.get(name) ?? empty(), batch);
          soon(whole ? live() : LOADING_PAUSE);
        },
        reset: () => {
          accounts.current.set(name, empty());
          soon();
        },
        whole: () => {
          whole = true;
          // What waits for the slow pace of loading is shown now.
          clearTimeout(timer.current);
          timer.current = 0;
          soon(0);
        },
      });
      ends.current.set(name, stop);
    }
    for (const [name, stop] of ends.current) {
      if (names.includes(name)) continue;
      stop();
      ends.current.delete(name);
      accounts.current.delete(name);
    }
  }, [key]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      for (const stop of ends.current.values()) stop();
    },
    [],
  );
  return accounts.current;
}
