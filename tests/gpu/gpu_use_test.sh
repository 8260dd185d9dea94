#!/bin/bash
# On a machine with a GPU: what a run tells of it is what nvidia-smi tells.
#   gpu_use_test.sh GRADUS GPU_STEP
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1") gpu_step=$(readlink -f "$2")
skip() { echo "SKIPPED: $1" >&2; exit 77; }
command -v nvidia-smi >/dev/null || skip "no nvidia-smi here"
all=$(nvidia-smi --query-gpu=uuid,memory.total,mig.mode.current --format=csv,noheader,nounits 2>&1) || skip "no GPU here: $all"
! grep -q Enabled <<<"$all" || skip "GPUs in MIG mode"
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU

it "a GPU that computes has figures, and they are its own"
cat >loop.sh <<X
end=\$((SECONDS + 8))
while ((SECONDS < end)); do "$gpu_step" "\$1" || exit; done
X
echo "bash loop.sh %(GPU)s" >steps.txt
expect_exit 0 run_bounded 120 "$gradus" run steps.txt --gpus 0 --threads 1 --gpu-sampling 0.5s --quiet
gpu=$(grep -o '"gpus":\["GPU-[^"]*"' steps.run/journal.jsonl | grep -o 'GPU-[^"]*')
total=$(grep -F "$gpu" <<<"$all" | cut -d , -f 2 | tr -d ' ')
end=$(grep '^{"end"' steps.run/journal.jsonl)
expect_match "figures" '"gpu_busy":[01]\.[0-9]+,"gpu_samples":[0-9]+,"gpu_mem":[0-9]+' "$end"
# NVML counts what the driver keeps for itself in, by its version: within a fiftieth.
told=$(grep -o '"gpu_total":[0-9]*' <<<"$end" | cut -d : -f 2)
((told * 50 >= total * 49 && told * 50 <= total * 51)) || fail "a total near $total MiB" "$told"
echo "  $end"
echo "  $(grep 'GPU use' <<<"$seen")"
