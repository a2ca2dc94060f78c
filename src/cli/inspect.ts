// ortune inspect: what a model file holds and whether ortune can train it.

import type { Command } from 'commander';
import { inspectSchema } from '../config/schema.js';
import { formatCount } from '../format.js';
import { quote, shown } from '../quote.js';
import { apartNotes } from '../transfer/tied.js';
import { configOf, execute } from './command.js';
import { showDownload } from './download.js';
import { addOptions } from './flags.js';

/** Tensors that are not trained are listed up to this many. */
const MOST_LISTED = 20;

export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('show inputs, parameters and operators of a model, and operators without a gradient')
    .argument('<model>', 'model directory, .onnx file or hub name');
  addOptions(command, inspectSchema).action((model: string, flags) =>
    execute(flags, async (signal) => {
      const { inspectModel } = await import('../commands/inspect.js');
      const config = configOf(inspectSchema, {}, flags);
      const found = await showDownload((onDownload) => inspectModel(model, { ...config, signal, onDownload }));
      const shape = (v: { name: string; dtype: string; shape: readonly unknown[] | null }) =>
        `${shown(v.name)} ${v.dtype}[${v.shape === null ? '…' : v.shape.map((d) => (typeof d === 'string' ? shown(d) : (d ?? '?'))).join(', ')}]`;
      const { tensors, elements, trainable } = found.parameters;
      const operators = Object.entries(found.operators).map(([name, count]) => `${shown(name)} ${count}`);
      const missing = found.undifferentiable.map(({ op, node }) => `  ${shown(op)} (node ${quote(node)})`);
      const left = found.tensors.flatMap(({ name, alias, reason }) =>
        reason === undefined ? [] : [`  ${quote(name)}${alias === undefined ? '' : ` (${shown(alias)})`}: ${reason}`],
      );
      const control = found.control.map(({ op, node, becomes }) => `  ${op} ${quote(node)}: ${becomes}`);
      const more = left.length > MOST_LISTED ? [`  and ${left.length - MOST_LISTED} more: see --json`] : [];
      const apart = found.tensors.flatMap(({ name, like }) => (like === undefined ? [] : [{ name, weight: like }]));
      const lines = [
        `opset       ${found.opset}`,
        `inputs      ${found.inputs.map(shape).join('; ')}`,
        `outputs     ${found.outputs.map(shape).join('; ')}`,
        `parameters  ${formatCount(elements)} in ${tensors} tensors, ${formatCount(trainable)} of them trainable`,
        ...(left.length === 0 ? [] : ['not trained:', ...left.slice(0, MOST_LISTED), ...more]),
        ...apartNotes(apart),
        `operators   ${operators.join(', ')}`,
        ...Object.entries(found.bound).map(([name, value]) => `bound       ${shown(name)} is ${value}`),
        ...(control.length === 0 ? [] : ['with the inputs tried:', ...control]),
        ...(found.shapeProblem === undefined ? [] : [`shapes      with the inputs tried: ${found.shapeProblem}`]),
        missing.length === 0 ? 'every operator has a gradient' : `no gradient for:\n${missing.join('\n')}`,
      ];
      return { json: found, text: lines.join('\n') };
    }),
  );
}
