// An augmentation as the configuration lists it: steps in their order, each by its name or as {op: name, option: value}; or
// the name of a usual chain.

import { z } from 'zod';
import { nearest } from '../../../config/nearest.js';
import { automatic } from './automatic.js';
import { colour } from './colour.js';
import { geometry } from './geometry.js';
import type { StepContext, StepKind } from './step.js';

/** Every step, by name. */
export const stepKinds: Readonly<Record<string, StepKind>> = { ...geometry, ...colour, ...automatic };

/** One step with its options, defaults filled in; JSON. */
export interface AugmentStep {
  op: string;
  [option: string]: unknown;
}
export type Augmentation = readonly AugmentStep[];

const presets: Readonly<Record<string, readonly AugmentStep[]>> = {
  none: [],
  /** What image classifiers are trained with on ImageNet. */
  standard: [{ op: 'randomResizedCrop' }, { op: 'randomHorizontalFlip' }],
};
export const presetNames = Object.keys(presets);

const step = z.unknown().transform((value, context): AugmentStep => {
  const given = typeof value === 'string' ? { op: value } : value;
  const issue = (message: string): never => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  if (typeof given !== 'object' || given === null || !('op' in given) || typeof given.op !== 'string')
    return issue(`a step is a name or {op: name, …}, found ${JSON.stringify(value)}`);
  const { op, ...options } = given as AugmentStep;
  const kind = stepKinds[op];
  if (!kind) {
    const close = nearest(
      op,
      Object.keys(stepKinds).map((key) => ({ key, also: [] })),
    );
    const all = Object.keys(stepKinds).join(', ');
    return issue(`there is no step '${op}'${close ? `; did you mean '${close}'?` : '.'} There are ${all}`);
  }
  const found = kind.options.safeParse(options);
  if (found.success) {
    // What was written, since reading it again gives the same: defaults may read as other types than they are written in.
    return { op, ...options };
  }
  const [problem] = found.error.issues;
  const where = problem?.path.length ? `option '${problem.path.join('.')}' of ` : '';
  return issue(`${where}step '${op}': ${problem?.message}`);
});

/** A list of steps, one step, or the name of a usual chain. */
export const augmentationSchema = z
  .unknown()
  .transform((value) => (typeof value === 'string' && value in presets ? presets[value] : [value].flat()))
  .pipe(z.array(step));

/** A chain that is ready to be drawn from. */
export interface Chain {
  /** Whether a step decides the picture's size. */
  sizes: boolean;
  draw(index: number, context: StepContext): void;
  length: number;
}

/** @throws ZodError for options that augmentationSchema would have refused */
export function chainOf(augmentation: Augmentation): Chain {
  const steps = augmentation.map(({ op, ...options }) => {
    const kind = stepKinds[op]!;
    return { kind, options: kind.options.parse(options) };
  });
  return {
    length: steps.length,
    sizes: steps.some(({ kind }) => kind.sizes),
    draw: (index, context) => steps[index]!.kind.draw(steps[index]!.options, context),
  };
}
