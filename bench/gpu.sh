#!/usr/bin/env bash
# For whoever has a graphics card: builds, says what is missing, checks the devices against PyTorch's numbers and the CPU,
# and times them. Further arguments go to bench/devices.mjs, such as --batch-size 32 --max-length 256.
set -eu
cd "$(dirname "$0")/.."

npm ci --no-audit --no-fund
node dist/cli/main.js doctor
node dist/cli/main.js devices
npx vitest run test/webgpu-goldens.test.ts test/train/webgpu.test.ts test/runtime/webgpu.test.ts test/runtime/half.test.ts
node bench/devices.mjs "$@"
