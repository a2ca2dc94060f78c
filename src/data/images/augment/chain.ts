// An augmentation as the configuration lists it: steps in their order, each by its name or as {op: name, option:
// value}; or the name of a usual chain.

import { z } from '../../../config/zod.js';
import { UsageError } from '../../../errors.js';
import { nearest } from '../../../nearest.js';
import { automatic } from './automatic.js';
import { colour } from './colour.js';
import { geometry } from './geometry.js';
import { type MixName, type MixStep, mixOptions } from './mix.js';
import type { StepContext, StepKind } from './step.js';

/** Every step on single pictures, by name. */
const stepKinds: Readonly<Record<string, StepKind>> = { ...geometry, ...colour, ...automatic };

const stepNames: readonly string[] = [...Object.keys(stepKinds), ...Object.keys(mixOptions)];

/** One step with its options, defaults filled in; JSON. */
export interface AugmentStep {
  op: string;
  [option: string]: unknown;
}
export type Augmentation = readonly AugmentStep[];

const presets: Readonly<Record<string, AugmentStep[]>> = {
  none: [],
  /** What image classifiers are trained with on ImageNet. */
  standard: [{ op: 'randomResizedCrop' }, { op: 'randomHorizontalFlip' }],
};
export const presetNames = Object.keys(presets);

const written = z.union([z.string(), z.looseObject({ op: z.string() })]);

/** A step whose options are in order, as it was written: reading it again gives the same. */
const step = written.transform((value, context): AugmentStep => {
  const { op, ...options } = typeof value === 'string' ? { op: value } : value;
  const issue = (message: string): never => {
    context.addIssue({ code: 'custom', message: `augmentation: ${message}` });
    return z.NEVER;
  };
  const schema = stepKinds[op]?.options ?? mixOptions[op as MixName];
  if (!schema) {
    const close = nearest(
      op,
      stepNames.map((key) => ({ key, aliases: [] })),
    );
    const all = stepNames.join(', ');
    return issue(`there is no step '${op}'${close ? `; did you mean '${close}'?` : '.'} There are ${all}`);
  }
  const found = schema.safeParse(options);
  if (found.success) return { op, ...options };
  const [problem] = found.error.issues as [z.core.$ZodIssue];
  const name = problem.path.join('.');
  // Where there are several ways of writing an option, the first is the usual one.
  const { message } = problem.code === 'invalid_union' ? (problem.errors[0]?.[0] ?? problem) : problem;
  return issue(name === '' ? `step '${op}': ${message}` : `option '${name}' of step '${op}': ${message}`);
});

/** Steps on finished numbers come last. */
function checkOrder(steps: readonly AugmentStep[], context: z.RefinementCtx): void {
  const kinds = steps.filter(({ op }) => op in stepKinds);
  const first = kinds.findIndex(({ op }) => stepKinds[op]!.finished);
  const late = first < 0 ? undefined : kinds.slice(first).find(({ op }) => !stepKinds[op]!.finished);
  if (!late) return;
  const { op } = kinds[first]!;
  const message = `augmentation: '${late.op}' follows '${op}', which works on normalised numbers; put '${op}' behind it`;
  context.addIssue({ code: 'custom', message });
}

/** A list of steps and of usual chains by name, or one of them. */
export const augmentationSchema = z
  .union([written, z.array(written)])
  .transform((value) => [value].flat().flatMap((one) => (typeof one === 'string' && presets[one]) || [one]))
  .pipe(z.array(step).superRefine(checkOrder));

/** A chain that is ready to be drawn from. */
export interface Chain {
  /** Whether a step decides the picture's size. */
  sizes: boolean;
  draw(index: number, context: StepContext): void;
  /** Whether a step works on finished numbers, which have the model's size. */
  finished(index: number): boolean;
  length: number;
}

/** @throws UsageError for steps that the model's pictures have too many channels for */
export function checkChannels(augmentation: Augmentation, channels: number): void {
  const ops = augmentation.map(({ op }) => op);
  const colours = ops.filter((op) => op in automatic || (op in colour && !stepKinds[op]!.finished));
  if (channels === 4 && colours.length > 0)
    throw new UsageError(
      `augmentation: ${colours.join(', ')}: colours of 1 or 3 channels can be changed, and the model reads 4; leave these steps out`,
    );
}

const isMixing = ({ op }: AugmentStep): boolean => op in mixOptions;

/** The steps that mix the samples of a batch. */
export const mixStepsOf = (augmentation: Augmentation): MixStep[] =>
  augmentation.filter(isMixing).map(({ op, ...options }) => {
    const name = op as MixName;
    return { op: name, ...mixOptions[name].parse(options) };
  });

/**
 * The steps on single pictures.
 * @throws ZodError for options that augmentationSchema would have refused
 */
export function chainOf(augmentation: Augmentation): Chain {
  const singly = augmentation.filter((step) => !isMixing(step));
  const steps = singly.map(({ op, ...options }) => {
    const kind = stepKinds[op]!;
    return { kind, options: kind.options.parse(options) };
  });
  return {
    length: steps.length,
    sizes: steps.some(({ kind }) => kind.sizes),
    finished: (index) => steps[index]!.kind.finished ?? false,
    draw: (index, context) => steps[index]!.kind.draw(steps[index]!.options, context),
  };
}
