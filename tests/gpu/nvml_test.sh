#!/bin/bash
# GPUs read through NVML, with the stand-in for its library.
#   nvml_test.sh GRADUS NVML_FOLDER
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_DEVICE_ORDER FAKE_NVML
export LD_LIBRARY_PATH=$2
rest=1111-2222-3333-444444444444

it "GPUs are read by UUID and by number, MIG instances without utilisation, unknown ones not at all"
expect_exit 0 "$gradus" __read-gpus "GPU-00000001-$rest" 0 "MIG-00000002-$rest" "GPU-00000009-$rest" 7
expect_equal "lines" "1, GPU-00000001-$rest, 50, 2100, 81559
0, GPU-00000000-$rest, 30, 2000, 81559
[N/A], MIG-00000002-$rest, [N/A], 20, 9856" "$seen"

it "when it refuses there are none"
FAKE_NVML=refuses expect_exit 1 "$gradus" __read-gpus 0

# Looks may cost 0.5 % of a core: where one takes 20 ms there is one every 4 s, and an attempt needs two.
it "a run has its figures"
export CUDA_VISIBLE_DEVICES="GPU-00000000-$rest,MIG-00000002-$rest"
for ((i = 0; i < 2; i++)); do echo "sleep 12 # $i %(GPU)s"; done >steps.txt
expect_exit 0 "$gradus" run steps.txt --threads 3 --gpu-sampling 0.2s --quiet
ends=$(grep '^{"end"' steps.run/journal.jsonl)
expect_match "the GPU" '"gpu_busy":0\.30,"gpu_samples":[0-9]+,"gpu_mem":2000,"gpu_total":81559' "$ends"
expect_match "the MIG instance" '"gpu_mem":20,"gpu_total":9856' "$ends"

it "a library that hangs is let be, said once"
rm -r steps.run
sed -i 's/sleep 12/sleep 30/' steps.txt
FAKE_NVML=hangs expect_exit 0 run_bounded 100 "$gradus" run steps.txt --threads 3 --gpu-sampling 0.2s --quiet
expect_equal "lines about it" 1 "$(grep -c 'GPUs are not looked at any more' <<<"$seen")"
