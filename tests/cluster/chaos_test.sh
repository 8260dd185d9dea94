#!/bin/bash
# Chaos over three hosts: short steps with needs, while steps, ranks, daemons and hosts are killed, stopped and cut off,
# the disk is filled and signals come, at random moments. Each life of the run is one fault or several; then it goes on
# with --resume. In the end the world (every step writes down each time it runs) is compared with the journal.
#   chaos_test.sh GRADUS LAUNCHER FAULTY [SECONDS [SEED [STEPS]]]     needs the bed h0..h3; for long: 3600 seconds, any seed
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/expect.sh"
gradus=$(readlink -f "$1") launcher=$(readlink -f "$2") faulty=$(readlink -f "$3") seconds=${4:-90} seed=${5:-1} steps=${6:-}
hosts=$here/hosts
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
export GRADUS_MPIRUN="$hosts mpirun --enable-recovery" GRADUS_START_LIMIT=60
RANDOM=$seed
it "chaos with seed $seed"

run=$scratch/steps.run

# $1: step; $2: seconds; $3: 1 when its first attempt in a life fails. One line, one write: lines never mix.
cat >step.sh <<END
echo "begin \$1 \$\$ \$(date +%s%N)" >>$scratch/world
sleep \$2
if [[ \$3 == 1 && \$GRADUS_ATTEMPT == 1 ]]; then exit 1; fi
echo "end \$1 \$\$ \$(date +%s%N)" >>$scratch/world
END
# As many as this machine does in about a minute when nothing disturbs them, 3000 at most.
if [[ -z $steps ]]; then
  begun_at=$(date +%s%N)
  seq 40 | xargs -P 2 -I{} bash "$scratch/step.sh" {} 0 0
  steps=$((60 * 40 * 1000000000 / ($(date +%s%N) - begun_at)))
  steps=$((steps > 3000 ? 3000 : steps < 300 ? 300 : steps))
  echo "  $steps steps"
fi
: >world
awk -v steps=$steps -v seed=$seed -v step="$scratch/step.sh" 'BEGIN {
  srand(seed)
  for (i = 1; i <= steps; i++) {
    needs = ""
    for (n = int(rand() * 3); n > 0 && i > 1; n--) {
      of = i - 1 - int(rand() * (i < 40 ? i - 1 : 40))
      if (index(needs "\"", "\"s" of "\"") == 0) needs = needs (needs == "" ? "" : ",") "\"s" of "\""
    }
    printf "{\"id\":\"s%d\",\"command\":\"bash %s %d 0.%03d %d\",\"retries\":3,\"needs\":[%s]}\n", i, step, i, rand() * 100, rand() < 0.05, needs
  }
}' >steps.jsonl

ours() { pgrep -f "$@" || true; }
# $1: rank. The hosts' processes are seen from here, under their outer numbers.
rank_pid() {
  local process
  for process in $(ours "^$gradus run $scratch"); do
    if tr '\0' '\n' 2>/dev/null <"/proc/$process/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$1"; then echo "$process"; fi
  done
}
any() { shuf -n 1; }
# Between two short steps of a worker that still has some none runs: that one must be gone too.
nothing_runs() { ! pgrep -f "^bash $scratch/step.sh|^$gradus run $scratch" >/dev/null; }
# Ordinals are the steps' own numbers.
# Whole lines: one that was torn when the disk was full reports nothing.
reported() {
  head -n "$(wc -l <"$run/journal.jsonl" 2>/dev/null || echo 0)" "$run/journal.jsonl" 2>/dev/null |
    grep -o '^{"end":[0-9]*,.*"final":"succeeded"' | cut -d : -f 2 | cut -d , -f 1 | sort -u || true
}
kinds=(step step rank stop master daemon cut power disk TERM USR1 INT)
declare -A done_faults out_of_reach
mend=
at_exit 'eval "$mend"'
# One fault. Leaves what must be mended afterwards in $mend.
fault() {
  local kind host pid
  kind=${kinds[RANDOM % ${#kinds[@]}]}
  host=h$((1 + RANDOM % 3))
  if [[ $kind =~ ^(daemon|cut|power)$ ]]; then
    [[ -z ${out_of_reach[$host]:-} ]] || return 0
    [[ $kind == daemon ]] || out_of_reach[$host]=1
  fi
  done_faults[$kind]=$((${done_faults[$kind]:-0} + 1))
  echo "  $kind${host:+ ($host)}"
  case $kind in
    step) pid=$(ours "^bash $scratch/step.sh" | any); [[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true ;;
    rank) pid=$(rank_pid $((1 + RANDOM % 3))); [[ -z $pid ]] || kill -KILL $pid 2>/dev/null || true ;;
    stop) pid=$(rank_pid $((1 + RANDOM % 3))); [[ -z $pid ]] || kill -STOP $pid 2>/dev/null || true ;;
    master) pid=$(rank_pid 0); [[ -z $pid ]] || kill -KILL $pid 2>/dev/null || true ;;
    daemon) "$hosts" kill-daemon "$host" orted >/dev/null 2>&1 || true ;;
    cut) "$hosts" cut "$host"; mend+="'$hosts' plug $host;" ;;
    power) "$hosts" power-off "$host"; mend+="'$hosts' power-on $host;" ;;
    disk) touch disk_is_full; mend+="rm -f disk_is_full;" ;;
    TERM | USR1 | INT) pkill -"$kind" -P "$life_pid" 2>/dev/null || true ;;
  esac
}

# $1: fault or calm. Leaves the exit code in $code.
life() {
  local command=("$hosts" mpirun) options=() limit=240 i began=$SECONDS
  [[ $1 == fault ]] || limit=900
  out_of_reach=()
  local begun_lives=$(lives_begun)
  if [[ $1 == fault && $((RANDOM % 2)) == 0 ]]; then command=("$launcher"); options=(--survive --lost-after 10s); fi
  timeout -k 5 $limit "${command[@]}" -np 4 --map-by node --host h0:1,h1:1,h2:1,h3:1 \
    -x LD_PRELOAD="$faulty" -x FAULTY="full:$scratch/disk_is_full" -x FAULTY_FILE=.run/journal.jsonl "$gradus" run "$scratch/steps.jsonl" \
    --run-dir "$run" --threads 2 --quiet --resume --retry-delay 0.1s --grace 2s "${options[@]}" >log 2>&1 &
  life_pid=$!
  if [[ $1 == fault ]]; then
    # Mostly while it runs: to start takes longer than all the faults on a slow machine.
    ((RANDOM % 4 == 0)) || wait_until 20 life_has_begun "$begun_lives" || true
    for ((i = 0; i < 6; i++)); do
      sleep 0.$((RANDOM % 9))
      sleep $((RANDOM % 2))
      ! process_has_ended $life_pid || break
      fault
    done
  fi
  # mpirun itself can wait for ever for the daemon of a host that is cut off, when all of gradus has long gone, or when
  # that happens while it starts the ranks: only gradus-mpirun promises an end.
  if [[ $1 == fault ]] && ! has_ended_within 20; then pkill -TERM -P $life_pid || true; fi  # the last fault
  if [[ $1 == fault && ${command[0]} == "$hosts" ]] && ! has_ended_within 60 && { has_told_its_end || ! life_has_begun "$begun_lives"; }; then
    hanging=$((hanging + 1))
    echo "  mpirun hangs: $(tail -n 5 log | cut -c 1-200)"
    pkill -KILL -P $life_pid || true
  fi
  code=0
  wait $life_pid || code=$?
  # Not by the code: 137 is also what gradus-mpirun gives where rank 0 was killed.
  ((SECONDS - began < limit)) || fail "an end of this life within $limit s" "$(tail -n 30 log)"
  eval "$mend"
  mend=
  wait_until 90 nothing_runs || fail "nothing alive on any host" "$(ours -a "^bash $scratch/step.sh")"
  [[ $code != 0 ]] || [[ $(reported | wc -l) == "$steps" ]] || fail "all $steps steps reported, since it says 0" "$(reported | wc -l): $(grep -v PMIX log | head -n 40)"
}

# $1: seconds.
has_ended_within() { wait_until "$1" process_has_ended $life_pid 2>/dev/null; }
# Or has not begun at all.
has_told_its_end() { [[ ! -e $run/summary.json ]] || grep -q '"state": "\(finished\|stopped\|interrupted\)"' "$run/summary.json"; }
lives_begun() { grep -c '^{"life"' "$run/journal.jsonl" 2>/dev/null || true; }
life_has_begun() { [[ $(lives_begun) -gt ${1:-0} ]]; }

lives=0 hanging=0
: >before
: >begun_before
while ((SECONDS < seconds)) && [[ $(reported 2>/dev/null | wc -l) -lt $steps ]]; do
  lives=$((lives + 1))
  life fault
  # What was reported before this life has not run in it.
  awk '$1 == "begin" { n[$2]++ } END { for (s in n) print s, n[s] }' world | sort >begun
  again=$(join <(sort before) begun | join - begun_before 2>/dev/null | awk '$2 != $3 { print "step", $1, "ran", $2, "times,", $3, "before it was reported" }')
  expect_equal "reported steps that ran again in life $lives" "" "$again"
  reported | sort >before
  join before begun | sort >begun_before
  echo "life $lives: exit code $code, $(wc -l <before) of $steps reported"
done
it "a calm life ends it"
for ((calm = 0; calm < 3; calm++)); do
  life calm
  [[ $code != 0 ]] || break
done
[[ $code == 0 ]] || fail "exit code 0 of the last life" "$code: $(tail -n 30 log)"
it "the world and the journal say the same"
expect_equal "steps reported" $steps "$(reported | wc -l)"
ended=$(awk '$1 == "end" { print $2 }' world | sort -u | wc -l)
expect_equal "steps that did run to their end" $steps "$ended"
overlaps=$(sort -k4,4n world | awk '
  $1 == "begin" { if ($2 in now) pending[$2] = 1; now[$2] = $3 }
  $1 == "end" { if ($2 in now && now[$2] != $3) print "step", $2, "was run by", $3, "and", now[$2], "at once"; delete now[$2] }')
expect_equal "attempts of a step at once" "" "$overlaps"
seen_fault "chaos over three hosts: steps, ranks, rank 0, daemons and hosts killed, stopped, cut off; disk filled; signals" "$lives lives with $(for kind in "${!done_faults[@]}"; do echo "$kind ${done_faults[$kind]}×"; done | sort | paste -sd , | sed 's/,/, /g'): each of $steps steps succeeded, none ran again after it was reported, none at once with itself, nothing was left alive${hanging:+; mpirun itself hung $hanging times after a cut}"
