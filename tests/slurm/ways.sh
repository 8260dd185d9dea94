# Ways of starting a run inside a SLURM job, judged by the true devices that its steps used. To be sourced by bash,
# after ../cluster/expect.sh.
#
# Knows: how to run one command as a job, with and without a driver, by each mark. Needs $gradus, $slurm, $tests
#        (the folder of all tests), $fake_cuda (folder of the stand-in driver, or empty).
# Unaware of: the plan that gradus prints.

# Makes `with_driver COMMAND...`, which runs a command where a driver shows what may be opened on its node.
make_with_driver() {
  cat >with_driver <<SH
#!/bin/bash
read -r host </proc/sys/kernel/hostname
export FAKE_GPU_DEVICES=$GRADUS_SLURM_DIR/gpu/\$host/gpu FAKE_CUDA_HOST_UUIDS=1
export LD_LIBRARY_PATH=$fake_cuda\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
exec "\$@"
SH
  chmod +x with_driver
}

drivers() { [[ -z $fake_cuda ]] && echo without || echo without with; }

# steps_by MARK COUNT: steps.txt; MARK: flag or mask.
steps_by() {
  local i
  for ((i = 1; i <= $2; i++)); do
    case $1 in
      flag) echo "$tests/slurm/gpu_step -Gpu %(GPU)s" ;;
      mask) echo "CUDA_VISIBLE_DEVICES=%(GPU)s $tests/slurm/gpu_step" ;;
    esac
  done >steps.txt
}

# write_job "LAUNCHER" "OPTIONS" DRIVER NAME [BEFORE]: NAME.sh, that runs steps.txt in NAME.run with records in
# NAME.records, after the shell line BEFORE.
write_job() {
  local wrapper=
  [[ $3 == without ]] || wrapper=$scratch/with_driver
  rm -rf "$4.run" "$4.records"
  printf '#!/bin/bash\nexport MOTIONCOR2_RECORDS=%s\n%s\n' "$scratch/$4.records" "${5:-}" >"$4.sh"
  echo "exec $1 $wrapper $gradus run $scratch/steps.txt --run-dir $scratch/$4.run --quiet $2" >>"$4.sh"
}

used_gpus() { awk '{n = split($8, ids, ","); for (i = 1; i <= n; i++) print $1 ":" ids[i]}' "$1" | sort -u | paste -sd ' '; }

# start_way CODE "SBATCH OPTIONS": runs way.sh as a job, whose end must give that exit code; its output is in $seen.
start_way() {
  local code
  # shellcheck disable=SC2086
  again_if_mpi_crashes way.run timeout -k 5 60 "$slurm" batch --time=5 $2 way.sh
  expect_equal "exit code, having said $seen," "$1" $code
}

# uses "SENTENCE" "GPUS" "SBATCH OPTIONS" "LAUNCHER" "OPTIONS": the run succeeds and its steps use exactly these GPUs
# ("HOST:ID ...", true devices), each by one step at a time, with both marks. $drivers: `without with` or one of them.
uses() {
  local driver mark
  for driver in ${drivers:-$(drivers)}; do
    for mark in flag mask; do
      it "$1 ($driver a driver, by $mark)"
      steps_by $mark 40
      write_job "$4" "$5" $driver way
      start_way 0 "$3"
      expect_equal "GPUs used" "$2" "$(used_gpus way.records)"
      expect_exit 0 "$tests/support/check_records" way.records --steps 40
    done
  done
}

# refuses "SENTENCE" "MESSAGE" "SBATCH OPTIONS" "LAUNCHER" "OPTIONS": nothing runs, and the message says why.
refuses() {
  local driver
  for driver in ${drivers:-$(drivers)}; do
    it "$1 ($driver a driver)"
    steps_by flag 8
    write_job "$4" "$5" $driver way
    start_way 1 "$3"
    expect_match "message" "$2" "$seen"
    expect_match "exit code of the job" "ExitCode=2:0" "$seen"
    expect_no_file way.records
  done
}
