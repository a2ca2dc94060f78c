#!/usr/bin/env node
// Compiles ortune's own declarations of the runtime's C ABI (native/ort) against an official header, given by path:
//   node scripts/check-ort-abi.mjs path/to/onnxruntime_c_api.h
// The header is never part of the repository. Every slot's number and signature, the members of OrtCustomOp and the
// enumerators in use are static_asserts, so the compiler names what differs.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const header = process.argv[2];
if (!header || !existsSync(header)) {
  console.error('usage: node scripts/check-ort-abi.mjs path/to/onnxruntime_c_api.h');
  process.exit(2);
}
const native = fileURLToPath(new URL('../native', import.meta.url));
const types = readFileSync(path.join(native, 'ort/types.h'), 'utf8');

const customOp = /struct OrtCustomOp \{([\s\S]*?)\n\};/.exec(types)[1];
const members = ['version', ...[...customOp.matchAll(/ORT_CALL\s*\*\s*(\w+)\)/g)].map((m) => m[1])];
const enumerators = [...types.matchAll(/(\w+) = \d+/g)].map((m) => m[1]);
const slots = readFileSync(path.join(native, 'ort/slots.h'), 'utf8').match(/SLOT\(\d+,/g).length;

const source = `
#include <cstddef>
#include <type_traits>
#include ${JSON.stringify(path.resolve(header))}
namespace ours {
#include "ort/types.h"
}
using ours::OrtPathChar;
#include "ort/slots.h"
template <typename F> struct plain { using type = F; };
template <typename R, typename... A> struct plain<R (ORT_CALL*)(A...) noexcept> { using type = R (ORT_CALL*)(A...); };
#define CHECK_SLOT(number, name, result, parameters)                                      \\
  static_assert(offsetof(OrtApi, name) == number * sizeof(void*), "slot number of " #name); \\
  static_assert(std::is_same_v<plain<decltype(OrtApi::name)>::type, result(ORT_CALL*) parameters>, "type of " #name);
ORTUNE_ORT_SLOTS(CHECK_SLOT)
${members.map((m) => `static_assert(offsetof(OrtCustomOp, ${m}) == offsetof(ours::OrtCustomOp, ${m}), "OrtCustomOp::${m}");`).join('\n')}
static_assert(sizeof(OrtCustomOp) >= sizeof(ours::OrtCustomOp), "size of OrtCustomOp");
${enumerators.map((e) => `static_assert(int(${e}) == int(ours::${e}), "${e}");`).join('\n')}
`;

const folder = mkdtempSync(path.join(tmpdir(), 'ortune-abi-'));
const file = path.join(folder, 'check.cc');
writeFileSync(file, source);
const result = spawnSync('c++', ['-std=c++17', '-fsyntax-only', `-I${native}`, file], { encoding: 'utf8' });
rmSync(folder, { recursive: true });
if (result.status !== 0) {
  console.error(result.stderr || result.error?.message);
  process.exit(1);
}
console.log(`${slots} slots, ${members.length} members and ${enumerators.length} enumerators match ${header}`);
