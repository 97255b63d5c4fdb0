import { type Signal, signal } from '@preact/signals';
import { ROOT, token } from '../api/access';
import type { Ask, Checked, Data, Frame, LedgerTold, Parameter, Phase, Ready, Refused, Tell } from './protocol';

type Of<A extends Ask['ask']> = Extract<Ask, { ask: A }>;

/** What takes a network on from where it stands, or makes another one. */
const DOES: Ask['ask'][] = ['set', 'import', 'restart', 'run', 'epoch', 'batch', 'phase'];

const [FIRST_WAIT, LONGEST_WAIT] = [500, 10_000];

/**
 * One network in the server, and what it last told. A page may have several; each ends with `close`.
 *
 * The network lives as long as the connection. After a lost one, a new connection asks for the same network again, which
 * starts at step 0: what it had learnt is gone with the server that knew it.
 */
export class Session {
  readonly connected: Signal<boolean> = signal(false);
  readonly ready: Signal<Ready | null> = signal(null);
  readonly frame: Signal<Frame | null> = signal(null);
  /** The last phase; null again with a new network. Each one is told, none is skipped. */
  readonly phase: Signal<Phase | null> = signal(null);
  readonly checked: Signal<Checked | null> = signal(null);
  readonly ledger: Signal<LedgerTold | null> = signal(null);
  readonly refused: Signal<Refused | null> = signal(null);
  /** Whether a lost connection has put the network back to step 0; until something is done with it there. */
  readonly anew: Signal<boolean> = signal(false);

  private socket: WebSocket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = FIRST_WAIT;
  private closed = false;
  private drawing = 0;

  // What a new connection asks for again.
  private made: Of<'set'> | Of<'import'> | undefined;
  // What each new network is asked for again: it knows nothing of how the one before it was looked at.
  private looks: Of<'draw'> | undefined;
  private faster: Of<'rate'> | undefined;
  private chosen: Of<'row'> | undefined;

  // Moves of a slider come more often than the screen shows them: only the last of each picture is asked for.
  private moved: Of<'weight'> | undefined;
  private moving = 0;

  constructor() {
    this.open();
  }

  set(data: Data, settings: Record<string, string>): void {
    this.faster = this.chosen = undefined;
    this.made = { ask: 'set', data, settings };
    this.ask(this.made);
  }

  importRun(run: string): void {
    this.faster = this.chosen = undefined;
    this.made = { ask: 'import', run };
    this.ask(this.made);
  }

  restart(): void {
    this.ask({ ask: 'restart' });
  }

  run(): void {
    this.ask({ ask: 'run' });
  }

  pause(): void {
    this.ask({ ask: 'pause' });
  }

  epoch(): void {
    this.ask({ ask: 'epoch' });
  }

  batch(): void {
    this.ask({ ask: 'batch' });
  }

  /** Does what `frame.next` names. */
  nextPhase(): void {
    this.ask({ ask: 'phase' });
  }

  rate(learning_rate: number): void {
    this.faster = { ask: 'rate', learning_rate };
    this.ask(this.faster);
  }

  /** Chooses the training row whose numbers are told. */
  row(row: number): void {
    this.chosen = { ask: 'row', row };
    this.ask(this.chosen);
  }

  weight(parameter: Parameter, value: number): void {
    this.moved = { ask: 'weight', parameter, value };
    this.moving ||= requestAnimationFrame(() => this.flush());
  }

  check(parameter: Parameter): void {
    this.ask({ ask: 'check', parameter });
  }

  explain(parameter: Parameter): void {
    this.ask({ ask: 'ledger', parameter });
  }

  /** How many points a side the maps in frames have (0: no maps), and whether hidden units have one. */
  draw(grid: number, units: boolean): void {
    this.looks = { ask: 'draw', grid, units };
    if (this.ready.value) this.ask(this.looks);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    cancelAnimationFrame(this.drawing);
    cancelAnimationFrame(this.moving);
    this.socket?.close();
    this.connected.value = false;
  }

  private open(): void {
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${ROOT}/play`);
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT;
      this.connected.value = true;
      this.say({ ask: 'hello', token: token() });
      if (this.made) this.say(this.made);
      this.anew.value = this.ready.value !== null;
    };
    socket.onmessage = (message) => {
      if (socket === this.socket && !this.closed) this.take(JSON.parse(message.data) as Tell);
    };
    socket.onclose = () => {
      if (this.closed || socket !== this.socket) return;
      this.connected.value = false;
      this.timer = setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    };
  }

  private take(told: Tell): void {
    switch (told.tell) {
      case 'ready':
        // Numbers of the network before would be taken for this one's.
        this.frame.value = null;
        this.phase.value = this.checked.value = this.ledger.value = this.refused.value = null;
        this.ready.value = told;
        for (const again of [this.looks, this.faster, this.chosen]) if (again) this.say(again);
        return;
      case 'frame':
        this.frame.value = told;
        // Whoever draws this frame was told above and has asked for the same animation frame before us. A hidden page has
        // none, so that nothing is sent to where nobody looks.
        cancelAnimationFrame(this.drawing);
        this.drawing = requestAnimationFrame(() => this.say({ ask: 'drawn' }));
        return;
      case 'phase':
        this.phase.value = told;
        return;
      case 'checked':
        this.checked.value = told;
        return;
      case 'ledger':
        this.ledger.value = told;
        return;
      case 'refused':
        // Without the right token, asking again changes nothing.
        if (told.ask === 'hello') this.closed = true;
        this.refused.value = told;
    }
  }

  private ask(what: Ask): void {
    this.flush();
    this.refused.value = null;
    if (DOES.includes(what.ask)) this.anew.value = false;
    this.say(what);
  }

  private flush(): void {
    cancelAnimationFrame(this.moving);
    this.moving = 0;
    if (this.moved) this.say(this.moved);
    this.moved = undefined;
  }

  /** Without a connection nothing is said: the next one begins with what was made last. */
  private say(what: Ask): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(what));
  }
}
