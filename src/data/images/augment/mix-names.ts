// Names of the augmentation steps that mix the samples of a batch, and what they make of targets; light enough for
// every thread. The steps themselves are in mix.ts.

import type { TargetKind } from '../targets.js';

export const mixNames = ['mixup', 'cutmix'] as const;

/** What the targets of a training batch are: a mixed sample belongs to several classes by shares. */
export const targetsAfter = (augmentation: readonly { op: string }[], targets: TargetKind): TargetKind =>
  targets === 'class' && augmentation.some(({ op }) => (mixNames as readonly string[]).includes(op))
    ? 'probabilities'
    : targets;
