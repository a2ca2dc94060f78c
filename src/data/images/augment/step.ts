// What a step of an augmentation chain is to the chain: the options that the configuration may give it, and how it
// draws its parameters and appends its operations. To add one: a row in geometry.ts or colour.ts.

import { z } from '../../../config/zod.js';
import type { Size } from '../preprocessing.js';
import type { Rng } from './draws.js';
import type { Program } from './program.js';

export interface StepContext {
  program: Program;
  draws: Rng;
  /** Height and width that the model reads. */
  target: Size;
}

export interface StepKind<S extends z.ZodType = z.ZodType> {
  /** Options; everything has a default. */
  options: S;
  /** Whether it decides the picture's size, so that the preprocessing's own resizing is left out. */
  sizes?: boolean;
  /** It works on the finished numbers, so that nothing on pixels can follow. */
  finished?: boolean;
  draw(options: z.output<S>, context: StepContext): void;
}

/** Keeps the type of the options together with what reads them. */
export const stepKind = <S extends z.ZodType>(kind: StepKind<S>): StepKind => kind as unknown as StepKind;

export const probability = z.number().min(0).max(1);
const side = z.int().min(1).max(65535);
/** A number for a square, or height and width. */
export const sizeOption = z
  .union([side, z.tuple([side, side])])
  .transform((value): Size => {
    const [height, width] = typeof value === 'number' ? [value, value] : value;
    return { height, width };
  })
  .optional();
export const range = (low: number, high: number) =>
  z
    .tuple([z.number().min(low).max(high), z.number().min(low).max(high)])
    .refine(([from, to]) => from <= to, { error: 'expected the lower bound first' });
/** One value, or one for each channel, 0 to 255. */
export const fill = z
  .union([z.number().min(0).max(255), z.array(z.number().min(0).max(255)).min(1).max(4)])
  .transform((value) => [value].flat())
  .prefault(0);
