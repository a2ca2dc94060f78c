// libjpeg-turbo, which the addon opens when the first JPEG is decoded. It lies in the package of a ready addon; in a
// clone it comes from the package @julusian/jpeg-turbo, which has it beside its binding on Linux and within it on
// macOS. Without it sharp decodes all pictures.

import path from 'node:path';
import { addon } from './native.js';
import { packageFolder, platformPackage } from './platform.js';

/** Opens libjpeg-turbo. False where there is none that can be opened. */
export function openJpegLibrary(): boolean {
  return candidates().some((file) => {
    try {
      addon().openJpegLibrary(file);
      return true;
    } catch {
      return false;
    }
  });
}

function candidates(): string[] {
  const { platform, arch } = process;
  const file = { linux: 'libturbojpeg.so.0', darwin: 'node-napi-v7.node' }[platform as string];
  if (file === undefined) return [];
  const ready = packageFolder(platformPackage('addon'));
  const whole = packageFolder('@julusian/jpeg-turbo');
  return [
    ...(ready === undefined ? [] : [path.join(ready, file)]),
    ...(whole === undefined ? [] : [path.join(whole, 'prebuilds', `jpeg-turbo-${platform}-${arch}`, file)]),
  ];
}
