import { expect, it } from 'vitest';
import { History } from './history';
import type { Frame } from './protocol';

const frame = (step: number, cost: number | null = 1 / (step + 1)) =>
  ({ step, training: { cost }, validation: null }) as unknown as Frame;

it('keeps the first and the newest cost, and few of many', () => {
  const history = new History();
  for (let step = 0; step <= 10_000; step++) history.take(frame(step));
  expect(history.steps.length).toBeLessThanOrEqual(1200);
  expect(history.steps[0]).toBe(0);
  expect(history.steps.at(-1)).toBe(10_000);
  expect(history.values('training').at(-1)).toBeCloseTo(1 / 10_001);
  expect(history.steps.every((step, at) => at === 0 || step > (history.steps[at - 1] as number))).toBe(true);
});

it('takes the newest numbers of a step that is told again, and begins anew with a new network', () => {
  const history = new History();
  for (const one of [frame(0, 3), frame(1, 2), frame(1, 5), frame(2, null)]) history.take(one);
  expect([...history.values('training')]).toEqual([3, 5, Number.NaN]);
  history.take(frame(0, 9));
  expect([...history.steps]).toEqual([0]);
});
