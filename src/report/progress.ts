// The progress of a run on a terminal: one line that is rewritten, and above it the messages that stay. Where the
// stream is no terminal, plain lines at intervals, so that logs stay short. It writes to the given stream only;
// results for programs go elsewhere.

import cliProgress from 'cli-progress';
import { formatDuration, formatNumber } from './format.js';

export interface Progress {
  /** Optimizer steps done. */
  step: number;
  totalSteps: number;
  loss: number;
  learningRate: number;
  samplesPerSecond: number;
  secondsLeft: number;
}

const plainIntervalMs = 5000;

const describe = (p: Progress): string =>
  `loss ${formatNumber(p.loss)} | lr ${formatNumber(p.learningRate)} | ` +
  `${formatNumber(p.samplesPerSecond)} samples/s | ${formatDuration(p.secondsLeft)} left`;

export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #now: () => number;
  #bar: cliProgress.SingleBar | undefined;
  #lastPlain = Number.NEGATIVE_INFINITY;

  /** `now`: a clock in milliseconds. */
  constructor(stream: NodeJS.WriteStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  update(progress: Progress): void {
    if (this.#stream.isTTY) this.#updateBar(progress);
    else this.#updatePlain(progress);
  }

  #updateBar(progress: Progress): void {
    const payload = { text: describe(progress) };
    if (this.#bar) {
      this.#bar.update(progress.step, payload);
      return;
    }
    this.#bar = new cliProgress.SingleBar({
      stream: this.#stream,
      format: '{bar} {value}/{total} | {text}',
      barsize: 20,
      barCompleteChar: '=',
      barIncompleteChar: '-',
      hideCursor: true,
      fps: 8,
      gracefulExit: false,
      clearOnComplete: true,
    });
    this.#bar.start(progress.totalSteps, progress.step, payload);
  }

  #updatePlain(progress: Progress): void {
    const now = this.#now();
    if (now - this.#lastPlain < plainIntervalMs && progress.step < progress.totalSteps) return;
    this.#lastPlain = now;
    this.#stream.write(`step ${progress.step}/${progress.totalSteps} | ${describe(progress)}\n`);
  }

  /** A line that stays; the progress line moves below it. */
  message(text: string): void {
    this.stop();
    this.#stream.write(`${text}\n`);
  }

  /** Removes the progress line; the next update brings it back. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
