#!/bin/bash
# gradus doctor alone and over hosts, of which one does not share the folder: needs the bed h0..h3.
#   doctor_test.sh GRADUS MPIEXEC
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/expect.sh"
gradus=$(readlink -f "$1") mpiexec=$2
hosts=$here/hosts
make_scratch
cd "$scratch"
mkdir shared

it "alone: this host and nothing wrong with the folder"
expect_exit 0 "$gradus" doctor --shared shared
expect_match "text" "rank 0 on .*shared, writable, locks hold" "$seen"
expect_equal "probe files left" "" "$(ls -A shared)"

it "over three hosts: every rank is told of"
over() { timeout -k 5 60 "$hosts" mpirun -np 3 --map-by node --host h1:1,h2:1,h3:1 ${ASAN_OPTIONS:+-x ASAN_OPTIONS} "$gradus" doctor --shared "$scratch/shared" "$@"; }
expect_exit 0 over
for i in 0 1 2; do expect_match "rank $i" "rank $i on h$((i + 1)): gradus" "$seen"; done
expect_match "end" "nothing is wrong" "$seen"

it "a host that does not share the folder is named, with the mend; exit code 1"
"$hosts" exec h3 mount -t tmpfs none "$scratch/shared"
expect_exit 1 over
expect_match "finding" "error: h3: does not see what rank 0 has written to $scratch/shared" "$seen"
expect_exit 1 over --json
expect_match "json" '"schema": "gradus-doctor/1"' "$seen"
"$hosts" exec h3 umount "$scratch/shared"

it "ranks bound to one core are noticed"
if (($(nproc) > 1)); then
  mpi_environment
  expect_exit 0 env -u OMPI_MCA_hwloc_base_binding_policy timeout -k 5 60 taskset -c 0 "$gradus" doctor
  expect_match "finding" "warning: .*may use 1 of $(nproc) cores.*--bind-to none" "$seen"
fi

it "a low limit of open files is noticed"
expect_exit 0 bash -c "ulimit -n 200; exec '$gradus' doctor"
expect_match "finding" "may open 200 files only" "$seen"

it "a folder in which nothing can be written is a finding"
expect_exit 1 "$gradus" doctor --shared /proc
expect_match "finding" "error: .*rank 0 cannot write to /proc" "$seen"

it "wrong words and folders are refused"
expect_exit 2 "$gradus" doctor --sharde x
expect_exit 2 "$gradus" doctor --shared missing
expect_match "message" "missing is no folder" "$seen"
