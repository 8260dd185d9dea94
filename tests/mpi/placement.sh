# Placement as the steps saw it. To be sourced by bash, after expect.sh.
#
# Knows: how to run many steps of the stand-in MotionCor2 and read from their records who had which GPU.
# Unaware of: the plan that gradus prints.

# Writes $2 steps into $1.txt, each of which holds its GPUs for a while.
motioncor2_steps() {
  local i
  for ((i = 1; i <= $2; i++)); do
    echo "$motioncor2 -InMrc $PWD/movie.mrc -OutMrc $PWD/out.$i -Gpu %(GPU)s -HoldMs ${3:-30}"
  done >"$1.txt"
}

# "SLOT=GPUS" for each slot of a records file, in order of the slots; GPUs by commas.
gpus_by_slot() { cut -d ' ' -f 5,8 "$1" | sort -u -k1,1n -k2 | sed 's/ /=/' | paste -sd ' '; }

# placement "SENTENCE" "SLOT=GPUS ..." LIST -- COMMAND...: runs enough steps through COMMAND (which ends in
# `gradus run`, its options follow) and expects every slot to have had exactly these GPUs.
placement() {
  it "$1"
  local expected=$2 list=$3 slots
  shift 4
  slots=$(wc -w <<<"$expected")
  rm -rf steps.run records
  motioncor2_steps steps $((slots * 6)) 40
  expect_exit 0 env MOTIONCOR2_RECORDS="$PWD/records" MOTIONCOR2_LOCKS="${locks:-$PWD/locks}" \
    timeout -k 5 60 "$@" "$PWD/steps.txt" --gpus "$list" --quiet
  expect_equal "slots and their GPUs" "$expected" "$(gpus_by_slot records)"
}
