// The transformers library, which writes texts: a program may have it under either of its names, or not at all.

import { createRequire } from 'node:module';

/** Texts, so that bundlers leave alone what may not be there. */
export const libraryNames: readonly string[] = ['@huggingface/transformers', '@xenova/transformers'];

const { resolve } = createRequire(import.meta.url);

export function transformersInstalled(): boolean {
  return libraryNames.some((name) => {
    try {
      return resolve(name) !== '';
    } catch {
      return false;
    }
  });
}

export const missingLibrary =
  'texts are written by the package @huggingface/transformers, which is not installed: npm install @huggingface/transformers';
