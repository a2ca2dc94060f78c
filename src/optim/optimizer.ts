// The optimizer: what it keeps beside the parameters, how far it has come, and which options hold for which range of the
// arena. The update itself runs where the parameters are.
// Formulas: AdamW as Loshchilov & Hutter 2019 (decoupled decay), SGD with momentum as PyTorch's torch.optim.SGD.

import type { Arena, ArenaEntry } from '../runtime/arena.js';
import type { Device } from '../runtime/session.js';
import { deviceUpdate } from './device-update.js';
import { fusedUpdate } from './fused-update.js';
import type { Update } from './update.js';

export interface AdamWOptions {
  name: 'adamw';
  beta1: number;
  beta2: number;
  epsilon: number;
}

export interface SgdOptions {
  name: 'sgd';
  momentum: number;
  nesterov: boolean;
}

export type OptimizerOptions = AdamWOptions | SgdOptions;

/** What is the same for all parameters of a group; `learningRate` is multiplied by the schedule's factor. */
export interface GroupOptions {
  learningRate: number;
  weightDecay: number;
}

/** A run of consecutive arena elements with one set of options. */
export interface ParameterRange extends GroupOptions {
  start: number;
  end: number;
}

/** Merges neighbouring entries of equal options into ranges; padding between entries belongs to the range. */
export function parameterRanges(
  entries: readonly ArenaEntry[],
  optionsOf: (entry: ArenaEntry) => GroupOptions | undefined,
): ParameterRange[] {
  const ranges: ParameterRange[] = [];
  let open: ParameterRange | undefined;
  for (const entry of entries) {
    const options = optionsOf(entry);
    if (!options) {
      open = undefined;
      continue;
    }
    const end = entry.offset + entry.length;
    if (open && open.learningRate === options.learningRate && open.weightDecay === options.weightDecay) {
      open.end = end;
      continue;
    }
    open = { start: entry.offset, end, ...options };
    ranges.push(open);
  }
  return ranges;
}

const stateNames = { adamw: ['m', 'v'], sgd: ['velocity'] } as const;

export class Optimizer {
  readonly options: OptimizerOptions;
  readonly ranges: readonly ParameterRange[];
  /** Arenas of the optimizer's state by name, laid out like the parameters. */
  readonly state: ReadonlyMap<string, Arena>;
  /** Optimizer steps taken; part of a checkpoint. */
  steps = 0;
  readonly #update: Update;

  private constructor(
    options: OptimizerOptions,
    ranges: readonly ParameterRange[],
    state: ReadonlyMap<string, Arena>,
    update: Update,
  ) {
    this.options = options;
    this.ranges = ranges;
    this.state = state;
    this.#update = update;
  }

  static async create(
    device: Device,
    parameters: Arena,
    gradients: Arena,
    ranges: readonly ParameterRange[],
    options: OptimizerOptions,
  ): Promise<Optimizer> {
    const state = new Map(stateNames[options.name].map((name) => [name, parameters.like()]));
    const make = device.kind === 'cpu' ? fusedUpdate : deviceUpdate;
    const update = await make(device, { parameters, gradients, state }, ranges, options);
    return new Optimizer(options, ranges, state, update);
  }

  /**
   * One update. `factor` multiplies every group's learning rate; gradients are scaled to `maxGradNorm` when their
   * global norm exceeds it (0: no clipping). Returns the norm before clipping; when it is not finite nothing changed.
   */
  async step(factor: number, maxGradNorm: number): Promise<number> {
    this.steps++;
    const norm = await this.#update.run({
      rows: this.ranges.map(({ learningRate, weightDecay }) => ({ learningRate: learningRate * factor, weightDecay })),
      maxNorm: maxGradNorm,
      corrections: this.#corrections(),
    });
    if (!Number.isFinite(norm)) this.steps--;
    return norm;
  }

  release(): Promise<void> {
    return this.#update.release();
  }

  // The kernel's 1 - beta is that of the float32 beta; a correction of the same beta leaves no error in the update.
  #corrections(): [number, number] {
    const { options, steps } = this;
    if (options.name === 'sgd') return [1, 1];
    return [1 - Math.fround(options.beta1) ** steps, 1 - Math.fround(options.beta2) ** steps];
  }
}
