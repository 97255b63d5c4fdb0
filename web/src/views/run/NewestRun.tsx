import { useEffect } from 'preact/hooks';
import { followRuns } from '../../api/stream';
import { runLink } from '../../shell/address';
import { words } from '../../shell/preferences';

/** Waits for a run that goes on, and shows it: where `train --dashboard` leads, whose run has no name yet. */
export function NewestRun() {
  useEffect(
    () =>
      followRuns((runs) => {
        const going = runs.filter((run) => run.state === 'running' || run.state === 'paused');
        const newest = going.sort((a, b) => (a.began ?? '').localeCompare(b.began ?? '')).at(-1);
        if (newest) location.replace(runLink(newest.name));
      }),
    [],
  );
  return <p class="muted">{words.value.waitingForRun}</p>;
}
