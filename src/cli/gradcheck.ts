// ortune gradcheck: compares a model's derived gradients with finite differences.

import type { Command } from 'commander';
import { gradcheckSchema } from '../config/schema.js';
import { alignRows } from '../report/metrics.js';
import { addOptions, configOf, execute } from './command.js';
import { showDownload } from './download.js';

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
      const worst = result.parameters.toSorted((a, b) => b.relativeError - a.relativeError).slice(0, shown);
      const rows = worst.map((p) => [p.name, p.relativeError.toExponential(1)]);
      const summary = `${result.checked} parameters checked, ${result.failed} failed (tolerance ${result.tolerance})`;
      return { json: result, text: `${alignRows(rows)}\n${summary}`, ok: result.failed === 0 };
    }),
  );
}
