// Recurrent layers have no rule of their own: their gradient is that of their steps, written out. Where a device has
// fused kernels, lower/recurrent has put those in the layers' place before.

import { unrolled } from '../../lower/recurrent/unrolled.js';
import type { RuleTable } from './context.js';

export const recurrent: RuleTable = Object.fromEntries(
  Object.entries(unrolled).map(([op, definition]) => [op, { definition }]),
);
