// ortune train: a run from a configuration file, flags, or both.

import type { Command } from 'commander';
import { readConfigFile } from '../config/load.js';
import { trainSchema } from '../config/train-schema.js';
import { formatBytes, formatCount, formatDuration, formatNumber } from '../report/format.js';
import { metricsLine } from '../report/metrics.js';
import { ProgressLine } from '../report/progress.js';
import { addOptions, configOf, execute, type Result } from './command.js';

export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description('train a model on labelled data and write it as a model directory')
    .argument('[config]', 'YAML or JSON file of options; flags override it');
  addOptions(command, trainSchema).action((file: string | undefined, flags) =>
    execute(flags, (signal) => train(file, flags, signal)),
  );
}

async function train(
  file: string | undefined,
  flags: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Result> {
  const config = configOf(trainSchema, file === undefined ? {} : readConfigFile(file), flags, file);
  const { Trainer } = await import('../train/trainer.js');
  const trainer = new Trainer(config);
  const line = new ProgressLine(process.stderr);
  trainer.on('start', (event) =>
    line.message(
      `${event.trainSamples} samples, labels ${event.labels.join(', ')}; ` +
        `training ${formatCount(event.trainable)} of ${formatCount(event.parameters)} parameters in ${event.totalSteps} steps`,
    ),
  );
  trainer.on('step', (event) => line.update(event));
  trainer.on('evaluation', (event) => line.message(`${event.name}: ${metricsLine(event.metrics)}`));
  trainer.on('warning', (event) => line.message(`note: ${event.message}`));
  trainer.on('saved', (event) => line.message(`saved ${event.path}`));
  try {
    const result = await trainer.run({ signal });
    line.message(
      `${formatDuration(result.seconds)} in all, ${formatNumber(result.samplesPerSecond)} samples/s, ` +
        `${formatNumber(result.stepMs)} ms a step, at most ${formatBytes(result.peakRssBytes)} of memory`,
    );
    return { json: result };
  } finally {
    line.stop();
  }
}
