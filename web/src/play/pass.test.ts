import { describe, expect, it } from 'vitest';
import { after, type Pass, phases, seen } from './pass';
import type { Frame, Next, Phase } from './protocol';

const ORDER = phases([0, 1]);
const told = (at: number, more: Partial<Phase> = {}): Phase => {
  const { phase, layer } = ORDER[at] as Next;
  const next = ORDER[(at + 1) % ORDER.length] as Next;
  return { tell: 'phase', phase, layer, next, step: 5, rows: [3], shown: 3, ...more };
};
const frame = (step: number, next: number, running = false) =>
  ({ tell: 'frame', step, running, next: ORDER[next] }) as unknown as Frame;

const forward = after(after(null, told(0, { z: [1], a: [0.5] })), told(1, { z: [2], a: [0.7] }));
const backward = [told(2, { cost: { batch: 0.3, row: 0.2, penalty: 0 } }), told(3, { delta: [0.1] })].reduce<Pass>(
  after,
  forward,
);
const updated = after(
  after(backward, told(4, { gradients: [{ layer: 0, w: [1, 2], b: [3] }] })),
  told(5, { updated: [{ layer: 0, w: { before: [1], after: [2] }, b: { before: [0], after: [1] } }] }),
);

describe('a pass', () => {
  it('goes forward, to the cost, back, and ends with the update', () => {
    expect(ORDER.map(({ phase, layer }) => `${phase} ${layer}`)).toEqual([
      'forward 0',
      'forward 1',
      'cost null',
      'backward 1',
      'backward 0',
      'update null',
    ]);
  });

  it('gathers what each phase made', () => {
    expect([...updated.a]).toEqual([
      [0, [0.5]],
      [1, [0.7]],
    ]);
    expect(updated.cost?.batch).toBe(0.3);
    expect(updated.deltas.get(1)).toEqual([0.1]);
    expect(updated.gradients.get(0)?.w).toEqual([1, 2]);
    expect(updated.updated.get(0)?.w.after).toEqual([2]);
  });

  it('begins anew with the next forward phase', () => {
    const next = after(updated, told(0, { a: [0.9] }));
    expect([...next.a]).toEqual([[0, [0.9]]]);
    expect(next.gradients.size).toBe(0);
    expect(next.cost).toBeUndefined();
  });

  it('is forgotten once training has gone on by other ways', () => {
    expect(seen(forward, frame(5, 2))).toBe(forward);
    expect(seen(forward, frame(5, 2, true))).toBeNull();
    expect(seen(backward, frame(6, 0))).toBeNull();
    const kept = seen(updated, frame(6, 0));
    expect(kept?.settled).toBe(6);
    expect(seen(kept, frame(6, 0))).toBe(kept);
    expect(seen(kept, frame(7, 0))).toBeNull();
  });
});
