#!/bin/bash
# A GPU on which every step fails at once, among good ones.
#   bad_gpu_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
make_scratch
cd "$scratch"
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_VISIBLE_DEVICES
# GPU 2 fails; others take some time.
cat >step.sh <<'X'
echo "$1 $2" >>tried
[ "$2" != 2 ] || { echo "CUDA error: an illegal memory access" >&2; exit 1; }
# However late GPU 2 is: there is work until it has failed often enough to be suspect.
until [ "$(grep -c ' 2$' tried)" -ge 3 ]; do sleep 0.02; done
sleep 0.03
echo x >"done.$1"
X
some() { for ((i = 1; i <= 60; i++)); do echo "$1{\"id\":\"s$i\",\"command\":\"sh step.sh $i %(GPU)s\"$2}"; done; }

it "steps with retries all succeed, the bad GPU is named and gets nothing more"
some "" ',"retries":1' >good.jsonl
expect_exit 0 "$gradus" run good.jsonl --gpus 0-3 --quiet --retry-delay 0s
expect_equal "done" 60 "$(ls done.* | wc -l)"
expect_match "summary" "quarantined slot 2 on .* with GPU 2: [0-9]+ steps in a row failed there" "$seen"
expect_equal "in summary.json" 1 "$(grep -c '"failures"' good.run/summary.json)"
expect_equal "in the journal" 1 "$(grep -c '^{"quarantined":2' good.run/journal.jsonl)"
bad=$(grep -c ' 2$' tried)
((bad >= 3 && bad < 30)) || fail "some steps on GPU 2, then none" "$bad"

seen_fault "a bad GPU: steps fail on one slot, others like them succeed elsewhere" "quarantined by name after $bad failures; steps with retries lose none by it"
it "a GPU that is known by its UUID is named by it"
uuid() { echo "GPU-0000000$1-1111-2222-3333-444444444444"; }
rm -f tried done.*
expect_exit 0 env CUDA_VISIBLE_DEVICES="$(uuid 0),$(uuid 1),$(uuid 2),$(uuid 3)" "$gradus" run good.jsonl --quiet --restart --retry-delay 0s
expect_match "summary" "quarantined slot 2 on .* with $(uuid 2): " "$seen"
expect_match "summary.json" "$(uuid 2)" "$(<good.run/summary.json)"

it "steps without retries are not run again behind their owner's back; --resume does it"
rm -f tried done.*
some "" '' >once.jsonl
expect_exit 1 "$gradus" run once.jsonl --gpus 0-3 --quiet
expect_equal "tries of one step" 1 "$(cut -d ' ' -f 1 tried | sort | uniq -c | awk '{print $1}' | sort -u)"
expect_match "summary" "quarantined slot 2" "$seen"
expect_exit 0 "$gradus" run once.jsonl --gpus 0,1,3 --quiet --resume
expect_equal "done" 60 "$(ls done.* | wc -l)"

seen_fault "… and the steps have no retries" "each tried once; they stay failed, \`--resume\` runs them"
it "--quarantine off lets it go on"
rm -f tried done.*
expect_exit 1 "$gradus" run once.jsonl --gpus 0-3 --quiet --restart --quarantine off
! grep -q quarantined <<<"$seen" || fail "no quarantine" "$seen"

it "steps that fail everywhere are their own fault: no slot is blamed"
# Tried on a second slot each: what fails there too takes the blame back. Without that it would be chance which slots get
# several of them in a row.
for ((i = 1; i <= 40; i++)); do echo "{\"command\":\"test $((i % 2)) = 0 && sleep 0.02 # $i\",\"retries\":1}"; done >half.jsonl
expect_exit 1 "$gradus" run half.jsonl --threads 5 --quiet --retry-delay 0s
! grep -q quarantined <<<"$seen" || fail "no quarantine" "$seen"

seen_fault "half of all steps fail everywhere" "no slot is blamed"
it "a retry waits longer each time"
echo 'date +%s%N >>times; false' >again.txt
sed -i '1i #GRADUS --retries 2' again.txt
expect_exit 1 "$gradus" run again.txt --threads 1 --quiet --retry-delay 0.2s
awk 'NR > 1 { print ($1 - last) / 1e9 } { last = $1 }' times >gaps
awk 'NR == 1 { first = $1 } END { exit !(first >= 0.2 && $1 >= 0.4) }' gaps || fail "gaps of at least 0.2 s and 0.4 s" "$(cat gaps)"
