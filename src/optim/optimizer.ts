// The optimizer: what it keeps beside the parameters, how far it has come, and which options hold for which range of
// the arena. The update itself runs where the parameters are; its formulas are those of rules/.

import type { Arena, ArenaEntry } from '../runtime/arena.js';
import type { BoundTensor, Device } from '../runtime/session.js';
import { constraintSession } from './constraints.js';
import { deviceUpdate } from './device-update.js';
import { fusedUpdate } from './fused-update.js';
import type { Scaling } from './loss-scale.js';
import type { GroupOptions, ParameterRange } from './rules/rule.js';
import { type OptimizerOptions, ruleOf } from './rules.js';
import type { StepOutcome, Update, UpdateOptions } from './update.js';

export type { GroupOptions, OptimizerOptions, ParameterRange, UpdateOptions };

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
    if (open && sameOptions(open, options)) {
      open.end = end;
      continue;
    }
    open = { start: entry.offset, end, ...options };
    ranges.push(open);
  }
  return ranges;
}

const sameOptions = (a: GroupOptions, b: GroupOptions): boolean =>
  a.learningRate === b.learningRate &&
  a.weightDecay === b.weightDecay &&
  (a.l1 ?? 0) === (b.l1 ?? 0) &&
  (a.startStep ?? 0) === (b.startStep ?? 0);

type Constraints = Awaited<ReturnType<typeof constraintSession>>;

export class Optimizer {
  readonly options: OptimizerOptions;
  readonly ranges: readonly ParameterRange[];
  /** Arenas of the optimizer's state by name, laid out like the parameters. */
  readonly state: ReadonlyMap<string, Arena>;
  readonly #update: Update;
  readonly #constraints: Constraints;

  private constructor(
    options: OptimizerOptions,
    ranges: readonly ParameterRange[],
    state: ReadonlyMap<string, Arena>,
    update: Update,
    constraints: Constraints,
  ) {
    this.options = options;
    this.ranges = ranges;
    this.state = state;
    this.#update = update;
    this.#constraints = constraints;
  }

  /**
   * `gradients`: laid out like the parameters, with the step's loss behind them (`lossEntry`) where it is to be looked
   * at.
   */
  static async create(
    device: Device,
    parameters: Arena,
    gradients: Arena,
    ranges: readonly ParameterRange[],
    options: OptimizerOptions,
    updating: UpdateOptions = {},
  ): Promise<Optimizer> {
    const state = new Map(ruleOf(options.name).states.map((name) => [name, parameters.like()]));
    const make = device.ownMemory ? deviceUpdate : fusedUpdate;
    const update = await make(device, { parameters, gradients, state }, ranges, options, updating);
    const constraints = await constraintSession(device, parameters, updating.held ?? []);
    return new Optimizer(options, ranges, state, update, constraints);
  }

  /** Updates made, as far as their outcomes were read; part of a checkpoint. */
  get steps(): number {
    return this.#update.steps;
  }

  /** Of the loss; part of a checkpoint where there is one. */
  get scaling(): Scaling | undefined {
    return this.#update.scaling;
  }

  /** What the loss is multiplied by in the device's memory: for the graph that makes the gradients. */
  get lossScale(): BoundTensor | undefined {
    return this.#update.lossScale;
  }

  /** Updates made of each range, where some began later; part of a checkpoint. */
  get rangeSteps(): readonly number[] | undefined {
    return this.ranges.some(({ startStep = 0 }) => startStep > 0) ? this.#update.rangeSteps : undefined;
  }

  /** Goes on from what a checkpoint says. */
  resume(steps: number, scaling?: Scaling, rangeSteps?: readonly number[]): Promise<void> {
    return this.#update.resume(steps, scaling, rangeSteps);
  }

  /**
   * One update. `factor` multiplies every group's learning rate; gradients are scaled to `maxGradNorm` when their
   * global norm exceeds it (0: no clipping). Weights are then held to their constraints, after a step that changed
   * nothing too. On a device it only enqueues; `outcomes` waits. `step`: of the run, from 0: ranges that begin later
   * are left as they are, their state too, and have no part in the norm; default, all have begun.
   */
  async update(factor: number, maxGradNorm: number, step = Number.POSITIVE_INFINITY): Promise<void> {
    await this.#update.run({
      rows: this.ranges.map(({ startStep = 0, ...range }) => ({
        ...range,
        learningRate: range.learningRate * factor,
        frozen: step < startStep,
      })),
      maxNorm: maxGradNorm,
    });
    await this.#constraints?.run();
  }

  /** How the updates since the last call came out, in their order. */
  outcomes(): Promise<StepOutcome[]> {
    return this.#update.outcomes();
  }

  /** An update, and the global norm of its gradients before clipping; when that is not finite nothing changed. */
  async step(factor: number, maxGradNorm: number): Promise<number> {
    await this.update(factor, maxGradNorm);
    return (await this.outcomes()).at(-1)!.gradNorm;
  }

  async release(): Promise<void> {
    await this.#update.release();
    await this.#constraints?.session.release();
  }
}
