import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Ready } from '../../play/protocol';
import { dark, figure, words } from '../../shell/preferences';
import { frameOf, legend, paintOutput, pointAt } from './paintOutput';
import { Pictures } from './pictures';
import type { Playground } from './playground';

/** What the network gives over one or two inputs, with the rows that it learns from. */
export function OutputCard({ playground, ready }: { playground: Playground; ready: Ready }) {
  const w = words.value.play;
  const { session } = playground;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { range, inputs, points, rows, validation, validation_points: others } = ready.data;
  const plane = range?.length === 2;
  const isDark = dark.value;
  useEffect(() => {
    const element = canvas.current;
    const ctx = element?.getContext('2d');
    if (!element || !ctx) return;
    const pictures = new Pictures();
    let due = 0;
    const draw = () => {
      due = 0;
      const frame = session.frame.peek();
      const width = element.clientWidth;
      if (!frame || width === 0) return;
      const height = plane ? width : Math.round(width * 0.7);
      if (element.width !== Math.round(width * devicePixelRatio)) {
        element.width = Math.round(width * devicePixelRatio);
        element.height = Math.round(height * devicePixelRatio);
      }
      ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      paintOutput(ctx, { ready, frame, width, height, dark: isDark, pictures });
    };
    const soon = () => {
      due ||= requestAnimationFrame(draw);
    };
    const end = effect(() => {
      void session.frame.value;
      soon();
    });
    const watch = new ResizeObserver(soon);
    watch.observe(element);
    return () => {
      end();
      watch.disconnect();
      cancelAnimationFrame(due);
    };
  }, [ready, isDark]);
  if (!range) return null;
  const [x = '', y = ''] = inputs;
  const label = [
    plane ? w.mapText(x, y, figure(rows)) : w.curveText(x, figure(rows)),
    others && w.validationText(figure(validation)),
  ]
    .filter(Boolean)
    .join(' ');
  const pick = (event: MouseEvent) => {
    const element = event.currentTarget as HTMLCanvasElement;
    const row = pointAt(ready, element.clientWidth, element.clientHeight, event.offsetX, event.offsetY);
    if (row !== null) session.row(row);
  };
  return (
    <section class="card output">
      <h2>{plane ? w.decision : w.function}</h2>
      <canvas ref={canvas} class={plane ? 'plane' : 'line'} role="img" aria-label={label} onClick={pick} />
      <ul class="legend">
        {legend(ready, w.theNetwork, isDark).map(({ name, colour }) => (
          <li key={name}>
            <i class="box" style={{ background: colour }} />
            {name}
          </li>
        ))}
        {points && (
          <li>
            <i class="mark" />
            {w.trainingRows}
          </li>
        )}
        {others && (
          <li>
            <i class="mark open" />
            {w.validationRows}
          </li>
        )}
      </ul>
      {points && (
        <p class="hint">
          {frameOf(range)
            .map(([low, high], at) => `${inputs[at]}: ${figure(low)} … ${figure(high)}`)
            .join(' · ')}
          <br />
          {w.pickPoint}
        </p>
      )}
    </section>
  );
}
