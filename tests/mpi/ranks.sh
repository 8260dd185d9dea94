# shellcheck shell=bash
# Runs that lose ranks: finding the ranks of one's own mpirun, and what must be true of a run afterwards. To be sourced
# by bash, after expect.sh.
#
# Knows: $gradus, $steps, and the run directory steps.run in the current folder.
# Unaware of: how a rank is lost.

# $1: process. The ranks under it, whatever stands between (Hydra has a proxy), in order of their start. Only of our own
# mpirun: other runs may be under way on this machine.
ranks_under() {
  local child
  for child in $(pgrep -P "$1"); do
    if [[ $(ps -o args= -p "$child") == "$gradus run"* ]]; then echo "$child"; else ranks_under "$child"; fi
  done
}

state() { grep -o '"state": "[a-z]*"' steps.run/summary.json | cut -d '"' -f 4; }
succeeded() { grep -c '"final":"succeeded"' steps.run/journal.jsonl; }
begun() { [[ $(cat seen 2>/dev/null | wc -l) -ge $1 ]]; }

# ticking_steps COUNT TICKS NAP: steps.txt with steps that write into `seen` as long as they live. The last quarter goes on
# until the file `go` is there, so that a run is not over before a test has done to it what it wants.
ticking_steps() {
  local i
  cat >step.sh <<END
for ((k = 0; k < $2 || (\$1 > $1 * 3 / 4 && k < 100000); k++)); do
  ((k < $2)) || [[ ! -e $PWD/go ]] || break
  echo "\$1 \$\$.\$HOSTNAME \$(date +%s%N)" >>$PWD/seen
  sleep $3
done
END
  for ((i = 1; i <= $1; i++)); do echo "bash $PWD/step.sh $i"; done >steps.txt
}

# Two attempts of one step must never tick in turn. Prints those that did.
twice_at_once() {
  sort -k3,3n seen | awk '$1 in last && last[$1] != $2 { if (($1, $2) in was) print "step " $1 " ran twice at once" }
    { last[$1] = $2; was[$1, $2] = 1 }'
}
