// The thread that writes texts: the transformers library with one model, which stays open.

import { serve } from '../../threads/serve.js';
import type { Generated, GenerateRequest } from './generate.js';
import { libraryNames } from './library.js';

type Library = typeof import('@xenova/transformers');

async function transformersLibrary(): Promise<Library> {
  const [name, other] = libraryNames;
  try {
    return await import(name!);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return import(other!);
  }
}

let model: { directory: string; opened: Awaited<ReturnType<typeof open>> } | undefined;

async function open({ kind, directory, threads }: GenerateRequest) {
  const library = await transformersLibrary();
  const { env, AutoModelForCausalLM, AutoModelForSeq2SeqLM } = library;
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: '/' });
  const session = threads === undefined ? {} : { session_options: { intraOpNumThreads: threads } };
  const opener = kind === 'decoder' ? AutoModelForCausalLM : AutoModelForSeq2SeqLM;
  const found = await opener.from_pretrained(directory, { dtype: 'fp32', ...session });
  return { library, found };
}

/**
 * Prompts of one length are gone on with together: so none is padded, and each is what it would be alone. The library
 * pads on the left, which GroupQueryAttention does not take: it counts the tokens of a row from its first place.
 */
async function generate(request: GenerateRequest): Promise<Generated[]> {
  const { directory, prompts } = request;
  if (model?.directory !== directory) model = { directory, opened: await open(request) };
  const written: Generated[] = [];
  for (const length of new Set(prompts.map((ids) => ids.length))) {
    const rows = [...prompts.keys()].filter((i) => prompts[i]!.length === length);
    const found = await continued(
      model.opened,
      rows.map((i) => prompts[i]!),
      request,
    );
    for (const [k, i] of rows.entries()) written[i] = found[k]!;
  }
  return written;
}

async function continued(
  { library, found }: Awaited<ReturnType<typeof open>>,
  prompts: readonly (readonly number[])[],
  { kind, maxNewTokens, start, forced }: GenerateRequest,
): Promise<Generated[]> {
  const output = await found.generate({
    inputs: tensor(library, prompts),
    attention_mask: tensor(
      library,
      prompts.map((ids) => ids.map(() => 1)),
    ),
    max_new_tokens: maxNewTokens,
    do_sample: false,
    ...(start !== undefined && { decoder_start_token_id: start }),
    ...(forced !== undefined && { forced_bos_token_id: forced }),
  } as never);
  const { generation_config: own, config } = found as unknown as Record<
    string,
    { eos_token_id?: number | number[] } | null
  >;
  const ends = [own?.eos_token_id ?? config?.eos_token_id].flat();
  const rows = (output as { tolist(): (bigint | number)[][] }).tolist();
  return rows.map((row) => {
    // A sequence begins with the token that its decoder starts with.
    const ids = row.slice(kind === 'decoder' ? prompts[0]!.length : 1).map(Number);
    const end = ids.findIndex((id) => ends.includes(id));
    return end < 0 ? { ids, finished: false } : { ids: ids.slice(0, end), finished: true };
  });
}

function tensor({ Tensor }: Library, rows: readonly (readonly number[])[]) {
  return new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);
}

serve({ default: generate });
