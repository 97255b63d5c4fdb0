import type { Frame, Next, Phase } from './protocol';

type Numbers = (number | null)[];
type Updated = NonNullable<Phase['updated']>[number];

/** One batch's way through the network, as far as it has come: what each phase made, by layer. */
export interface Pass {
  last: Phase;
  z: Map<number, Numbers>;
  a: Map<number, Numbers>;
  cost: Phase['cost'];
  deltas: Map<number, Numbers>;
  gradients: Map<number, { w: Numbers; b: Numbers }>;
  updated: Map<number, Updated>;
  /** After the update: the step that frames have told of since. */
  settled: number | null;
}

/** The pass with one more phase. A forward phase that follows no forward phase begins a new pass. */
export function after(pass: Pass | null, phase: Phase): Pass {
  const goesOn = pass !== null && (phase.phase !== 'forward' || pass.last.phase === 'forward');
  const { z, a, cost, deltas, gradients, updated } = goesOn ? pass : EMPTY;
  const next: Pass = { last: phase, z, a, cost, deltas, gradients, updated, settled: null };
  const { layer } = phase;
  if (layer !== null && phase.z) next.z = new Map(z).set(layer, phase.z);
  if (layer !== null && phase.a) next.a = new Map(a).set(layer, phase.a);
  if (layer !== null && phase.delta) next.deltas = new Map(deltas).set(layer, phase.delta);
  if (phase.cost) next.cost = phase.cost;
  if (phase.gradients) {
    next.gradients = new Map(gradients);
    for (const { layer: of, w, b } of phase.gradients) next.gradients.set(of, { w, b });
  }
  if (phase.updated) next.updated = new Map(phase.updated.map((one) => [one.layer, one]));
  return next;
}

const EMPTY = {
  z: new Map(),
  a: new Map(),
  cost: undefined,
  deltas: new Map(),
  gradients: new Map(),
  updated: new Map(),
};

/** The pass in the light of a frame: null once training has gone on by other ways, so that no old number is shown. */
export function seen(pass: Pass | null, frame: Frame): Pass | null {
  if (!pass || frame.running) return null;
  if (pass.last.phase !== 'update') {
    const atStart = frame.next.phase === 'forward' && frame.next.layer === 0;
    return atStart ? null : pass;
  }
  if (pass.settled === null) return { ...pass, settled: frame.step };
  return pass.settled === frame.step ? pass : null;
}

/** All phases of a step in their order. */
export function phases(layers: number[]): Next[] {
  const by = (phase: Next['phase']) => (layer: number) => ({ phase, layer });
  return [
    ...layers.map(by('forward')),
    { phase: 'cost', layer: null },
    ...layers.toReversed().map(by('backward')),
    { phase: 'update', layer: null },
  ];
}
