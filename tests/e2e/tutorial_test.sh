#!/bin/bash
# Every command of src/docs/tutorial.md, as it stands there.
#   tutorial_test.sh workstation|slurm GRADUS MPIEXEC
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
part=$1 gradus=$(readlink -f "$2") mpiexec=$3
repository=$(readlink -f "$here/../..")
command -v relion_refine >/dev/null || cannot_run_here "relion is not installed"
make_scratch
cd "$scratch"
export HOME=$scratch
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES GRADUS_SITE
mpi_environment lo
ln -s "$repository" gradus
mkdir path
ln -s "$gradus" path/gradus
ln -s "$mpiexec" path/mpirun
export PATH=$scratch/path:$PATH

# The blocks that are marked for $1, one after the other.
commands_for() { awk -v mark="\`\`\`sh $1" '$0 == mark {inside = 1; next} /^```/ {inside = 0} inside' "$repository/src/docs/tutorial.md"; }

it "each command block is marked for a part that is run"
expect_equal "marks" "slurm workstation" "$(sed -n 's/^```\(.\)/\1/p' "$repository/src/docs/tutorial.md" | sed 's/^sh //' | sort -u | paste -sd ' ')"

if [[ $part == workstation ]]; then
  it "what is for a workstation and for mpirun"
  { echo 'set -eux'; commands_for workstation; } >tutorial.sh
  code=0
  run_bounded 900 bash tutorial.sh >tutorial.log 2>&1 || code=$?
  [[ $code == 0 ]] || fail "every command to succeed" "$(tail -n 40 tutorial.log)"
  cd chain
  expect_equal "state of the last run" '"finished"' "$(sed -n 's/^  "state": \(.*\),/\1/p' chain.run/summary.json)"
  expect_equal "what was told" "first-failure end" "$(paste -sd ' ' told.txt)"
  expect_match "what is said of a run with nothing to do" "36 of 36 steps succeeded before; 0 to run" "$(<../tutorial.log)"
  expect_match "what is made again" "35 of 36 steps succeeded before; 1 to run" "$(<../tutorial.log)"
  expect_match "explanation" "because of 1, which has failed" "$(gradus explain fails.run 2)"
  expect_match "prediction" "[Nn]odes" "$(<../tutorial.log)"
else
  slurm=$repository/tests/slurm/slurm-bed
  at_exit "$slurm down"
  needs "$slurm" up 4 2 4
  gradus/scripts/demo.d/build bin
  bin/make-movies input 4
  gradus/scripts/demo.d/write-chain chain 4 input
  cd chain
  for command in sbatch squeue; do
    # The real one by its path: inside the bed this name would lead here again.
    printf '#!/bin/bash\nexec "%s" run %s "$@"\n' "$slurm" "$(command -v $command)" >"$scratch/path/$command"
    chmod +x "$scratch/path/$command"
  done
  it "what is for a SLURM cluster"
  { echo 'set -eux'; commands_for slurm; } >../tutorial.sh
  run_bounded 300 bash ../tutorial.sh >../tutorial.log 2>&1 || fail "every command to succeed" "$(tail -n 40 ../tutorial.log)"
  over() { grep -q '"state": "\(finished\|stopped\|interrupted\)"' chain.run/summary.json 2>/dev/null; }
  wait_until 600 over || fail "the end of the run" "$("$slurm" run squeue; cat slurm-*.out)"
  # It comes by way of mpirun, after the summary.
  told() { [[ $(tail -n 1 slurm-*.out) =~ ^gradus:\ chain.run ]]; }
  wait_until 60 told || fail "a last line of the job's log" "$(tail -n 5 slurm-*.out)"
  expect_match "last line of the job's log" "^gradus: chain.run finished: 36 of 36 succeeded, .* on 4 nodes" "$(tail -n 1 slurm-*.out)"
fi
