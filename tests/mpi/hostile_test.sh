#!/bin/bash
# Ranks that send nonsense: nothing starts or ends early or twice, nothing hangs, nothing crashes.
#   hostile_test.sh GRADUS MPIEXEC FUZZING_RANK [SEEDS]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1") mpiexec=$2 fuzzer=$(readlink -f "$3") seeds=${4:-6}
make_scratch
cd "$scratch"
mpi_environment
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
for ((i = 1; i <= 120; i++)); do echo "echo $i %(RANK)s >>$scratch/ran; sleep 0.01; echo $i %(RANK)s >>$scratch/ended"; done >steps.txt
# Not all that were sent to a rank: short steps that wait at its slots may be called back.
ends() { grep -o '"end":[0-9]*,"t":[0-9.]*,"a":[0-9]*,"worker":'"$1"',"outcome":"succeeded"' steps.run/journal.jsonl | cut -d : -f 2 | cut -d , -f 1 | sort; }

for ((seed = 1; seed <= seeds; seed++)); do
  it "a rank that sends doubled, late, early, invented and absurd ends (seed $seed) changes nothing"
  rm -rf steps.run ran ended
  expect_exit 0 timeout -k 5 60 "$mpiexec" -np 2 "$gradus" run steps.txt --threads 2 --quiet : -np 1 "$fuzzer" noise $seed
  expect_match "summary" "120 of 120 steps succeeded" "$seen"
  # Those of which the honest rank told the end it ran, each once and to its end; the others nobody ran.
  expect_equal "steps that ran" "$(ends 1 | paste -sd ' ')" "$(cut -d ' ' -f 1 ran | sort | paste -sd ' ')"
  expect_equal "steps that ran to their end" "$(sort ran)" "$(sort ended)"
  strays=$(grep -c '"stray"' steps.run/journal.jsonl || true)
  ((strays > 0)) || fail "ends that nothing waited for, in the journal" "$strays"
  expect_exit 0 "$gradus" run steps.txt --quiet --resume
  expect_match "the journal can be read" "120 of 120 steps succeeded before; 0 to run" "$seen"
done
# In the summary that is printed; where mpirun, which the other worker leaves without a farewell to MPI, has killed rank 0
# before that, its guardian says it in summary.json.
names_the_rank() {
  said() { [[ $seen =~ lost\ +rank\ 2\ on\ fuzz: ]] || grep -q "rank 2 was lost, and then the master was killed" steps.run/summary.json; }
  wait_until 30 said || fail "rank 2 named as lost" "$seen; $(<steps.run/summary.json)"
}
for mode in torn bytes; do
  for options in "" "--survive"; do
    it "a rank that sends bytes that are no message ($mode $options): the run ends and says so, --resume goes on"
    rm -rf steps.run ran ended
    code=0
    # shellcheck disable=SC2086
    seen=$(timeout -k 5 60 "$mpiexec" -np 2 "$gradus" run steps.txt --threads 1 --quiet $options : -np 1 "$fuzzer" $mode 7 2>&1) || code=$?
    ((code != 0 && code != 124)) || fail "an end with a code that tells" "$code: $seen"
    expect_match "journal" '"gone":2,[^}]*sent bytes that are no message of this program' "$(<steps.run/journal.jsonl)"
    names_the_rank
    expect_exit 0 timeout -k 5 60 "$gradus" run steps.txt --threads 3 --quiet --resume
    expect_match "summary" "120 of 120 steps succeeded" "$seen"
  done
done
for mode in drop deaf; do
  it "a message that is lost between ranks ($mode): the run ends and says so, --resume goes on"
  rm -rf steps.run ran ended
  code=0
  seen=$(timeout -k 5 90 "$mpiexec" -np 2 "$gradus" run steps.txt --threads 1 --quiet --lost-after 10s : -np 1 "$fuzzer" $mode 7 2>&1) || code=$?
  ((code != 0 && code != 124)) || fail "an end with a code that tells" "$code: $seen"
  expect_match "journal" '"gone":2,[^}]*(told|was sent) [0-9]+ (ends|orders), and [0-9]+ have come' "$(<steps.run/journal.jsonl)"
  names_the_rank
  expect_exit 0 timeout -k 5 60 "$gradus" run steps.txt --threads 3 --quiet --resume
  expect_match "summary" "120 of 120 steps succeeded" "$seen"
done
seen_fault "a message between ranks is lost (an order, an end)" "their counts differ at the next beat: the run ends, which names the rank; \`--resume\` goes on"
seen_fault "a rank that sends doubled, late, early, invented, torn or random messages" "ends that nothing waited for change nothing and are recorded; bytes that are no message end the run, which names the rank"
