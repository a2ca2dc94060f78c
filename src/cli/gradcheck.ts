// ortune gradcheck: compares a model's derived gradients with finite differences.

import type { Command } from 'commander';
import type { ParameterCheck } from '../check/gradcheck.js';
import type { GradcheckResult } from '../commands/gradcheck.js';
import { gradcheckSchema } from '../config/schema.js';
import { alignRows } from '../report/metrics.js';
import { configOf, execute } from './command.js';
import { showDownload } from './download.js';
import { addOptions } from './flags.js';

const shown = 10;

export function addGradcheck(program: Command): void {
  const command = program
    .command('gradcheck')
    .description('compare the gradient of every parameter with a central difference')
    .argument('<model>', 'model directory, .onnx file or hub name');
  addOptions(command, gradcheckSchema).action((model: string, flags) =>
    execute(flags, async (signal) => {
      const config = configOf(gradcheckSchema, {}, flags);
      const { gradcheckModel } = await import('../commands/gradcheck.js');
      const result = await showDownload((onDownload) => gradcheckModel(model, config, { signal, onDownload }));
      return { json: result, text: describe(result), ok: result.failed === 0 && result.notMeasurable < result.checked };
    }),
  );
}

/** The worst errors, then what could not be measured by its reasons, then the sum of it. */
function describe({ parameters, checked, failed, notMeasurable, tolerance, unknown = [] }: GradcheckResult): string {
  const rank = (p: ParameterCheck) => (Number.isNaN(p.relativeError) ? Number.POSITIVE_INFINITY : p.relativeError);
  const measured = parameters.filter((p) => p.notMeasurable === undefined);
  const worst = measured.toSorted((a, b) => rank(b) - rank(a)).slice(0, shown);
  const rows = alignRows(worst.map((p) => [p.name, p.relativeError.toExponential(1)]));
  const left = parameters.filter((p) => p.notMeasurable !== undefined);
  const reasons = left.slice(0, shown).map((p) => `not measurable: ${p.name}: ${p.notMeasurable}`);
  if (left.length > shown) reasons.push(`… and ${left.length - shown} more, which --json lists`);
  const others =
    unknown.length === 0 ? [] : [`the file also holds, and nothing was compared with: ${unknown.join(', ')}`];
  const counts = `${checked} parameters checked, ${failed} failed (tolerance ${tolerance})`;
  const last = `${counts}${notMeasurable > 0 ? `; ${notMeasurable} not measurable` : ''}`;
  return [...(rows ? [rows] : []), ...reasons, ...others, last].join('\n');
}
