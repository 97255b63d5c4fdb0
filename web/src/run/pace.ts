const PAUSE = 250;
const LOADING_PAUSE = 1000;
/** Between two redraws, in times of what the last one took: the training beside it has the rest of the machine. */
const SHARE = 100;
const LONGEST_PAUSE = 5000;

/** Calls back when what has been asked to be drawn is on the screen: charts are drawn by effects, after the next frame. */
const whenDrawn = (then: () => void): void => void requestAnimationFrame(() => setTimeout(() => setTimeout(then)));

/**
 * When the page is drawn anew, while events arrive: many batches make one redraw, at most four a second, and fewer where drawing
 * takes long.
 */
export class Pace {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #took = 0;

  constructor(
    private readonly draw: () => void,
    private readonly drawn: (then: () => void) => void = whenDrawn,
  ) {}

  /** Of one run: what to tell of its messages. */
  run(): { events: (isAwaited: boolean) => void; reset: () => void; whole: () => void } {
    // A long run's first load is a hundred messages.
    let isWhole = false;
    return {
      events: (isAwaited) => {
        if (!isWhole) return this.#soon(LOADING_PAUSE);
        // Somebody asked for it, or it is the end.
        if (isAwaited) this.stop();
        this.#soon(isAwaited ? PAUSE : this.#pause());
      },
      reset: () => {
        isWhole = false;
        this.#soon(PAUSE);
      },
      // It is said anew after every batch of a run that goes on.
      whole: () => {
        if (isWhole) return;
        isWhole = true;
        // What waits for the slow pace of loading is shown now.
        this.stop();
        this.#soon(0);
      },
    };
  }

  /** Nothing is drawn any more for what was heard so far. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #pause(): number {
    return Math.min(Math.max(PAUSE, SHARE * this.#took), LONGEST_PAUSE);
  }

  #soon(pause: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const began = performance.now();
      this.draw();
      this.drawn(() => {
        this.#took = performance.now() - began;
      });
    }, pause);
  }
}
