// The commands with a model named as on the hub, from a server on this machine.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ortune } from '../support/command.js';
import { type HubServer, startHub } from '../support/hub-server.js';
import { smallProblem } from '../support/small-problem.js';

const problem = smallProblem();
const { path } = problem;
let hub: HubServer;

beforeAll(async () => {
  hub = await startHub(path('hub'));
  process.env.HF_ENDPOINT = hub.url;
  process.env.ORTUNE_CACHE = path('cache');
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'])
    hub.put('acme/encoder', 'main', file, readFileSync(path(join('encoder', file))));
});

describe('a hub name on the command line', () => {
  it('is downloaded once, which is said on stderr, and needs no network after that', async () => {
    const first = await ortune(['inspect', 'acme/encoder', '--json']);
    expect(first.code).toBe(0);
    expect(first.json.undifferentiable).toEqual([]);
    expect(first.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(first.stderr).toMatch(/^downloaded onnx\/model\.onnx of acme\/encoder \(\d+ kB\)$/m);

    await hub.close();
    const second = await ortune(['predict', 'acme/encoder', 'win a prize', '--json']);
    expect(second).toMatchObject({ code: 0, stderr: '' });
    const failed = await ortune(['inspect', 'acme/other', '--json']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(`could not be reached, or the connection broke (ECONNREFUSED)`);
    expect(failed.stderr).toContain(`in the cache ${path('cache/acme/other')} (there: none of them)`);
    expect(failed.json.error.name).toBe('ModelError');
    expect(failed.stderr).not.toMatch(/\n\s+at /);
  });
});
