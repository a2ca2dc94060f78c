// What a container says of the machine, from files as its kernel has them.

import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { coreThreads, groupLimits, threadsNote, usableCores, usableMemory } from '#ortune/machine.js';
import { temporaryDirectory } from './support/temporary.js';

const folder = temporaryDirectory('machine');
let roots = 0;

/** A root folder with these files. */
function root(files: Record<string, string>): string {
  const at = join(folder, `${roots++}`);
  mkdirSync(at);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), text);
  }
  return at;
}

const v2 = '32 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n';
const v1 = (controllers: string, from = '/'): string =>
  `34 31 0:30 ${from} /sys/fs/cgroup/${controllers} ro,nosuid master:15 - cgroup cgroup rw,${controllers}\n`;

describe('a limit of', () => {
  test.each<[string, Record<string, string>, { cores?: number; memory?: number }]>([
    [
      'version 2, in a container of half a processor',
      {
        'proc/self/cgroup': '0::/\n',
        'proc/self/mountinfo': v2,
        'sys/fs/cgroup/cpu.max': '50000 100000\n',
        'sys/fs/cgroup/memory.max': '536870912\n',
      },
      { cores: 0.5, memory: 2 ** 29 },
    ],
    [
      'version 2, none',
      {
        'proc/self/cgroup': '0::/user.slice/a.scope\n',
        'proc/self/mountinfo': v2,
        'sys/fs/cgroup/user.slice/a.scope/cpu.max': 'max 100000\n',
        'sys/fs/cgroup/user.slice/a.scope/memory.max': 'max\n',
      },
      {},
    ],
    [
      'version 2, the least of a group and of those above it',
      {
        'proc/self/cgroup': '0::/kubepods/pod1/c1\n',
        'proc/self/mountinfo': v2,
        'sys/fs/cgroup/kubepods/cpu.max': '390000 100000\n',
        'sys/fs/cgroup/kubepods/pod1/cpu.max': '150000 100000\n',
        'sys/fs/cgroup/kubepods/pod1/memory.max': '2000000000\n',
        'sys/fs/cgroup/kubepods/pod1/c1/cpu.max': 'max 100000\n',
        'sys/fs/cgroup/kubepods/pod1/c1/memory.max': '3000000000\n',
      },
      { cores: 1.5, memory: 2e9 },
    ],
    [
      'version 1, in a container that sees the path of its host',
      {
        'proc/self/cgroup':
          '11:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n1:name=systemd:/docker/1f\n0::/system.slice/containerd\n',
        'proc/self/mountinfo':
          v1('cpu,cpuacct', '/docker/1f') + v1('memory', '/docker/1f') + v1('cpuset', '/docker/1f'),
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '250000\n',
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
        'sys/fs/cgroup/memory/memory.limit_in_bytes': '1073741824\n',
      },
      { cores: 2.5, memory: 2 ** 30 },
    ],
    [
      'version 1, none',
      {
        'proc/self/cgroup': '4:cpu:/\n3:memory:/\n',
        'proc/self/mountinfo': v1('cpu') + v1('cpuacct') + v1('memory'),
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
        'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      },
      {},
    ],
    [
      'version 1, above the group, with version 2 mounted beside it',
      {
        'proc/self/cgroup': '4:cpu:/jobs/7\n0::/jobs/7\n',
        'proc/self/mountinfo': v1('cpu') + v2.replace('/sys/fs/cgroup', '/sys/fs/cgroup/uni\\040fied'),
        'sys/fs/cgroup/cpu/jobs/cpu.cfs_quota_us': '400000\n',
        'sys/fs/cgroup/cpu/jobs/cpu.cfs_period_us': '100000\n',
        'sys/fs/cgroup/cpu/jobs/7/cpu.cfs_quota_us': '-1\n',
        'sys/fs/cgroup/cpu/jobs/7/cpu.cfs_period_us': '100000\n',
        'sys/fs/cgroup/uni fied/jobs/7/memory.max': '700000000\n',
      },
      { cores: 4, memory: 7e8 },
    ],
    [
      'a controller that is not the group’s own',
      {
        'proc/self/cgroup': '4:cpu:/jobs\n3:cpuacct:/other\n',
        'proc/self/mountinfo': v1('cpu') + v1('cpuacct'),
        'sys/fs/cgroup/cpu/other/cpu.cfs_quota_us': '10000\n',
        'sys/fs/cgroup/cpu/other/cpu.cfs_period_us': '100000\n',
      },
      {},
    ],
    ['a system without control groups', {}, {}],
    ['files that are damaged', { 'proc/self/cgroup': '\0\n0::', 'proc/self/mountinfo': ' - cgroup2\n - \n' }, {}],
  ])('%s', (_, files, limits) => {
    expect(groupLimits(root(files))).toEqual(limits);
  });
});

test('the processors are those that the process may run on, or its quota', () => {
  expect(usableCores({})).toBe(availableParallelism());
  expect(usableCores({ cores: 1e6 })).toBe(availableParallelism());
  expect(usableCores({ cores: 0.5 })).toBe(0.5);
});

test.each([
  [0.25, 1],
  [1, 1],
  [1.5, 1],
  [2, 2],
  [3.99, 3],
])('%f processors are for %i threads', (cores, threads) => {
  expect(coreThreads(cores)).toBe(threads);
});

test('more threads than processors are warned of, and no fewer', () => {
  expect(threadsNote(2, 2)).toBeUndefined();
  expect(threadsNote(2, 1.5)).toBeUndefined();
  expect(threadsNote(8, 1)).toMatch(/^threads is 8, and this process may use 1 of the processors: .* set at most 1$/);
  expect(threadsNote(2, 0.5)).toMatch(/may use the time of 0\.5 processors: .* set at most 1$/);
});

test('the memory is what there is, within the limit', () => {
  expect(usableMemory({})).toBeLessThanOrEqual(totalmem());
  expect(usableMemory({ memory: 1e6 })).toBe(1e6);
});
