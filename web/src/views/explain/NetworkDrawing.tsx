import { useMemo } from 'preact/hooks';
import type { DrawnUnit, Explained } from '../../api/model';
import { diverging, sequential } from '../../charts/colours';
import { type Edge, edgesOf, inAddress, unitsOnPath, weightOf, weightsIn } from '../../explain/path';
import { dark, figure, words } from '../../shell/preferences';

const [ACROSS, DOWN, TOP, SIDE, RIGHT] = [170, 20, 44, 110, 150];
/** Lines into a layer that are drawn beside those of the path. */
const LINES = 160;

interface Props {
  explained: Explained;
  by: 'carries' | 'gradient';
  choose: (parameter: string) => void;
}

interface Column {
  title: string;
  layer: number | null;
  units: number;
  drawn: DrawnUnit[];
}

/** The units that matter most to the row's cost, the lines between them, and on top the path of the chosen weight. */
export function NetworkDrawing({ explained, by, choose }: Props) {
  const w = words.value.explain;
  const isDark = dark.value;
  const { drawing, ledger } = explained;
  const path = useMemo(() => weightsIn(ledger, weightOf(drawing.parameter)), [ledger, drawing.parameter]);
  const lit = useMemo(() => new Set(path.map(inAddress)), [path]);
  const onPath = useMemo(() => unitsOnPath(drawing, path), [drawing, path]);
  const layers = useMemo(() => edgesOf(drawing, by, lit, LINES), [drawing, by, lit]);
  const columns: Column[] = [
    { title: w.inputs, layer: null, ...drawing.inputs },
    ...drawing.layers.map((layer) => ({
      title: `${layer.layer} · ${layer.kind}${layer.activation ? ` ${layer.activation}` : ''}`,
      layer: layer.layer,
      units: layer.units,
      drawn: layer.drawn,
    })),
  ];
  const tallest = Math.max(...columns.map((column) => column.drawn.length));
  const [wide, tall] = [SIDE + (columns.length - 1) * ACROSS + RIGHT, TOP + tallest * DOWN + 10];
  const x = (column: number) => SIDE + column * ACROSS;
  const y = (column: number, at: number) =>
    TOP + (tallest - (columns[column]?.drawn.length ?? 0)) * (DOWN / 2) + at * DOWN + DOWN / 2;
  // Each layer by its own range: a softmax would be one colour beside a ReLU.
  const ends = columns.map((column) => {
    const activations = column.drawn.map((unit) => unit.a ?? 0);
    return { least: Math.min(...activations), most: Math.max(...activations) };
  });
  const fill = (column: number, a: number | null) => {
    const { least, most } = ends[column] ?? { least: 0, most: 1 };
    return `rgb(${sequential(((a ?? least) - least) / (most - least || 1)).join(',')})`;
  };
  const isPassedOn = (column: number, unit: number) =>
    (onPath[column]?.has(unit) && onPath[column + 1]?.has(unit)) ?? false;
  const left = layers.reduce((sum, layer) => sum + layer.left, 0);
  const summary = columns.map(
    (column) => `${column.title} ${w.drawn(figure(column.drawn.length), figure(column.units))}`,
  );
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls has to be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label={w.network}>
        <svg
          class="network-drawing"
          viewBox={`0 0 ${wide} ${tall}`}
          style={{ minWidth: `${Math.round(wide * 0.8)}px`, maxWidth: `${Math.round(wide * 1.5)}px` }}
          role="img"
          aria-label={w.drawing(summary.join('; '), figure(explained.told.row))}
        >
          {layers.map(({ edges }, at) => (
            <Lines
              key={columns[at + 1]?.title}
              edges={edges}
              by={by}
              lit={lit}
              ends={(edge) => [x(at), y(at, edge.begin), x(at + 1), y(at + 1, edge.end)]}
              isDark={isDark}
              choose={choose}
            />
          ))}
          {drawing.layers.map(
            (layer, at) =>
              layer.weights.length === 0 &&
              layer.drawn.map((unit, row) => (
                <line
                  key={`${layer.layer} ${unit.unit}`}
                  x1={x(at)}
                  y1={y(at, row)}
                  x2={x(at + 1)}
                  y2={y(at + 1, row)}
                  stroke={isPassedOn(at, unit.unit) ? 'var(--accent)' : 'var(--line)'}
                  stroke-width={isPassedOn(at, unit.unit) ? 4 : 1}
                />
              )),
          )}
          {columns.map((column, at) => (
            <g key={column.title}>
              <text x={x(at)} y={14} text-anchor="middle">
                {column.title}
              </text>
              <text x={x(at)} y={30} text-anchor="middle" class="muted">
                {w.drawn(figure(column.drawn.length), figure(column.units))}
              </text>
              {column.drawn.map((unit, row) => (
                <Unit
                  key={unit.unit}
                  unit={unit}
                  place={[x(at), y(at, row)]}
                  fill={fill(at, unit.a)}
                  isLit={onPath[at]?.has(unit.unit) ?? false}
                  name={at === 0 ? 'before' : at === columns.length - 1 ? 'after' : 'none'}
                  choose={
                    column.layer === null || !hasBias(drawing.layers[at - 1]?.kind)
                      ? undefined
                      : () => choose(`layers.${column.layer}.b,${unit.unit}`)
                  }
                />
              ))}
            </g>
          ))}
        </svg>
      </section>
      <p class="readout">
        <span>{left > 0 && w.linesLeft(figure(left))}</span>
        <span class="ramp">
          <i class="signs" style={{ background: scale() }} /> {w.activation}
        </span>
      </p>
    </>
  );
}

const hasBias = (kind: string | undefined) => kind === 'dense';

const scale = () =>
  `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((share) => `rgb(${sequential(share).join(',')})`).join(', ')})`;

interface LinesProps {
  edges: Edge[];
  by: 'carries' | 'gradient';
  lit: ReadonlySet<string>;
  ends: (edge: Edge) => [number, number, number, number];
  isDark: boolean;
  choose: (parameter: string) => void;
}

function Lines({ edges, by, lit, ends, isDark, choose }: LinesProps) {
  const most = Math.max(...edges.map((edge) => Math.abs(edge[by])), Number.MIN_VALUE);
  return (
    <g fill="none">
      {edges.map((edge) => {
        const name = inAddress(edge);
        const [x1, y1, x2, y2] = ends(edge);
        const share = edge[by] / most;
        const isLit = lit.has(name);
        return (
          // biome-ignore lint/a11y/noStaticElementInteractions: number fields and buttons beside the picture do the same by keyboard.
          <g key={name} class={`line ${isLit ? 'lit' : ''}`} data-weight={name} onClick={() => choose(name)}>
            {isLit && <line x1={x1} y1={y1} x2={x2} y2={y2} class="glow" />}
            <line
              x1={x1}
              y1={y1}
              x2={x2}
              y2={y2}
              stroke={`rgb(${diverging(share < 0 ? -1 : 1, isDark).join(',')})`}
              stroke-width={(isLit ? 1.5 : 0.5) + 2 * Math.abs(share)}
              stroke-opacity={isLit ? 1 : 0.08 + 0.4 * Math.abs(share)}
            />
            <line x1={x1} y1={y1} x2={x2} y2={y2} stroke="transparent" stroke-width={7} />
            <title>{`w${edge.layer}[${edge.from},${edge.to}] = ${figure(edge.weight)}, w·a = ${figure(edge.carries)}, ∂C/∂w = ${figure(edge.gradient)}`}</title>
          </g>
        );
      })}
    </g>
  );
}

interface UnitProps {
  unit: DrawnUnit;
  place: [number, number];
  fill: string;
  isLit: boolean;
  /** On which side its name stands, if it has one. */
  name: 'before' | 'after' | 'none';
  choose: (() => void) | undefined;
}

function Unit({ unit, place: [x, y], fill, isLit, name, choose }: UnitProps) {
  const said = `${unit.name ?? unit.unit}: a = ${figure(unit.a)}, δ = ${figure(unit.delta)}`;
  const short = unit.name ?? String(unit.unit);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: number fields beside the picture do the same by keyboard.
    <g class={choose ? 'unit' : ''} onClick={choose}>
      <circle
        cx={x}
        cy={y}
        r={8}
        fill={fill}
        stroke={isLit ? 'var(--accent)' : 'var(--muted)'}
        stroke-width={isLit ? 3 : 1}
      />
      {name !== 'none' && (
        <text x={name === 'before' ? x - 14 : x + 14} y={y + 4} text-anchor={name === 'before' ? 'end' : 'start'}>
          {short.length > 14 ? `${short.slice(0, 13)}…` : short}
          {name === 'after' && ` ${figure(unit.a)}`}
        </text>
      )}
      <title>{said}</title>
    </g>
  );
}
