// In the thread that retrieves texts: reads the queries, passes over the corpus (best.ts), and once more for the texts
// that were chosen.

import { realpathSync } from 'node:fs';
import { DataError, OrtuneError, type Outcome, outcomeOf } from '../../errors.js';
import { AtomicFile } from '../../files/atomic-file.js';
import { serve } from '../../threads/serve.js';
import { textColumns } from '../column-specs.js';
import { openFiles } from '../read/files.js';
import { readBlocks } from '../read/raw.js';
import { readOptions, toRecord } from '../read/record.js';
import { bestTexts } from './best.js';
import type { Retrieved, RetrieveRequest } from './protocol.js';

async function retrieve(request: RetrieveRequest): Promise<Retrieved> {
  const { queryColumns, textColumn, most, output } = request;
  const notes: string[] = [];
  const note = (text: string): void => {
    if (!notes.includes(text)) notes.push(text);
  };
  const [queryFiles, corpusFiles] = [await openFiles(request.queries), await openFiles(request.corpus)];
  const reading = { form: request.form, note };
  const queries = new Set<string>();
  for await (const texts of textsOf(queryFiles, queryColumns, reading)) for (const text of texts) queries.add(text);
  if (queries.size === 0) throw new DataError(`${queryFiles.join(', ')}: there are no texts to retrieve others for`);
  let documents = 0;
  const corpus = async function* (): AsyncGenerator<string[]> {
    documents = 0;
    for await (const texts of textsOf(corpusFiles, [textColumn], reading)) {
      documents += texts.length;
      yield texts;
    }
  };
  const found = await bestTexts([...queries], corpus, most);
  const chosen = Uint32Array.from(new Set(found.flatMap((of) => of.map(({ document }) => document)))).sort();
  if (chosen.length === 0)
    throw new DataError(`${corpusFiles.join(', ')}: no text has a word of those of ${queryFiles.join(', ')}`);
  const texts = await writeChosen(output, chosen, corpus, textColumn);
  return { queries: queries.size, documents, texts, notes };
}

/** The texts of files; several columns are one text, with line breaks between. */
async function* textsOf(
  files: readonly string[],
  names: readonly string[],
  reading: Pick<RetrieveRequest, 'form'> & { note: (text: string) => void },
): AsyncGenerator<string[]> {
  const columns = names.map((name) => ({ ...textColumns({ textColumn: name })[0]!, role: name }));
  for (const file of files)
    for await (const block of readBlocks(file, { ...readOptions(columns), ...reading }))
      yield block.map((raw) => {
        const { values } = toRecord(raw, file, columns);
        return names.map((name) => values[name] as string).join('\n');
      });
}

/** Writes the texts with the numbers `chosen`, ascending, each text once; gives how many. */
async function writeChosen(
  output: string,
  chosen: Uint32Array,
  corpus: () => AsyncIterable<readonly string[]>,
  textColumn: string,
): Promise<number> {
  const file = new AtomicFile(placeOf(output));
  const written = new Set<string>();
  try {
    let [at, first] = [0, 0];
    for await (const texts of corpus()) {
      const rows: string[] = [];
      for (; at < chosen.length && chosen[at]! < first + texts.length; at++) {
        const text = texts[chosen[at]! - first]!;
        if (written.has(text)) continue;
        written.add(text);
        rows.push(`${JSON.stringify({ [textColumn]: text })}\n`);
      }
      if (rows.length > 0) file.write(Buffer.from(rows.join('')));
      first += texts.length;
      if (at === chosen.length) break;
    }
    file.commit();
    return written.size;
  } catch (error) {
    if (error instanceof OrtuneError) throw error;
    throw new OrtuneError(`${output} cannot be written: ${(error as Error).message}`);
  } finally {
    file.discard();
  }
}

/** A link's file is written, not the link. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

serve({ default: (request: RetrieveRequest): Promise<Outcome<Retrieved>> => outcomeOf(() => retrieve(request)) });
