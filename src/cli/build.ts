// ortune build: a model of any size that has learnt nothing, with a tokenizer that is learnt from texts.

import type { Command } from 'commander';
import { type BuildConfig, buildSchema } from '../config/build-schema.js';
import { configOf, execute, type Result } from './command.js';
import { addOptions } from './flags.js';
import { say } from './output.js';
import { inputsOf, textsIn } from './predict-inputs.js';

export function addBuild(program: Command): void {
  const command = program
    .command('build')
    .description('write a model that has learnt nothing, with a tokenizer of your texts')
    .argument('[directory]', 'where to write the model');
  addOptions(command, buildSchema).action((output: string | undefined, flags) =>
    execute(flags, (signal) => build(configOf(buildSchema, output === undefined ? {} : { output }, flags), signal)),
  );
}

async function build(config: BuildConfig, signal: AbortSignal): Promise<Result> {
  const { buildModel } = await import('../commands/build.js');
  const onNote = (note: string): void => say(`note: ${note}`);
  const { train: data, output: model } = config;
  const texts = textsIn(await inputsOf('texts', [], { ...config, model, data }, { signal, onNote }));
  const made = buildModel(config, texts);
  return {
    json: made,
    text: `${made.output}: ${config.architecture} of ${made.vocabulary} pieces, learnt from ${made.texts} texts`,
  };
}
