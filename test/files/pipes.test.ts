// A pipe that nobody writes to, in the place of a file: opening it would wait for ever, in a call that no signal ends.

import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readConfigFile } from '#ortune/config/load.js';
import { openFiles } from '#ortune/data/read/files.js';
import { openModel } from '#ortune/onnx/load.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory('pipes');
const pipe = (path: string): string => {
  rmSync(path, { force: true });
  execFileSync('mkfifo', [path]);
  return path;
};

it.runIf(process.platform !== 'win32')(
  'is refused by name: models, what lies beside them, data, configurations',
  async () => {
    expect(() => openModel(pipe(join(root, 'a.onnx')))).toThrow(/a\.onnx cannot be read: it is a pipe, not a file/);
    for (const name of ['onnx/model.onnx', 'config.json', 'tokenizer.json']) {
      const model = join(root, name.replace('/', '-'));
      cpSync('models/tiny-en', model, { recursive: true });
      pipe(join(model, name));
      expect(() => openModel(model)).toThrow(
        /(model\.onnx cannot be read: it|(config|tokenizer)\.json) is a pipe, not a file/,
      );
    }
    await expect(openFiles([pipe(join(root, 'b.jsonl'))])).rejects.toThrow(
      /b\.jsonl is a pipe, which cannot be read twice/,
    );
    expect(() => readConfigFile(pipe(join(root, 'c.yaml')))).toThrow(
      /c\.yaml cannot be read: it is a pipe, not a file/,
    );
  },
);
