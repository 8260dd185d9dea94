#!/bin/bash
# Cores near their GPU, from the kernel's word to what a step may run on; with the stand-in driver.
#   cores_test.sh GRADUS DRIVER_FOLDER
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
(($(nproc) >= 2)) || cannot_run_here "one core only: there is nothing to choose"
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
# The first GPU is near core 1, the second near core 0.
for gpu in 0b:1 0e:0; do
  mkdir -p "sys/bus/pci/devices/0000:${gpu%:*}:00.0"
  echo "${gpu#*:}" >"sys/bus/pci/devices/0000:${gpu%:*}:00.0/local_cpulist"
done
export GRADUS_SYSFS=$scratch/sys LD_LIBRARY_PATH=$2 FAKE_GPUS=2
echo 'echo %(GPU)s $(taskset -cp $$ | sed "s/.*: //") >>seen; sleep 0.2' >steps.txt
echo 'echo %(GPU)s $(taskset -cp $$ | sed "s/.*: //") >>seen; sleep 0.2' >>steps.txt

it "each GPU's slot has the core near it, in the plan and in the step"
expect_exit 0 taskset -c 0,1 "$gradus" plan steps.txt --gpus 0,1
expect_equal "GPUs and cores" "GPU-fa4e0000 1,GPU-fa4e0001 0" "$(awk '/GPU-/ { print $(NF - 1), $NF }' <<<"$seen" | paste -sd,)"
expect_exit 0 taskset -c 0,1 "$gradus" run steps.txt --gpus 0,1 --quiet
expect_equal "GPU and core" "0 1,1 0" "$(sort seen | paste -sd,)"

it "--cpu-bind none leaves the steps unbound"
rm seen
expect_exit 0 taskset -c 0,1 "$gradus" run steps.txt --gpus 0,1 --quiet --cpu-bind none --restart
expect_equal "GPU and cores" "0 0,1;1 0,1" "$(sort seen | paste -sd';')"
