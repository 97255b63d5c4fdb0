import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pace } from './pace';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A page whose drawing takes so many milliseconds, and when it was drawn. */
function page(takes: number) {
  const drawn: number[] = [];
  const pace = new Pace(
    () => drawn.push(performance.now()),
    (then) => setTimeout(then, takes),
  );
  return { pace, drawn };
}

/** A run that goes on: a batch and its end, over and over. */
function follow(run: ReturnType<Pace['run']>, milliseconds: number) {
  for (let at = 0; at < milliseconds; at += 150) {
    run.events(false);
    run.whole();
    vi.advanceTimersByTime(150);
  }
}

describe('pace', () => {
  it.each([1, 3, 12, 40])('leaves the machine to the training where drawing takes %i ms', (takes) => {
    const { pace, drawn } = page(takes);
    const run = pace.run();
    follow(run, 60_000);
    const gaps = drawn.slice(2).map((at, k) => at - (drawn[k + 1] ?? 0));
    expect(gaps.length).toBeGreaterThan(10);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(Math.max(250, 100 * takes));
    // And it is drawn as often as that allows.
    expect(Math.max(...gaps)).toBeLessThanOrEqual(Math.max(250, 100 * takes) + 150);
  });

  it('shows what happens within five seconds, however long drawing takes', () => {
    const { pace, drawn } = page(500);
    follow(pace.run(), 60_000);
    expect(drawn.length).toBeGreaterThanOrEqual(11);
  });

  it('draws a long run slowly until it is whole, and then at once', () => {
    const { pace, drawn } = page(20);
    const run = pace.run();
    for (let k = 0; k < 25; k++) {
      run.events(false);
      vi.advanceTimersByTime(100);
    }
    expect(drawn.length).toBe(2);
    run.whole();
    vi.advanceTimersByTime(0);
    expect(drawn.length).toBe(3);
  });

  it('draws soon what is waited for', () => {
    const { pace, drawn } = page(40);
    const run = pace.run();
    follow(run, 20_000);
    const before = drawn.length;
    run.events(true);
    vi.advanceTimersByTime(250);
    expect(drawn.length).toBe(before + 1);
  });

  it('draws nothing once it has stopped', () => {
    const { pace, drawn } = page(20);
    pace.run().events(false);
    pace.stop();
    vi.advanceTimersByTime(10_000);
    expect(drawn).toEqual([]);
  });
});
