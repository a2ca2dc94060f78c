import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfigFile } from '#ortune/config/load.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('config');
const fileOf = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};

describe('readConfigFile', () => {
  it('reads YAML and JSON', () => {
    expect(readConfigFile(fileOf('a.yaml', 'epochs: 2\ndropout:\n  head: 0.3\n'))).toEqual({
      epochs: 2,
      dropout: { head: 0.3 },
    });
    expect(readConfigFile(fileOf('a.json', '{"epochs": 2, "freeze": ["trunk"]}'))).toEqual({
      epochs: 2,
      freeze: ['trunk'],
    });
  });

  it('names the file that cannot be read', () => {
    expect(() => readConfigFile(join(directory, 'none.yaml'))).toThrow(/none\.yaml cannot be read: ENOENT/);
  });

  it('names the line of broken syntax', () => {
    expect(() => readConfigFile(fileOf('b.yaml', 'epochs: 2\nmodel: "open\n'))).toThrow(
      /b\.yaml:\d: neither YAML nor JSON/,
    );
  });

  it('says what a pattern without quotes is in YAML, and where', () => {
    expect(() => readConfigFile(fileOf('f.yaml', 'epochs: 2\nfreeze: *embeddings*\n'))).toThrow(
      /f\.yaml:2: neither YAML nor JSON: put quotes around '\*embeddings\*'/,
    );
  });

  it('refuses references that grow without bound', () => {
    const lines = Array.from({ length: 9 }, (_, i) => {
      const before = i === 0 ? 'lol' : `*a${i - 1}`;
      return `a${i}: &a${i} [${Array(9).fill(before).join(', ')}]`;
    });
    expect(() => readConfigFile(fileOf('g.yaml', lines.join('\n')))).toThrow(/g\.yaml:\?: .*alias count/);
  });

  it('refuses a list, a bare value and an empty file', () => {
    expect(() => readConfigFile(fileOf('c.yaml', '- epochs\n'))).toThrow(
      /holds options as 'name: value', found a list/,
    );
    expect(() => readConfigFile(fileOf('d.yaml', 'epochs\n'))).toThrow(/found "epochs"/);
    expect(() => readConfigFile(fileOf('e.yaml', ''))).toThrow(/found null/);
  });
});
