import type { Control } from '../../api/types';
import type { Messages } from '../../messages/en';
import { figure } from '../../shell/preferences';

/** What was asked of a run, in a word or two. */
export function asked(control: Control, w: Messages): string {
  switch (control.control) {
    case 'scale_learning_rate':
      return w.scaleRate(figure(control.factor));
    case 'pause':
      return w.pause;
    case 'resume':
      return w.resume;
    case 'stop':
      return w.stop;
    case 'checkpoint':
      return w.checkpoint;
  }
}
