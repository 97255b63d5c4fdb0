import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Ask, Frame, Tell } from './protocol';
import { Session } from './session';

/** A server that does nothing but note what it is asked. */
class Line {
  static all: Line[] = [];
  static get last(): Line {
    return Line.all.at(-1) as Line;
  }
  readyState = 0;
  asked: Ask[] = [];
  onopen = () => {};
  onclose = () => {};
  onmessage = (_: { data: string }) => {};

  constructor(readonly url: string) {
    Line.all.push(this);
  }
  send(text: string) {
    this.asked.push(JSON.parse(text));
  }
  accept() {
    this.readyState = 1;
    this.onopen();
  }
  tell(told: Partial<Tell>) {
    this.onmessage({ data: JSON.stringify(told) });
  }
  close() {
    this.readyState = 3;
    this.onclose();
  }
}

let waiting: (() => void)[] = [];
const picture = () => {
  const due = waiting;
  waiting = [];
  for (const one of due) one();
};
const words = (line: Line) => line.asked.map((one) => one.ask);

beforeEach(() => {
  vi.useFakeTimers();
  Line.all = [];
  waiting = [];
  vi.stubGlobal('WebSocket', Line);
  vi.stubGlobal('location', { protocol: 'http:', host: '127.0.0.1:7840' });
  vi.stubGlobal('sessionStorage', { getItem: () => 'secret' });
  vi.stubGlobal('requestAnimationFrame', (then: () => void) => waiting.push(then));
  vi.stubGlobal('cancelAnimationFrame', (id: number) => {
    if (id > 0) waiting[id - 1] = () => {};
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a session', () => {
  it('says the token first, then what was asked for before there was a connection', () => {
    const session = new Session();
    session.set({ name: 'xor' }, { hidden: '4' });
    session.draw(64, true);
    const draw = { ask: 'draw', grid: 64, units: true };
    expect(Line.last.url).toBe('ws://127.0.0.1:7840/api/v1/play');
    Line.last.accept();
    expect(Line.last.asked).toEqual([
      { ask: 'hello', token: 'secret' },
      { ask: 'set', data: { name: 'xor' }, settings: { hidden: '4' } },
    ]);
    Line.last.tell({ tell: 'ready' });
    expect(Line.last.asked.at(-1)).toEqual(draw);
    // A network made anew is looked at in the same way.
    session.restart();
    Line.last.tell({ tell: 'ready' });
    expect(Line.last.asked.slice(-2)).toEqual([{ ask: 'restart' }, draw]);
    expect(session.connected.value).toBe(true);
  });

  it('acknowledges a frame after the animation frame that draws it, once', () => {
    const session = new Session();
    Line.last.accept();
    const drawn: number[] = [];
    session.frame.subscribe((frame) => frame && requestAnimationFrame(() => drawn.push(frame.step)));
    Line.last.tell({ tell: 'frame', step: 7 } as Frame);
    expect(words(Line.last)).toEqual(['hello']);
    picture();
    expect(drawn).toEqual([7]);
    expect(words(Line.last)).toEqual(['hello', 'drawn']);
    picture();
    expect(words(Line.last)).toEqual(['hello', 'drawn']);
  });

  it('asks for the last of many moves of a weight, and before anything that comes after them', () => {
    const session = new Session();
    Line.last.accept();
    const parameter = { layer: 0, from: 1, to: 2 };
    session.weight(parameter, 0.1);
    session.weight(parameter, 0.2);
    picture();
    session.weight(parameter, 0.3);
    session.check(parameter);
    picture();
    expect(Line.last.asked.slice(1)).toEqual([
      { ask: 'weight', parameter, value: 0.2 },
      { ask: 'weight', parameter, value: 0.3 },
      { ask: 'check', parameter },
    ]);
  });

  it('asks a new connection for the same network, longer apart each time', () => {
    const session = new Session();
    Line.last.accept();
    session.set({ name: 'moons' }, {});
    session.rate(0.5);
    Line.last.close();
    expect(session.connected.value).toBe(false);
    vi.advanceTimersByTime(500);
    expect(Line.all).toHaveLength(2);
    Line.last.close();
    vi.advanceTimersByTime(999);
    expect(Line.all).toHaveLength(2);
    vi.advanceTimersByTime(1);
    Line.last.accept();
    Line.last.tell({ tell: 'ready' });
    expect(words(Line.last)).toEqual(['hello', 'set', 'rate']);
  });

  it('says that a lost connection has put the network back, until something is done with it', () => {
    const session = new Session();
    Line.last.accept();
    session.set({ name: 'moons' }, {});
    Line.last.tell({ tell: 'ready' });
    expect(session.anew.value).toBe(false);
    Line.last.close();
    vi.advanceTimersByTime(500);
    Line.last.accept();
    Line.last.tell({ tell: 'ready' });
    // To look at it is not to do something with it.
    session.row(3);
    session.draw(32, true);
    expect(session.anew.value).toBe(true);
    session.run();
    expect(session.anew.value).toBe(false);
  });

  it('does not say so of a first connection that came late', () => {
    const session = new Session();
    session.set({ name: 'moons' }, {});
    Line.last.close();
    vi.advanceTimersByTime(500);
    Line.last.accept();
    Line.last.tell({ tell: 'ready' });
    expect(session.anew.value).toBe(false);
  });

  it('ends', () => {
    const session = new Session();
    Line.last.accept();
    session.close();
    vi.advanceTimersByTime(60_000);
    expect(Line.all).toHaveLength(1);
  });

  it('does not come back after a refused token', () => {
    const session = new Session();
    Line.last.accept();
    Line.last.tell({ tell: 'refused', ask: 'hello', why: 'wrong' });
    Line.last.close();
    vi.advanceTimersByTime(60_000);
    expect(Line.all).toHaveLength(1);
    expect(session.refused.value?.why).toBe('wrong');
  });
});
