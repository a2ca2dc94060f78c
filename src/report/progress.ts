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

/** From the whole down to what matters most, for terminals that are narrower and narrower. */
function describe(p: Progress): string[] {
  const loss = `loss ${formatNumber(p.loss)}`;
  const speed = `${formatNumber(p.samplesPerSecond)} samples/s`;
  const left = `${formatDuration(p.secondsLeft)} left`;
  const all = [[loss, `lr ${formatNumber(p.learningRate)}`, speed, left], [loss, speed, left], [loss, left], [left]];
  return all.map((parts) => parts.join(' | '));
}

/** Columns below which the bar is a short one. */
const narrow = 90;

/** What the line says: how much is done of how much, that in words, and anything else, the longest text first. */
interface Shown {
  done: number;
  total: number;
  count: string;
  texts: readonly string[];
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
    const shown = { done: step, total: totalSteps, count: `${step}/${totalSteps}`, texts: describe(progress) };
    if (this.#stream.isTTY) this.#updateBar(shown);
    else if (step === totalSteps || this.#plainIsDue()) this.#stream.write(`step ${shown.count} | ${shown.texts[0]}\n`);
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
    if (this.#stream.isTTY)
      this.#updateBar({ done: loadedBytes, total: totalBytes ?? loadedBytes, count, texts: [text] });
    else if (this.#plainIsDue()) this.#stream.write(`downloading ${printable(text)} | ${count}\n`);
  }

  /** The line of a frozen trunk's activations that are being computed. */
  trunk({ data, done, samples, bytes, complete }: TrunkEvent): void {
    if (complete) return;
    const [count, text] = [`${done}/${samples}`, `activations (${data}) | ${formatBytes(bytes)}`];
    if (this.#stream.isTTY) this.#updateBar({ done, total: samples, count, texts: [text] });
    else if (done > 0 && this.#plainIsDue()) this.#stream.write(`sample ${count} | ${text}\n`);
  }

  /** The line of anything that is counted. */
  count(text: string, done: number, total: number): void {
    const count = `${done}/${total}`;
    if (this.#stream.isTTY) this.#updateBar({ done, total, count, texts: [text] });
    else if (this.#plainIsDue()) this.#stream.write(`${count} | ${printable(text)}\n`);
  }

  /** The line of data that are being packed. */
  pack({ done, samples, bytes }: PackProgress): void {
    const [count, text] = [`${done}/${samples}`, `packed | ${formatBytes(bytes)}`];
    if (this.#stream.isTTY) this.#updateBar({ done, total: samples, count, texts: [text] });
    else if (this.#plainIsDue()) this.#stream.write(`sample ${count} | ${text}\n`);
  }

  #updateBar({ done, total, count, texts }: Shown): void {
    const { columns = narrow } = this.#stream;
    const barsize = columns < narrow ? 10 : 20;
    const room = columns - barsize - count.length - ' '.length - ' | '.length - 1;
    const fitting = (texts.find((text) => text.length <= room) ?? texts.at(-1)!).slice(0, Math.max(0, room));
    const text = printable(fitting);
    if (this.#bar) {
      this.#bar.setTotal(total);
      this.#bar.update(done, { count, text });
      return;
    }
    this.#bar = new cliProgress.SingleBar({
      stream: this.#stream,
      format: '{bar} {count} | {text}',
      barsize,
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
