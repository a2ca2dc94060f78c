// The hash by which a resumed run knows its pictures: what is stored as tensors or lies in memory byte by byte. Of
// files the path below their folder, the size, and the first and last 4 KiB: reading a million files to the end would
// hold up the run by minutes, and a compressed picture that is altered is all but certain to differ in one of these.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { DataError } from '../../errors.js';
import type { ByteHash } from '../byte-hash.js';
import { bytesOf, type FileSource, type PictureSource, textAt } from './sources.js';

/** Adds the pictures of all sources. */
export function hashPictures(sources: readonly PictureSource[], hash: ByteHash): void {
  hash.piece(Buffer.from(JSON.stringify(sources.map(contentOf))));
  for (const source of sources) hashSource(hash, source);
}

const contentOf = (source: PictureSource): unknown[] =>
  source.kind === 'pixels' ? [source.type, source.rows, source.shape] : [source.kind, source.rows];

function hashSource(hash: ByteHash, source: PictureSource): void {
  if ('sha256' in source && source.sha256) hash.piece(Buffer.from(source.sha256));
  else if (source.kind === 'files') hashFiles(hash, source);
  else if (source.kind === 'pixels') hashBytes(hash, source.name, source, source.rows * bytesOf(source));
  else if (source.kind === 'pieces') {
    hash.bytes(new Uint8Array(source.length.buffer));
    const bytes = source.length.reduce((sum, length) => sum + length, 0);
    hashBytes(hash, source.file ?? '', { begin: 0, memory: source.memory }, bytes);
  }
}

const piece = 4 * 1024 * 1024;

function hashBytes(
  hash: ByteHash,
  name: string,
  { begin, memory }: { begin: number; memory?: SharedArrayBuffer | undefined },
  bytes: number,
): void {
  if (memory) {
    for (let at = 0; at < bytes; at += piece)
      hash.bytes(new Uint8Array(memory, begin + at, Math.min(piece, bytes - at)));
    return;
  }
  const buffer = Buffer.alloc(Math.min(piece, bytes));
  const file = openSync(name, 'r');
  try {
    for (let at = 0; at < bytes; ) {
      const read = readSync(file, buffer, 0, Math.min(piece, bytes - at), begin + at);
      if (read === 0) throw new DataError(`data file ${name} ends at byte ${begin + at}; is it being written?`);
      hash.bytes(buffer.subarray(0, read));
      at += read;
    }
  } finally {
    closeSync(file);
  }
}

const endBytes = 4096;

/** A file that cannot be read counts as one without content: it is reported when its turn comes. */
function hashFiles(hash: ByteHash, source: FileSource): void {
  const folder = source.lines ? dirname(source.name) : source.name;
  const buffer = Buffer.alloc(endBytes);
  for (let row = 0; row < source.rows; row++) {
    const path = textAt(source.paths, row);
    hash.piece(Buffer.from(relative(folder, path)));
    try {
      // A pipe is not waited for.
      const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      try {
        const { size } = fstatSync(file);
        hash.piece(Buffer.from(String(size)));
        for (const at of size > endBytes ? [0, size - endBytes] : [0])
          hash.piece(buffer.subarray(0, readSync(file, buffer, 0, endBytes, at)));
      } finally {
        closeSync(file);
      }
    } catch {
      hash.piece(Buffer.from('unreadable'));
    }
  }
}
