// The types of options are those of the schemas, with what each option means.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import type { compareSchema } from '#ortune/config/compare-schema.js';
import type { lrFindSchema } from '#ortune/config/lr-find-schema.js';
import type {
  CompareFields,
  EvalFields,
  GradcheckFields,
  InspectFields,
  LrFindFields,
  PackFields,
  PredictFields,
  PreviewFields,
  SearchFields,
  TrainFields,
} from '#ortune/config/option-types.js';
import type { packSchema } from '#ortune/config/pack-schema.js';
import type { previewSchema } from '#ortune/config/preview-schema.js';
import type { evalSchema, gradcheckSchema, inspectSchema, predictSchema } from '#ortune/config/schema.js';
import type { SearchOptions, searchSchema } from '#ortune/config/search-schema.js';
import type { trainSchema } from '#ortune/config/train-schema.js';
import { interfaceText } from '#ortune/config/type-text.js';
import { optionTypes } from '#ortune/config/typed-schemas.js';

it('are up to date (scripts/option-table.mjs --write)', () => {
  const file = join(import.meta.dirname, '../../src/config/option-types.ts');
  expect(readFileSync(file, 'utf8')).toBe(optionTypes());
});

it('take all that the schemas take, and have the same names', () => {
  expectTypeOf<z.input<typeof trainSchema>>().toExtend<TrainFields>();
  expectTypeOf<keyof z.input<typeof trainSchema>>().toEqualTypeOf<keyof TrainFields>();
  expectTypeOf<z.input<typeof evalSchema>>().toExtend<EvalFields>();
  expectTypeOf<keyof z.input<typeof evalSchema>>().toEqualTypeOf<keyof EvalFields>();
  expectTypeOf<z.input<typeof predictSchema>>().toExtend<PredictFields>();
  expectTypeOf<z.input<typeof packSchema>>().toExtend<PackFields>();
  expectTypeOf<z.input<typeof previewSchema>>().toExtend<PreviewFields>();
  expectTypeOf<z.input<typeof gradcheckSchema>>().toExtend<GradcheckFields>();
  expectTypeOf<z.input<typeof inspectSchema>>().toExtend<InspectFields>();
  expectTypeOf<z.input<typeof compareSchema>>().toExtend<CompareFields>();
  expectTypeOf<z.input<typeof lrFindSchema>>().toExtend<LrFindFields>();
  expectTypeOf<z.input<typeof searchSchema>>().toExtend<SearchFields>();
  expectTypeOf<SearchOptions['space']['learningRate']>().toExtend<
    z.input<typeof searchSchema>['space']['learningRate']
  >();
});

it('say what each option means, takes and is by default', () => {
  const schema = z.strictObject({
    rate: z.number().gt(0).default(2).meta({ description: 'How fast.' }),
    kind: z.enum(['a', "b's"]).optional().meta({ description: 'Which one.' }),
    files: z.union([z.string(), z.array(z.string())]).meta({ description: 'Where.', expects: 'paths' }),
    both: z.array(z.union([z.string(), z.number()])).optional(),
    left: z.never().optional().meta({ description: 'it is decided elsewhere' }),
    inner: z
      .strictObject({
        deep: z
          .boolean()
          .optional()
          .meta({ description: `Ends a comment: */, ${'and is long '.repeat(9)}.` }),
      })
      .prefault({}),
    any: z.looseObject({ op: z.string() }).optional(),
    map: z.record(z.string(), z.number()).optional(),
    hidden: z.string().optional(),
  });
  expect(interfaceText('Options', schema, ['hidden'])).toBe(`export interface Options {
  /** How fast. Takes a number above 0. Default \`2\`. */
  rate?: number | undefined;
  /** Which one. */
  kind?: 'a' | 'b\\'s' | undefined;
  /** Where. Takes paths. */
  files: string | readonly string[];
  both?: readonly (string | number)[] | undefined;
  /** To be left out: it is decided elsewhere. */
  left?: undefined;
  inner?: {
    /**
     * Ends a comment: *\\/, and is long and is long and is long and is long and is long and is long and is long and is
     * long and is long .
     */
    deep?: boolean | undefined;
  } | undefined;
  any?: {
    op: string;
    [option: string]: unknown;
  } | undefined;
  map?: Readonly<Record<string, number>> | undefined;
}`);
});

it('every option of a run has its comment', () => {
  const lines = optionTypes().split('\n');
  const bare = lines.filter((line, i) => /^ {2}\w+\??:/.test(line) && !lines[i - 1]!.trim().endsWith('*/'));
  expect(bare).toEqual([]);
});
