// Texts to texts through the trainer and the evaluation: forms of the data, prefixes, what the stock runtime measures
// of the saved files, and what is refused. Gradients and generation: test/seq2seq-goldens.test.ts.

import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import { predict } from '#ortune/commands/predict.js';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { measureTexts } from '#ortune/metrics/texts/measure.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { taskNamed } from '#ortune/tasks/tasks.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { embeddingTable } from '#ortune/transfer/embedding.js';
import { temporaryDirectory } from '../support/temporary.js';
import { type Ran, train } from '../support/train.js';

const directory = temporaryDirectory('seq2seq');
const path = (name: string): string => join(directory, name);
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/seq2seq/${name}`, import.meta.url));
const golden = JSON.parse(readFileSync(fixture('t5.golden.json'), 'utf8')) as {
  rows: { translation: { en: string; de: string } }[];
  loss: number;
  generated: { source: string; text: string }[];
};
const { rows } = golden;
const jsonl = (name: string, lines: readonly object[]): string => {
  writeFileSync(path(name), lines.map((line) => JSON.stringify(line)).join('\n'));
  return path(name);
};
const translations = jsonl('translations.jsonl', rows);
const columns = jsonl(
  'columns.jsonl',
  rows.map(({ translation }) => translation),
);

const usual = {
  ...{ task: 'seq2seq', model: fixture('t5'), train: translations, sourceLang: 'en', targetLang: 'de' },
  ...{ batchSize: 2, maxSteps: 3, learningRate: 1e-3, threads: 1, saveSteps: 100, generateSamples: 0 },
} as const;
let runs = 0;
const options = (more: object = {}) => ({ ...usual, output: path(`run${runs++}`), ...more }) as TrainOptions;
const plain = { sourceLang: undefined, targetLang: undefined };

/** The fixture's directory with changes. */
function changed(name: string, change: (folder: string) => void): string {
  const folder = path(name);
  cpSync(fixture('t5'), folder, { recursive: true });
  change(folder);
  return folder;
}
const configured = (name: string, more: object, file = 'config.json'): string =>
  changed(name, (folder) => {
    const config = JSON.parse(readFileSync(join(folder, file), 'utf8')) as object;
    writeFileSync(join(folder, file), JSON.stringify({ ...config, ...more }));
  });

describe('a run over translations', () => {
  let ran: Ran;
  beforeAll(async () => {
    const quantised = changed('quantised', (folder) =>
      copyFileSync(join(folder, 'onnx/encoder_model.onnx'), join(folder, 'onnx/encoder_model_quantized.onnx')),
    );
    ran = await train(options({ model: quantised, eval: rows, sourcePrefix: 'translate: ' }));
  });

  it('learns, and is measured by the stock runtime as by the training graph', async () => {
    expect(ran.losses.at(-1)).toBeLessThan(ran.losses[0]!);
    const data = { task: 'seq2seq', data: rows, sourceLang: 'en', targetLang: 'de', threads: 1 } as const;
    const { metrics } = await evaluate({ ...data, model: ran.result.output });
    const found = ran.result.metrics as unknown as Record<string, number>;
    expect(metrics).toMatchObject({ samples: 3, tokens: 45, accuracy: found.accuracy });
    expect(metrics.loss).toBeCloseTo(found.loss!, 4);
    expect(metrics.perplexity).toBeCloseTo(Math.exp(metrics.loss!), 6);
    const bytes = rows.reduce((sum, { translation }) => sum + Buffer.byteLength(translation.de), 0);
    expect(metrics.bitsPerByte).toBeCloseTo((metrics.loss! * 45) / bytes / Math.LN2, 6);
    const untrained = await evaluate({ ...data, model: fixture('t5') });
    expect(untrained.metrics.loss).toBeCloseTo(golden.loss, 4);
  });

  it('saves the files that transformers.js and optimum open, and leaves out and names those of other types', () => {
    const saved = readdirSync(join(ran.result.output, 'onnx')).sort();
    expect(saved).toEqual(
      ['decoder_model', 'decoder_model_merged', 'decoder_with_past_model', 'encoder_model'].map((f) => `${f}.onnx`),
    );
    expect(existsSync(join(ran.result.output, 'generation_config.json'))).toBe(true);
    expect(ran.warnings).toContainEqual(
      expect.stringMatching(/^encoder_model_quantized.onnx: left out of the saved directory.* from before training/),
    );
    expect(ran.warnings).toContainEqual(
      'decoder_model.onnx, decoder_with_past_model.onnx: the trained weights go there too',
    );
  });

  it('says in config.json what goes before the texts', () => {
    const config = JSON.parse(readFileSync(join(ran.result.output, 'config.json'), 'utf8')) as object;
    expect(config).toMatchObject({ is_encoder_decoder: true, prefix: 'translate: ', model_type: 't5' });
  });
});

it('languages as tokens: learnt, measured and written, and those of the run are the saved ones', async () => {
  const { loss, generated_after: after } = JSON.parse(readFileSync(fixture('mbart.golden.json'), 'utf8'));
  const [model, languages] = [fixture('mbart'), { sourceLang: 'en_XX', targetLang: 'de_DE' }];
  const { metrics } = await evaluate({ ...{ task: 'seq2seq', model, data: rows, threads: 1 }, ...languages });
  expect(metrics.loss).toBeCloseTo(loss, 4);
  const more = { batchSize: 3, maxSteps: 160, learningRate: 1e-2, schedule: 'constant', warmupRatio: 0 } as const;
  const { result } = await train(options({ ...more, model, ...languages }));
  const json = (file: string) => JSON.parse(readFileSync(join(result.output, file), 'utf8'));
  const [german] = after[0].tokens;
  expect(json('generation_config.json')).toMatchObject({ decoder_start_token_id: german, eos_token_id: 2 });
  expect(json('tokenizer_config.json')).toMatchObject({ src_lang: 'en_XX', tgt_lang: 'de_DE' });
  const texts = after as { source: string; text: string }[];
  const written = await predict(
    { model: result.output, task: 'seq2seq', maxNewTokens: 40, threads: 1 },
    texts.map(({ source }) => source),
  );
  expect(written.map(({ text }) => text)).toEqual(texts.map(({ text }) => text));
});

it('columns of any name, and targets that are cut', async () => {
  const csv = path('summaries.csv');
  writeFileSync(csv, `document,summary\n${rows.map(({ translation: { en, de } }) => `"${en}","${de}"`).join('\n')}\n`);
  const { losses, result } = await train(
    options({
      ...plain,
      train: csv,
      sourceColumn: 'document',
      targetColumn: 'summary',
      maxTargetLength: 8,
      maxSteps: 1,
    }),
  );
  expect(losses).toHaveLength(1);
  const { truncated } = await evaluate({
    ...{ task: 'seq2seq', model: result.output, data: csv, threads: 1, maxTargetLength: 8 },
    ...{ sourceColumn: 'document', targetColumn: 'summary' },
  });
  expect(truncated).toBe(3);
});

it('a prefix of the configuration is kept, and those of tasks are said', async () => {
  const model = configured('prefixed', { task_specific_params: { summarization: { prefix: 'sum: ', num_beams: 4 } } });
  const { warnings, result } = await train(options({ model, maxSteps: 1 }));
  expect(warnings).toContainEqual(
    expect.stringMatching(/^config.json has prefixes for its tasks \(summarization: 'sum: '\).* set sourcePrefix/),
  );
  const saved = JSON.parse(readFileSync(join(result.output, 'config.json'), 'utf8')) as {
    task_specific_params: object;
  };
  expect(saved.task_specific_params).toEqual({ summarization: { num_beams: 4 } });
  expect(saved).not.toHaveProperty('prefix');
});

describe('texts that the model writes', () => {
  const written = (source: string) => golden.generated.find((one) => one.source === source)!.text;
  const known = rows.filter(({ translation }) => golden.generated.some(({ source }) => source === translation.en));
  const model = fixture('t5');

  it('are what the transformers library writes, of texts and of files', async () => {
    const options = { model, task: 'seq2seq', maxNewTokens: 40, threads: 1 } as const;
    const sources = golden.generated.map(({ source }) => source);
    const found = await predict(options, sources);
    expect(found.map(({ text }) => text)).toEqual(golden.generated.map(({ text }) => text));
    // One that ends by itself, and ones that maxNewTokens ends.
    expect(found.map(({ finished }) => finished)).toEqual(found.map(({ text }) => text === ''));
    const of = await predict({ ...options, sourceLang: 'en' }, { files: [jsonl('known.jsonl', known)] });
    expect(of.map(({ text }) => text)).toEqual(known.map(({ translation }) => written(translation.en)));
  });

  it('are measured beside the targets', async () => {
    const options = { model, task: 'seq2seq', data: known, sourceLang: 'en', targetLang: 'de', threads: 1 } as const;
    const { metrics, task } = await evaluate({
      ...{ ...options, predictWithGenerate: true, generationMaxLength: 40 },
      ...{ textMetrics: 'cer,exactMatch,chrf', textTokenizer: 'char' },
    });
    const texts = known.map(({ translation }) => written(translation.en));
    const targets = known.map(({ translation }) => translation.de);
    const expected = measureTexts(texts, targets, { metrics: ['cer', 'exactMatch', 'chrf'], tokenizer: 'char' });
    expect(metrics).toMatchObject({
      cer: expected.cer,
      exactMatch: 0,
      chrf: expected.chrf,
      signatures: expected.signatures,
    });
    expect(metrics).not.toHaveProperty('bleu');
    expect(metrics.loss).toBeGreaterThan(0);
    expect([...metrics.written!].sort((a, b) => a.text.length - b.text.length)).toEqual(
      texts
        .map((text, i) => ({ input: known[i]!.translation.en, text, target: targets[i]! }))
        .sort((a, b) => a.text.length - b.text.length),
    );
    expect(taskNamed(task).report(metrics)).toMatch(/^2 texts, .*chrf: nrefs:1\|.*wrote ".*"\n {2}to be "/s);
  });

  it.each<[string, RegExp, object]>([
    [
      'more than the decoder has room for',
      /'generationMaxLength' is 48, and the decoder of .* has 48 positions, one of them for its start: set it lower/,
      { model: fixture('marian'), generationMaxLength: 48 },
    ],
    [
      'a metric that is none',
      /option 'textMetrics': there is no 'blue'; there are exactMatch, bleu/,
      { textMetrics: 'blue' },
    ],
  ])('%s is refused', async (_, message, more) => {
    const options = { model, task: 'seq2seq', data: rows, sourceLang: 'en', targetLang: 'de', threads: 1 } as const;
    await expect(evaluate({ ...options, predictWithGenerate: true, ...more })).rejects.toThrow(message);
  });
});

describe('what is refused', () => {
  it.each<[string, RegExp, () => object]>([
    [
      'a decoder of another model beside the merged one',
      /decoder_model.onnx: '.*' equals no weight of the files that are trained, so this file is not of the same model/,
      () => ({
        model: changed('mixed', (folder) =>
          copyFileSync(fixture('marian/onnx/decoder_model_merged.onnx'), join(folder, 'onnx/decoder_model.onnx')),
        ),
      }),
    ],
    [
      'an encoder that the decoder cannot attend to',
      /decoder_model_merged.onnx has no input|cannot be fed by 'encoder_model\/last_hidden_state'/,
      () => ({
        model: changed('swapped', (folder) =>
          copyFileSync(join(folder, 'onnx/decoder_model.onnx'), join(folder, 'onnx/encoder_model.onnx')),
        ),
      }),
    ],
    [
      'a model that does not say what its decoder starts with',
      /config.json names no decoder_start_token_id/,
      () => ({
        model: changed('unsaid', (folder) => {
          rmSync(join(folder, 'generation_config.json'));
          writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 't5', pad_token_id: 0 }));
        }),
      }),
    ],
    [
      'languages whose tokens are not known',
      /models of type 'mbart' put a token of its language beside every text, and of tokenizer_class 'T5Tokenizer' it is not known how/,
      () => ({ model: configured('languages', { model_type: 'mbart' }) }),
    ],
    [
      'a language that the model has not',
      /option 'sourceLang': the model has no language 'en'; near it are en_XX, /,
      () => ({ model: fixture('mbart') }),
    ],
    [
      'columns of the languages the other way round',
      /the source is read from column 'de', the target from 'en': swap the two/,
      () => ({
        model: fixture('mbart'),
        train: columns,
        sourceLang: 'en_XX',
        targetLang: 'de_DE',
        sourceColumn: 'de',
        targetColumn: 'en',
      }),
    ],
    [
      'an empty target',
      /empty.jsonl:2: the target text is empty: there is nothing to learn from it/,
      () => ({ train: jsonl('empty.jsonl', [rows[0]!, { translation: { en: 'a dog', de: ' ' } }]) }),
    ],
    [
      'a language that a row has not',
      /other.jsonl:2: in column 'translation': no column 'de'; found 'en', 'fr'/,
      () => ({ train: jsonl('other.jsonl', [rows[0]!, { translation: { en: 'a', fr: 'b' } }]) }),
    ],
    [
      'a column of texts in the place of translations',
      /texts.jsonl:1: column 'translation' must hold an object with a text under 'en', found a value of type string/,
      () => ({ train: jsonl('texts.jsonl', [{ translation: 'a' }]) }),
    ],
    [
      'one language',
      /options 'sourceLang' and 'targetLang' belong together: set targetLang too/,
      () => ({ targetLang: undefined }),
    ],
    ['a language into itself', /are both 'en': a text would be translated into itself/, () => ({ targetLang: 'en' })],
    [
      'keys and columns',
      /name keys of the column translation for a model of one pair of languages; leave sourceColumn/,
      () => ({ train: columns, sourceColumn: 'en', targetColumn: 'de' }),
    ],
  ])('%s', async (_, message, more) => {
    await expect(train(options(more()))).rejects.toThrow(message);
  });
});

describe('a directory of several files', () => {
  const data = { data: rows, sourceLang: 'en', targetLang: 'de', threads: 1 } as const;

  it('is known as one of the task by its files', async () => {
    const model = fixture('t5');
    const { task, metrics } = await evaluate({ ...data, model });
    expect(task).toBe('seq2seq');
    expect(metrics.loss).toBeCloseTo(golden.loss, 4);
    const [{ source, text }] = golden.generated as [{ source: string; text: string }];
    expect(await predict({ model, maxNewTokens: 40, threads: 1 }, [source])).toEqual([{ text, finished: text === '' }]);
    const { inputs, parameters, undifferentiable } = await inspectModel(model);
    expect(inputs.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask', 'decoder_input_ids']);
    expect(parameters.trainable).toBe(10_336);
    expect(undifferentiable).toEqual([]);
  });

  const onnx = (name: string, file: string): string => join(fixture(name), 'onnx', `${file}.onnx`);
  const [encoder, decoder] = ['encoder_model', 'decoder_model_merged'] as const;
  it.each<[string, RegExp, (folder: string) => void]>([
    [
      'without its merged file',
      /holds no decoder_model_merged.onnx: the task is of/,
      (to) => rmSync(join(to, `${decoder}.onnx`)),
    ],
    ['without its encoder', /holds no encoder_model.onnx: the task is of/, (to) => rmSync(join(to, `${encoder}.onnx`))],
    [
      'with the encoder of a model of another vocabulary',
      /encoder_model.onnx and .*: the files are not of one model: .* have 320 x 16 and 50 x 16 numbers/,
      (to) => copyFileSync(onnx('bart', encoder), join(to, `${encoder}.onnx`)),
    ],
    [
      'with the encoder of another model of the family',
      /the files are not of one model: .* \(50 x 16\) have other values, and a model of type 't5' has one for both/,
      (to) => {
        const bytes = readFileSync(onnx('t5', encoder));
        const graph = toGraph(openModel(onnx('t5', encoder)));
        const table = graph.initializers.get(embeddingTable(graph, 'input_ids')!)!;
        const at = bytes.indexOf(Buffer.from(table.bytes()));
        bytes.writeFloatLE(0.25, at);
        writeFileSync(join(to, `${encoder}.onnx`), bytes);
      },
    ],
    [
      'with its files swapped',
      /decoder_model_merged.onnx has no input 'encoder_hidden_states'/,
      (to) => {
        copyFileSync(onnx('t5', encoder), join(to, `${decoder}.onnx`));
        copyFileSync(onnx('t5', decoder), join(to, `${encoder}.onnx`));
      },
    ],
  ])('%s is refused by every command', async (name, message, change) => {
    const model = changed(name.replaceAll(' ', '-'), (folder) => change(join(folder, 'onnx')));
    await expect(evaluate({ ...data, model })).rejects.toThrow(message);
    await expect(predict({ model, threads: 1 }, ['a'])).rejects.toThrow(message);
    await expect(inspectModel(model)).rejects.toThrow(message);
    await expect(train(options({ model }))).rejects.toThrow(message);
  });
});
