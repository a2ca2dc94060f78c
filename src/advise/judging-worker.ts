// The thread that judges data: it fits classifiers and compares samples, so that the caller's event loop never waits.

import { serve } from '../threads/serve.js';
import type { Labelled, Learner } from './cross-validation.js';
import { sameSamples } from './duplicates.js';
import { foundOfPlanted } from './planted.js';
import { featureLearner, judge, wordLearner } from './probe.js';
import type { Judged, ProbeRequest, Same, SameRequest, WordsRequest } from './protocol.js';
import { spreadOf } from './spread.js';

serve({
  same: ({ tables }: SameRequest): Same => sameSamples(tables),
  probe({ features, size, seed, ...data }: ProbeRequest): Judged {
    const learnerOf = (labelled: Labelled): Learner => featureLearner(features, size, labelled, seed);
    const trial = foundOfPlanted(learnerOf, data, seed);
    return { ...judge(learnerOf, data, seed), foundOfPlanted: trial, spread: spreadOf(features, size) };
  },
  words: ({ table, samples, seed, ...data }: WordsRequest): Judged =>
    judge((labelled) => wordLearner(table, samples, labelled), data, seed),
});
