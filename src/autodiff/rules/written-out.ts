// Operators without a rule of their own: their gradient is that of their definition in standard operators
// (lower/standard), which is put in their place before differentiation. The forward pass of what is not differentiated
// stays the runtime's.

import { arrangements } from '../../lower/standard/arrangements.js';
import { fourier } from '../../lower/standard/fourier.js';
import { losses } from '../../lower/standard/losses.js';
import { regions } from '../../lower/standard/regions.js';
import { sampling } from '../../lower/standard/sampling.js';
import type { RuleTable } from './context.js';

export const writtenOut: RuleTable = Object.fromEntries(
  Object.entries({ ...losses, ...sampling, ...regions, ...fourier, ...arrangements }).map(([op, definition]) => [
    op,
    { definition },
  ]),
);
