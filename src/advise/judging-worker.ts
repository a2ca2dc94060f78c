// The thread that judges data: it fits classifiers and compares samples, so that the caller's event loop never waits.

import { serve } from '../threads/serve.js';
import type { Labelled, Learner } from './cross-validation.js';
import { sameSamples } from './duplicates.js';
import { foundOfPlanted } from './planted.js';
import { featureLearner, judge, wordLearner } from './probe.js';
import type { Judged, ProbeRequest, Same, SameRequest, WordsRequest } from './protocol.js';

serve({
  same: ({ tables }: SameRequest): Same => sameSamples(tables),
  probe({ features, size, seed, ...data }: ProbeRequest): Judged {
    const learnerOf = (labelled: Labelled): Learner => featureLearner(features, size, labelled, seed);
    return { ...judge(learnerOf, data, seed), foundOfPlanted: foundOfPlanted(learnerOf, data, seed) };
  },
  words: ({ table, samples, seed, ...data }: WordsRequest): Judged =>
    judge((labelled) => wordLearner(table, samples, labelled), data, seed),
});
