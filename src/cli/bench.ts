// ortune bench: measurements of ortune on this machine.

import type { Command } from 'commander';
import { benchStepSchema } from '../config/schema.js';
import { formatBytes, formatNumber } from '../format.js';
import { configOf, execute } from './command.js';
import { showDownload } from './download.js';
import { addOptions } from './flags.js';

export function addBench(program: Command): void {
  const bench = program.command('bench').description('measure ortune on this machine');
  const step = bench
    .command('step', { isDefault: true })
    .description('time one optimizer step: forward, loss, backward and update of all parameters');
  addOptions(step, benchStepSchema).action((flags) =>
    execute(flags, async (signal) => {
      const config = configOf(benchStepSchema, {}, flags);
      const { benchStep } = await import('../commands/bench.js');
      const r = await showDownload((onDownload) => benchStep(config, { signal, onDownload }));
      const percent = (part: number) => `${(100 * part).toFixed(0)} %`;
      const lines = [
        `${r.device === 'cpu' ? '' : `${r.device}; `}${r.cpu}, ${r.threads} threads`,
        `step              ${r.stepMs.toFixed(1)} ms (${r.stepMsRange.map((ms) => ms.toFixed(1)).join(' to ')}; ${percent(r.efficiency)} of a large GEMM)`,
        `forward+backward  ${r.forwardBackwardMs.toFixed(1)} ms (${percent(r.efficiencyForwardBackward)})`,
        `work of a step    ${formatNumber(r.gigaflops)} GFLOP, ${r.parameters.toLocaleString('en')} parameters`,
        `large GEMM        ${formatNumber(r.gemmGflops)} GFLOP/s`,
        `peak memory       ${formatBytes(r.peakRssBytes)}`,
      ];
      return { json: r, text: lines.join('\n') };
    }),
  );
}
