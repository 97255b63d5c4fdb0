import type { Ready } from '../../play/protocol';
import type { Shape } from '../../play/shape';
import { figure, words } from '../../shell/preferences';
import { layerName } from './playground';

export const ACTIVATIONS = [
  'tanh',
  'sigmoid',
  'relu',
  'leaky_relu',
  'elu',
  'selu',
  'gelu',
  'silu',
  'mish',
  'softplus',
  'identity',
];

/** Changes of the hidden layers; there are none where the network came with a run. */
export interface Editing {
  widths: number[];
  activations: string[];
  width(hidden: number, units: number): void;
  activation(hidden: number, name: string): void;
}

interface Props {
  shape: Shape;
  ready: Ready;
  editing: Editing | null;
  scroll: (column: number, by: number) => void;
}

/** What stands above each column: its name, its width and activation, and the way to units that are not drawn. */
export function Head({ shape, ready, editing, scroll }: Props) {
  const w = words.value.play;
  return (
    <div class="network-head">
      {shape.columns.map((column, at) => {
        const hidden = at > 0 && at < shape.columns.length - 1 ? at - 1 : null;
        const name = column.layer === null ? w.input : layerName(ready.layers, column.layer);
        const units = editing && hidden !== null ? (editing.widths[hidden] ?? column.units) : column.units;
        const hiddenBelow = column.units - column.first - column.y.length;
        const partial = !column.image && column.units > column.y.length;
        return (
          <div key={column.layer} class="column-head" style={{ left: `${column.x}px` }}>
            <b>{name}</b>
            {editing && hidden !== null ? (
              <>
                <span class="stepper">
                  <button
                    type="button"
                    aria-label={w.removeUnit(name)}
                    disabled={units <= 1}
                    onClick={() => editing.width(hidden, units - 1)}
                  >
                    −
                  </button>
                  <span>{figure(units)}</span>
                  <button type="button" aria-label={w.addUnit(name)} onClick={() => editing.width(hidden, units + 1)}>
                    +
                  </button>
                </span>
                <select
                  aria-label={w.activationOf(name)}
                  value={editing.activations[hidden]}
                  onChange={(e) => editing.activation(hidden, e.currentTarget.value)}
                >
                  {ACTIVATIONS.map((one) => (
                    <option key={one}>{one}</option>
                  ))}
                </select>
              </>
            ) : (
              <span class="muted">
                {figure(column.units)} {column.activation}
              </span>
            )}
            {partial && (
              <span class="pager">
                <button
                  type="button"
                  aria-label={w.showEarlier(name)}
                  disabled={column.first === 0}
                  onClick={() => scroll(at, -column.y.length)}
                >
                  ▲
                </button>
                <span class="muted">{w.more(figure(column.units - column.y.length))}</span>
                <button
                  type="button"
                  aria-label={w.showLater(name)}
                  disabled={hiddenBelow <= 0}
                  onClick={() => scroll(at, column.y.length)}
                >
                  ▼
                </button>
              </span>
            )}
          </div>
        );
      })}
    </div>
  );
}
