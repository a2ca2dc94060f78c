// A registry on this machine for the packages of scripts/pack/pack.mjs, so that package managers choose among them as
// they would among published ones. It serves the scope @ortune alone; everything else comes from wherever the user's
// own packages come from. A platform that was not packed has a package of nothing but its manifest, by which it is
// passed over; `yarn add` fetches it all the same.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

/** package/package.json of a tarball. */
export function manifestOf(tarball) {
  const tar = gunzipSync(tarball);
  for (let at = 0; at < tar.length; ) {
    const name = tar.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(tar.toString('utf8', at + 124, at + 136), 8);
    if (name === 'package/package.json') return JSON.parse(tar.toString('utf8', at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error('a tarball without package.json');
}

/** A tarball (ustar) of package/package.json alone. */
function tarballOf(manifest) {
  const text = Buffer.from(JSON.stringify(manifest));
  const header = Buffer.alloc(512);
  const octal = (value, digits) => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write('package/package.json', 0);
  header.write(octal(0o644, 7) + octal(0, 7) + octal(0, 7) + octal(text.length, 11) + octal(0, 11), 100);
  // The sum counts its own field as spaces.
  header.write(`${' '.repeat(8)}0`, 148);
  header.write('ustar\x0000', 257);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte),
      6,
    )} `,
    148,
  );
  const padding = Buffer.alloc((512 - (text.length % 512)) % 512);
  return gzipSync(Buffer.concat([header, text, padding, Buffer.alloc(1024)]));
}

const digest = (algorithm, bytes, encoding) => createHash(algorithm).update(bytes).digest(encoding);

/** @returns its URL, the file of ortune's own tarball, and `close` */
export async function startRegistry(folder) {
  const packages = new Map();
  let main;
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.tgz'))) {
    const bytes = readFileSync(path.join(folder, file));
    const manifest = manifestOf(bytes);
    packages.set(manifest.name, { file, bytes, manifest });
    if (manifest.name === 'ortune') main = { file: path.join(folder, file), manifest };
  }
  for (const [name, version] of Object.entries(main.manifest.optionalDependencies)) {
    if (packages.has(name)) continue;
    const [os, cpu] = name.split('-').slice(1);
    const manifest = { name, version, os: [os], cpu: [cpu], ...(os === 'linux' && { libc: ['glibc'] }) };
    packages.set(name, { file: `${name.replace('/', '-')}.tgz`, bytes: tarballOf(manifest), manifest });
  }
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, url()).pathname.slice(1));
    const tarball = [...packages.values()].find(({ file }) => name === `tarballs/${file}`);
    if (tarball) {
      response.end(tarball.bytes);
      return;
    }
    const found = packages.get(name);
    if (!found) {
      response.writeHead(404).end('{}');
      return;
    }
    const { file, bytes, manifest } = found;
    const dist = {
      tarball: `${url()}tarballs/${file}`,
      shasum: digest('sha1', bytes, 'hex'),
      integrity: `sha512-${digest('sha512', bytes, 'base64')}`,
    };
    // Old enough for managers that wait some days before they take a new version.
    const day = '2026-01-01T00:00:00.000Z';
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        name,
        'dist-tags': { latest: manifest.version },
        time: { created: day, modified: day, [manifest.version]: day },
        versions: { [manifest.version]: { ...manifest, dist } },
      }),
    );
  });
  const url = () => `http://127.0.0.1:${server.address().port}/`;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: url(), main, close: () => server.close() };
}
