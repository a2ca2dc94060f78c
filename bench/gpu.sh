#!/usr/bin/env bash
# For whoever has a graphics card: builds, says what is missing, checks every device against PyTorch's numbers and the CPU, and
# times a training step on each beside PyTorch on the same device. What fails is told at the end, and does not stop the rest.
#   bash bench/gpu.sh [--pytorch PYTHON] [--small]
# PYTHON: an interpreter with torch, torchvision and numpy, whose torch can use the card (default python3; without it ortune alone
# is timed). --small: sizes for a driver that computes on the CPU.
set -u
cd "$(dirname "$0")/.." || exit 1

python=python3
training=(--steps 20 --batch-size 16 --max-length 128)
timing=(--models 'encoder,resnet18' --rounds 3)
while [ $# -gt 0 ]; do
  case $1 in
    --pytorch)
      python=${2:?--pytorch takes the path of an interpreter}
      shift
      ;;
    --small)
      training=(--steps 5 --batch-size 2 --max-length 16)
      timing=(--models encoder --layers 1 --hidden 64 --heads 2 --vocabulary 512 --batch 2 --seq 16 --rounds 1 --warmup 1 --steps 3)
      ;;
    *)
      echo "usage: bash bench/gpu.sh [--pytorch PYTHON] [--small]; found '$1'" >&2
      exit 2
      ;;
  esac
  shift
done

failed=()

# check WHAT COMMAND...: says what is done, does it, and remembers whether it failed.
check() {
  local what=$1
  shift
  printf '\n== %s\n' "$what"
  "$@" || failed+=("$what")
}

works() {
  node dist/cli/main.js devices --json 2>/dev/null |
    node -e 'const { devices } = JSON.parse(require("fs").readFileSync(0)); console.log(devices.filter((d) => d.works).map((d) => d.name).join(" "))'
}

check 'install and build' npm ci --no-audit --no-fund
if [ ! -f dist/cli/main.js ] || [ ! -f build/Release/ortune.node ]; then
  echo 'ortune could not be built; the lines above say why' >&2
  exit 1
fi

# The doctor ends with 1 where the device that it is asked for lacks something: a finding, and no failure of this script.
printf '\n== what devices need\n'
node dist/cli/main.js doctor
read -r -a devices <<<"$(works)"
printf '\ndevices that work here: %s\n' "${devices[*]}"

check 'graphs against the numbers of PyTorch' \
  npx vitest run --reporter=dot test/webgpu-goldens.test.ts test/train/webgpu.test.ts test/runtime/webgpu.test.ts test/cuda-goldens.test.ts
check 'losses of a run on each device against the CPU' node bench/devices.mjs "${training[@]}"
for device in "${devices[@]}"; do
  check "a training step on $device beside PyTorch" \
    node bench/device-steps.mjs --device "$device" --pytorch "$python" "${timing[@]}"
done

printf '\n== result\n'
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "all of it holds on ${devices[*]}"
[[ " ${devices[*]} " =~ \ (webgpu|cuda)\  ]] || echo 'but no graphics card was found: see what devices need, above'
