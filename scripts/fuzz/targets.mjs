// Kinds of cases: what is mutated, and what ortune is asked to do with it. `make` writes the files of a case into its
// folder and returns what `run`, in the other process, has to know.

import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { gradcheckModel, inspectModel, loadModel, pack, Trainer } from 'ortune';
import { changeBytes, mutateBytes, mutateJsonFile, mutateSafetensors, mutateText } from './mutate.mjs';
import { mutateModel } from './onnx.mjs';
import { randomOf } from './random.mjs';
import { copy, read } from './seeds.mjs';

const quick = { maxSteps: 1, batchSize: 4, threads: 1, workers: 1, overwrite: true };

/** A mutation of a file, by what its name says it is; the file as it is where `random` is none. */
function mutateFile(file, random) {
  const bytes = read(file);
  if (random.none) return bytes;
  const ending = extname(file);
  if (ending === '.json') return mutateJsonFile(bytes, random);
  if (ending === '.safetensors') return mutateSafetensors(bytes, random);
  if (ending === '.onnx' && random.chance(0.9)) return mutateModel(bytes, random.next);
  // Its length and name stand at the end.
  if (ending === '.parquet' && random.chance(0.8)) return changeBytes(bytes, random, 8);
  if (['.jsonl', '.csv', '.tsv'].includes(ending) && random.chance(0.8)) return mutateText(bytes.toString(), random);
  return mutateBytes(bytes, random);
}

/** One of the files, mutated, in the folder of the case. */
function mutated(files, directory, random) {
  const file = random.pick(files);
  const to = join(directory, basename(file));
  writeFileSync(to, mutateFile(file, random));
  return to;
}

/** The model's directory with one of its files mutated. */
function mutatedModel(name, { directory, random, seeds }) {
  const model = copy(seeds.model, join(directory, 'model'));
  writeFileSync(join(model, name), mutateFile(join(seeds.model, name), random));
  return model;
}

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((file) => join(folder, file))
    .filter((file) => statSync(file).isFile());

export const targets = {
  onnx: {
    make: ({ directory, random, seeds }) => mutated(seeds.onnx, directory, random),
    async run(_, model) {
      await inspectModel(model);
      await gradcheckModel(model, { threads: 1 });
    },
  },
  texts: {
    make: ({ directory, random, seeds }) => ({ data: mutated(seeds.texts, directory, random), model: seeds.model }),
    run: (directory, { data, model }) => pack({ data, model, output: join(directory, 'out.safetensors') }),
  },
  training: {
    make: ({ directory, random, seeds }) => ({
      train: mutated(seeds.texts.slice(0, 3), directory, random),
      model: seeds.model,
    }),
    run: (directory, { train, model }) => new Trainer({ ...quick, model, train, output: join(directory, 'out') }).run(),
  },
  pictures: {
    make({ directory, random, seeds }) {
      const folder = copy(join(seeds.pictures[0], '..', '..'), join(directory, 'pictures'));
      const file = random.pick(seeds.pictures);
      writeFileSync(join(folder, basename(join(file, '..')), basename(file)), mutateFile(file, random));
      return folder;
    },
    run: (directory, data) =>
      pack({ data, size: '16x16', output: join(directory, 'out.safetensors'), maxBadSamples: 1 }),
  },
  tokenizer: {
    make: (given) => ({ model: mutatedModel('tokenizer.json', given), data: given.seeds.train }),
    run: (directory, { model, data }) => pack({ data, model, output: join(directory, 'out.safetensors') }),
  },
  config: {
    make: (given) => mutatedModel(given.random.pick(['config.json', 'tokenizer_config.json']), given),
    async run(_, model) {
      const loaded = await loadModel(model, { threads: 1 });
      try {
        await loaded.predict(['win a prize', 'kernel patch']);
      } finally {
        await loaded.close();
      }
    },
  },
  packed: {
    make: ({ directory, random, seeds }) => ({
      train: mutated(seeds.packed.slice(0, 1), directory, random),
      model: seeds.model,
    }),
    run: (directory, { train, model }) => new Trainer({ ...quick, model, train, output: join(directory, 'out') }).run(),
  },
  checkpoint: {
    make({ directory, random, seeds }) {
      const run = copy(seeds.run, join(directory, 'run'));
      const file = random.pick(filesBelow(join(run, 'checkpoints')).sort());
      writeFileSync(file, mutateFile(file, random));
      return {
        ...quick,
        maxSteps: 2,
        saveSteps: 1,
        model: seeds.model,
        train: seeds.train,
        output: run,
        overwrite: false,
        resume: join(run, 'checkpoints', 'step-1'),
      };
    },
    run: (_, options) => new Trainer(options).run(),
  },
};

/**
 * Writes a case's files; case 0 is a seed as it is, which must be accepted.
 * @returns what its target's `run` takes
 */
export function makeCase(name, { seed, index, directory, seeds }) {
  const random = randomOf(`${seed} ${name} ${index}`);
  if (index === 0) Object.assign(random, { none: true, pick: ([first]) => first });
  return targets[name].make({ directory, random, seeds });
}
