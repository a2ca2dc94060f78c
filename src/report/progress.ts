// The progress of a run on a terminal: one line that is rewritten, and above it the messages that stay. Where the
// stream is no terminal, plain lines at intervals, so that logs stay short. It writes to the given stream only;
// results for programs go elsewhere.

import cliProgress from 'cli-progress';
import type { PackProgress } from '../data/pack/pack-blocks.js';
import type { TrunkEvent } from '../events.js';
import { formatBytes, formatDuration, formatNumber } from '../format.js';
import type { DownloadEvent } from '../models/hub.js';
import { printable } from '../quote.js';
import { lineFor, onScreen } from './screen.js';

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

/** What the line says: how much is done of how much, that in words, and anything else. */
interface Shown {
  done: number;
  total: number;
  count: string;
  text: string;
}

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
    const { step, totalSteps } = progress;
    const shown = { done: step, total: totalSteps, count: `${step}/${totalSteps}`, text: describe(progress) };
    if (this.#stream.isTTY) this.#updateBar(shown);
    else if (step === totalSteps || this.#plainIsDue()) this.#stream.write(`step ${shown.count} | ${shown.text}\n`);
  }

  /** The line of a file that is being downloaded; a message that stays when it is there. */
  download({ model, file, loadedBytes, totalBytes }: DownloadEvent): void {
    if (loadedBytes === totalBytes) {
      this.#lastPlain = Number.NEGATIVE_INFINITY;
      this.message(`downloaded ${file} of ${model} (${formatBytes(loadedBytes)})`);
      return;
    }
    const count = formatBytes(loadedBytes) + (totalBytes === undefined ? '' : ` of ${formatBytes(totalBytes)}`);
    const text = `${file} of ${model}`;
    if (this.#stream.isTTY) this.#updateBar({ done: loadedBytes, total: totalBytes ?? loadedBytes, count, text });
    else if (this.#plainIsDue()) this.#stream.write(`downloading ${printable(text)} | ${count}\n`);
  }

  /** The line of a frozen trunk's activations that are being computed. */
  trunk({ data, done, samples, bytes, complete }: TrunkEvent): void {
    if (complete) return;
    const [count, text] = [`${done}/${samples}`, `activations (${data}) | ${formatBytes(bytes)}`];
    if (this.#stream.isTTY) this.#updateBar({ done, total: samples, count, text });
    else if (done > 0 && this.#plainIsDue()) this.#stream.write(`sample ${count} | ${text}\n`);
  }

  /** The line of anything that is counted. */
  count(text: string, done: number, total: number): void {
    const count = `${done}/${total}`;
    if (this.#stream.isTTY) this.#updateBar({ done, total, count, text });
    else if (this.#plainIsDue()) this.#stream.write(`${count} | ${printable(text)}\n`);
  }

  /** The line of data that are being packed. */
  pack({ done, samples, bytes }: PackProgress): void {
    const [count, text] = [`${done}/${samples}`, `packed | ${formatBytes(bytes)}`];
    if (this.#stream.isTTY) this.#updateBar({ done, total: samples, count, text });
    else if (this.#plainIsDue()) this.#stream.write(`sample ${count} | ${text}\n`);
  }

  #updateBar({ done, total, count, ...shown }: Shown): void {
    const text = printable(shown.text);
    if (this.#bar) {
      this.#bar.setTotal(total);
      this.#bar.update(done, { count, text });
      return;
    }
    this.#bar = new cliProgress.SingleBar({
      stream: this.#stream,
      format: '{bar} {count} | {text}',
      barsize: 20,
      barCompleteChar: '=',
      barIncompleteChar: '-',
      hideCursor: true,
      fps: 8,
      gracefulExit: false,
      clearOnComplete: true,
    });
    this.#bar.start(total, done, { count, text });
    onScreen(() => this.stop());
  }

  #plainIsDue(): boolean {
    const now = this.#now();
    if (now - this.#lastPlain < plainIntervalMs) return false;
    this.#lastPlain = now;
    return true;
  }

  /** A line that stays; the progress line moves below it. */
  message(text: string): void {
    this.stop();
    this.#stream.write(lineFor(this.#stream, text));
  }

  /** Removes the progress line; the next update brings it back. */
  stop(): void {
    if (!this.#bar) return;
    this.#bar.stop();
    this.#bar = undefined;
    onScreen(undefined);
  }
}
