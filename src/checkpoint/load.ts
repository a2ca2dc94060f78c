// Reads a checkpoint back into the tensors it was taken from. Nothing is filled in before the whole checkpoint has been
// verified and fits, so a run that cannot resume has not been touched. Blocks; belongs in a worker.

import { DataError, OrtuneError } from '../errors.js';
import { quote } from '../quote.js';
import { type CheckpointSource, sourcesOf, tensorFiles } from './files.js';
import {
  readFully,
  type TensorsFile,
  type VerifiedCheckpoint,
  verifyCheckpoint,
  wholeBeside,
  withFile,
} from './verify.js';

const mostListed = 5;

/**
 * Fills `sources` from the checkpoint at `path`; its state.
 * @throws DataError for a damaged checkpoint, naming the file and a whole checkpoint beside it; OrtuneError when its
 *   tensors are not those of `sources`
 */
export function fillFrom(path: string, sources: readonly CheckpointSource[]): object {
  const checkpoint = verifiedOrOffer(path);
  const differences = tensorFiles.flatMap((file) =>
    differencesOf(file, checkpoint.tensors[file], sourcesOf(sources, file)),
  );
  if (differences.length > 0) throw new OrtuneError(misfit(path, differences));
  for (const file of tensorFiles) fill(checkpoint.tensors[file], file, sourcesOf(sources, file));
  return checkpoint.state;
}

function verifiedOrOffer(path: string): VerifiedCheckpoint {
  try {
    return verifyCheckpoint(path);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const whole = wholeBeside(path);
    throw new DataError(
      `checkpoint ${path} cannot be used: ${error.message}. ` +
        (whole ? `${whole} is whole: resume from it with --resume ${whole}` : 'No other checkpoint beside it is whole'),
    );
  }
}

function differencesOf(file: string, { places }: TensorsFile, sources: readonly CheckpointSource[]): string[] {
  const expected = new Set(sources.map(({ name }) => name));
  return [
    ...sources.flatMap(({ name, shape }) => {
      const place = places.get(name);
      if (!place) return [`${file} has no tensor ${quote(name)} [${shape}]`];
      if (`${place.shape}` === `${shape}`) return [];
      return [`${quote(name)} in ${file} has shape [${place.shape}], the run has [${shape}]`];
    }),
    ...[...places.keys()]
      .filter((name) => !expected.has(name))
      .map((name) => `the run has no ${quote(name)} of ${file}`),
  ];
}

function misfit(path: string, differences: readonly string[]): string {
  const more = differences.length - mostListed;
  return (
    `checkpoint ${path} does not fit this run: ${differences.slice(0, mostListed).join('; ')}` +
    `${more > 0 ? `; and ${more} more` : ''}. Resume with the model, freeze and optimizer it was made with`
  );
}

function fill({ path, places, dataStart }: TensorsFile, file: string, sources: readonly CheckpointSource[]): void {
  withFile(path, (fd) => {
    for (const { name, data } of sources) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      readFully(fd, bytes, dataStart + places.get(name)!.begin, file);
    }
  });
}
