// The schemas whose options a program writes, by the interface that says them in option-types.ts.

import { compareSchema } from './compare-schema.js';
import { lrFindSchema } from './lr-find-schema.js';
import { packSchema } from './pack-schema.js';
import { previewSchema } from './preview-schema.js';
import { evalSchema, gradcheckSchema, inspectSchema, predictSchema } from './schema.js';
import { searchSchema } from './search-schema.js';
import { trainSchema } from './train-schema.js';
import { interfaceText } from './type-text.js';

const schemas = {
  TrainFields: trainSchema,
  EvalFields: evalSchema,
  PredictFields: predictSchema,
  PackFields: packSchema,
  PreviewFields: previewSchema,
  GradcheckFields: gradcheckSchema,
  InspectFields: inspectSchema,
};

const opening = `// Made of the schemas by scripts/option-table.mjs --write; not to be edited. What a program may write as options, with
// what each means: the text that an editor shows.
`;

/** What a comparison has besides the options of its runs, and of strategies by name. */
const compared = interfaceText('CompareFields', compareSchema, [...Object.keys(trainSchema.shape), 'overrides']);

/** What a range test has besides the options of its run. */
const ranged = interfaceText('LrFindFields', lrFindSchema, Object.keys(trainSchema.shape));
/** What a search has besides the options of its trials and the space of them. */
const searched = interfaceText('SearchFields', searchSchema, [...Object.keys(trainSchema.shape), 'space']);

/** The source of option-types.ts. */
export const optionTypes = (): string =>
  [
    opening,
    ...Object.entries(schemas).map(([name, schema]) => `${interfaceText(name, schema)}\n`),
    `${compared}\n`,
    `${ranged}\n`,
    `${searched}\n`,
  ].join('\n');
