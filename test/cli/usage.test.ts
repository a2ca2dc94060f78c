import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configOf } from '#ortune/cli/command.js';
import { withFlags } from '#ortune/cli/flags.js';
import { parseOptions } from '#ortune/config/options.js';
import { benchStepSchema } from '#ortune/config/schema.js';
import { trainSchema } from '#ortune/config/train-schema.js';
import { ortune } from '../support/command.js';

const required = ['--model', 'm', '--train', 't.jsonl', '--output', 'o'];

describe('flags', () => {
  it('override a configuration and leave the rest', () => {
    const config = withFlags(trainSchema, { epochs: 2, seed: 1 }, { epochs: 5, learningRate: 0.1 });
    expect(config).toEqual({ epochs: 5, seed: 1, learningRate: 0.1 });
  });

  it('set one nested option and keep its siblings, also where one number stood for all', () => {
    expect(withFlags(trainSchema, { dropout: { head: 0.3 } }, { dropoutHidden: 0 })).toEqual({
      dropout: { head: 0.3, hidden: 0 },
    });
    expect(withFlags(trainSchema, { dropout: 0.2 }, { dropoutHidden: 0 })).toEqual({
      dropout: { hidden: 0, attention: 0.2, head: 0.2 },
    });
  });

  it('stand for a value of their own where they are given without one', () => {
    expect(withFlags(trainSchema, {}, { resume: true })).toEqual({ resume: 'latest' });
    expect(withFlags(trainSchema, {}, { resume: 'step-3' })).toEqual({ resume: 'step-3' });
    expect(withFlags(trainSchema, {}, { overwrite: true })).toEqual({ overwrite: true });
  });

  it('are called by the flag where one was typed, and by the key and its file where that had it', () => {
    expect(() => configOf(benchStepSchema, { layers: 2 }, { hidden: 0 }, 'bench.yaml')).toThrow(
      /^option '--hidden' must be a whole number of at least 1, found 0$/,
    );
  });
});

describe('the command line', () => {
  it('lists its commands', async () => {
    const { code, stdout } = await ortune(['--help']);
    expect(code).toBe(0);
    for (const name of ['train', 'compare', 'eval', 'predict', 'inspect', 'gradcheck', 'bench'])
      expect(stdout).toContain(name);
  });

  it('documents every option of train with its default', async () => {
    const { stdout } = await ortune(['train', '--help']);
    expect(stdout).toMatch(/--weight-decay <N>\s[\s\S]*\(default:\s+0\.01\)/);
    expect(stdout).toMatch(/--freeze <PATTERN>\s/);
    expect(stdout).toMatch(/--resume \[CHECKPOINT\]\s[\s\S]*Without\s+a value: latest\./);
    expect(stdout).toMatch(/--schedule <NAME>\s[\s\S]*One of linear, cosine,\s/);
    expect(stdout).toContain('--no-tensorboard turns it off');
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(110);
  });

  it('prints the configuration as YAML that it would read again, and starts nothing', async () => {
    const flags = [
      '--groups',
      '{parameters: "*bias*", learningRate: 1e-3}',
      '--groups',
      '[{parameters: a, weightDecay: 0}]',
    ];
    const more = [
      '--class-weights',
      '{ham: 1, spam: 3}',
      '--dropout',
      '0.3',
      '--dropout-head',
      '0.2',
      '--no-tensorboard',
    ];
    const printed = await ortune(['train', ...required, ...flags, ...more, '--print-config']);
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    const config = parse(printed.stdout);
    expect(config).toEqual(
      parseOptions(trainSchema, {
        model: 'm',
        train: 't.jsonl',
        output: 'o',
        groups: [
          { parameters: '*bias*', learningRate: 1e-3 },
          { parameters: 'a', weightDecay: 0 },
        ],
        classWeights: { ham: 1, spam: 3 },
        dropout: { hidden: 0.3, attention: 0.3, head: 0.2 },
        tensorboard: false,
      }),
    );
    const json = await ortune(['train', ...required, ...flags, ...more, '--print-config', '--json']);
    expect(json).toMatchObject({ code: 0, json: config });
    expect(json.stdout.trimEnd().split('\n')).toHaveLength(1);
  });

  it('takes one word for a structure that has one', async () => {
    const { stdout } = await ortune(['train', ...required, '--class-weights', 'balanced', '--print-config']);
    expect(parse(stdout).classWeights).toBe('balanced');
  });

  it.each([
    [['train', '--lerning-rate', '1'], "unknown option '--lerning-rate'\n(Did you mean --learning-rate?)"],
    [['train', '--lr', '1'], "unknown option '--lr'\n(Did you mean --learning-rate?)"],
    [['eval', '--per_device_eval_batch_size', '4'], '(Did you mean --batch-size?)'],
    [['trian'], "unknown command 'trian'\n(Did you mean train?)"],
    [['inspect'], "missing required argument 'model'"],
    [['train', '--epochs', 'many'], 'option \'--epochs\' must be a whole number of at least 1, found "many"'],
    [['train'], 'ortune train --model tiny-en --train mails.csv --output runs/first\n'],
    [['help', 'trian'], "there is no command 'trian'; there are train, compare,"],
    [['help', 'train', 'wibblewobble'], "ortune train has no option 'wibblewobble': see ortune train --help"],
    [['completion', 'csh'], "completion is for bash, zsh, fish, found 'csh'"],
    [['train', 'none.yaml'], 'configuration file none.yaml cannot be read'],
    [['predict', 'm', '--batch-size', '0'], "option '--batch-size' must be"],
    [['predict'], "option '--model' is missing"],
    [['train', '--groups', '{parameters: *bias}'], "It is read as YAML: put quotes around '*bias'"],
    [['train', '--class-weights', '{ham: 1'], 'It is read as YAML: Flow map must end with a }'],
    [
      ['train', '--groups', '{parameters: a, lr: 1}'],
      "unknown option '--groups[0].lr'; did you mean '--groups[0].learn",
    ],
    [['train', '--resume', 'run.yaml'], 'write the configuration file first: ortune train run.yaml --resume'],
    [['train', 'none.yaml', '--print-config'], 'configuration file none.yaml cannot be read'],
    [['train', ...required, '--overwrite', '--resume'], "options '--overwrite' and '--resume' contradict each other"],
  ])('answers %j with exit code 2 and a message', async (args, message) => {
    const { code, stderr, stdout } = await ortune(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('reports a failure as the one JSON object too', async () => {
    const wrong = await ortune(['train', '--foo', '--json']);
    expect(wrong).toMatchObject({
      code: 2,
      json: { error: { name: 'UsageError', message: "unknown option '--foo'" } },
    });
    const missing = await ortune(['inspect', 'nowhere.onnx', '--json']);
    expect(missing).toMatchObject({ code: 1, json: { error: { name: 'ModelError' } } });
    expect(missing.stdout.trimEnd().split('\n')).toHaveLength(1);
  });
});
