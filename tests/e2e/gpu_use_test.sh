#!/bin/bash
# How busy GPUs were while steps used them, as a stand-in for nvidia-smi tells it.
#   gpu_use_test.sh GRADUS MPIEXEC
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1") mpiexec=$2
make_scratch
cd "$scratch"
mpi_environment
unset GRADUS_GPU_LIST GRADUS_USE_GPU CUDA_DEVICE_ORDER
uuid() { echo "GPU-0000000$1-1111-2222-3333-444444444444"; }
export CUDA_VISIBLE_DEVICES="$(uuid 0),$(uuid 1)"
# Two GPUs, busy to 30 and 50 per cent; asked for some, it tells of these only. $stand_in: something that goes wrong.
# It starts no program where all goes well: the cheaper it is, the more often it is asked.
mkdir bin
cat >bin/nvidia-smi <<'X'
#!/bin/sh
echo "$*" >>asked
zero=GPU-00000000-1111-2222-3333-444444444444 one=GPU-00000001-1111-2222-3333-444444444444
case ${stand_in:-} in
  hangs) trap '' TERM; sleep 777.5 & wait; wait ;;
  fails) echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."; exit 9 ;;
  garbage) head -c 100000 /dev/urandom ;;
  knows_little) echo "0, $zero, [N/A], [Not Supported], [N/A]"; echo "1, $one, [N/A], [Not Supported], [N/A]" ;;
  *)
    case $* in *" -i "*$zero*) echo "0, $zero, 30, 2000, 81559" ;; esac
    case $* in *" -i "*$one*) echo "1, $one, 50, 2100, 81559" ;; esac ;;
esac
X
# until_looked_at COUNT GPU [more]: until so many looks at it have begun, or so many from now on; all but the last are
# over and taken then. How often one looks depends on what starting a program costs here: steps of a fixed length would be
# looked at too rarely where that is dear.
cat >bin/until_looked_at <<'X'
#!/bin/bash
count() { grep -c "GPU-0000000$2-" asked; } 2>/dev/null
had=0
[[ -z ${3:-} ]] || had=$(count "$@")
until (($(count "$@") >= had + $1)); do sleep 0.1; done
X
chmod +x bin/nvidia-smi bin/until_looked_at
export PATH="$PWD/bin:$PATH"
ends() { grep '^{"end"' "$1.run/journal.jsonl"; }
few() { (($(wc -l <asked) <= $1)) || fail "at most $1 looks" "$(cat asked)"; }
# steps FILE COMMAND: for two GPUs, each of which has a step. %(GPU)s in COMMAND is the step's own.
steps() { for ((i = 0; i < 2; i++)); do echo "$2; echo %(GPU)s >gpu.$i"; done >"$1"; }
# An attempt's first second says nothing of how busy it keeps its GPU; a look may have begun in it and be written later.
one_sample="sleep 1.2; until_looked_at 3 %(GPU)s more"

for way in alone mpi; do
  case $way in
    alone) run=(timeout -k 5 300 "$gradus" run) threads=3 more=5 ;;
    mpi) run=(timeout -k 5 300 "$mpiexec" -np 3 "$gradus" run) threads=1 more=2 ;;
  esac

  it "$way: each GPU step is told how busy its own GPU was, and how much of its memory was in use"
  rm -rf asked seen.* steps.run
  # Each waits for looks at its own GPU, which go on as long as it runs, and for the other: so that they weigh about the same.
  steps steps.txt "sleep 1.2; until_looked_at 3 %(GPU)s more; touch seen.%(GPU)s; until test -e seen.0 -a -e seen.1; do sleep 0.1; done"
  expect_exit 0 "${run[@]}" steps.txt --threads $threads --gpu-sampling 0.2s --quiet
  expect_equal "ends with figures" 2 "$(ends steps | grep -c '"gpu_busy"')"
  for gpu in 0 1; do
    [[ $(<gpu.0) == "$gpu" ]] && step=1 || step=2
    expect_match "GPU $gpu" "\"gpu_busy\":0.$((3 + 2 * gpu))0,\"gpu_samples\":[0-9]+,\"gpu_mem\":$((2000 + 100 * gpu)),\"gpu_total\":81559" \
      "$(grep "^{\"end\":$step," steps.run/journal.jsonl)"
  done
  expect_match "summary" "GPU use    GPU steps kept their GPU (3[2-9]|4[0-8]) % busy, at most 2\.1 GiB of its memory" "$seen"
  expect_match "summary.json" '"memory_total_mib": 81559' "$(<steps.run/summary.json)"

  it "$way: where there are enough samples, time and memory, it says with which option two steps share a GPU"
  rm -rf asked longer.run
  steps longer.txt "sleep 1.2; until_looked_at 15 %(GPU)s more"
  expect_exit 0 "${run[@]}" longer.txt --threads $threads --gpu-sampling 0.1s --quiet
  expect_match "summary" "two per GPU may pay \(--threads $more\)" "$seen"

  it "$way: a stand-in that hangs is ended, said once for each rank, and the run ends in time"
  rm -rf asked hang.run
  # Alone one look is at both; the first one may come before the second step, and after three there are no more.
  if [[ $way == alone ]]; then any="'[01]'"; else any="%(GPU)s"; fi
  steps hang.txt "until_looked_at 3 $any; sleep 10"
  began=$SECONDS
  stand_in=hangs expect_exit 0 "${run[@]}" hang.txt --threads $threads --gpu-sampling 0.1s --quiet
  ((SECONDS - began < 120)) || fail "an end soon after the steps" "$((SECONDS - began)) s"
  for rank in 0 1 2; do
    told=$(grep -c "(rank $rank): GPUs are not looked at any more.*no end within 2 s.*3 times in a row" <<<"$seen" || true)
    if [[ $way == alone ]]; then wanted=$((rank == 0)); else wanted=$((rank > 0)); fi
    expect_equal "lines of rank $rank" "$wanted" "$told"
  done
  ! pgrep -f 'sleep 777\.5' >/dev/null || fail "no stand-in that still runs" "$(pgrep -af 'sleep 777\.5')"
  expect_equal "ends with figures" 0 "$(ends hang | grep -c '"gpu_' || true)"

  it "$way: a run that ends while the stand-in hangs does not wait for it"
  rm -rf asked early.run
  steps early.txt "until_looked_at 1 %(GPU)s"
  stand_in=hangs expect_exit 0 "${run[@]}" early.txt --threads $threads --gpu-sampling 30s --quiet
  # It may hang for 60 s, twice the sampling time.
  waited=$(($(date +%s) - $(stat -c %Y asked)))
  ((waited < 40)) || fail "an end soon after the steps" "$waited s"
done
run=(timeout -k 5 300 "$gradus" run)

it "nothing is asked while no GPU step runs, nor with --gpu-sampling off"
rm -rf asked steps.run
echo 'sleep 1' >cpu.txt
steps short.txt "sleep 2"
expect_exit 0 "${run[@]}" cpu.txt --gpus 0,1 --gpu-sampling 0.1s --quiet
expect_exit 0 "${run[@]}" short.txt --threads 3 --gpu-sampling off --quiet
expect_no_file asked

it "a step that uses no GPU has no figures though others do"
printf '%s; touch was_looked_at\nuntil [ -e was_looked_at ]; do sleep 0.1; done; sleep 1\n' "$one_sample" >mixed.txt
expect_exit 0 "${run[@]}" mixed.txt --threads 3 --gpu-sampling 0.2s --quiet
expect_equal "ends with figures" 1 "$(ends mixed | grep -c '"gpu_busy"')"

steps steps.txt "until_looked_at 3 '[01]'; sleep 4"
for stand_in in fails garbage knows_little; do
  export stand_in
  it "a stand-in that $stand_in does the run no harm"
  rm -rf asked steps.run
  expect_exit 0 "${run[@]}" steps.txt --threads 3 --gpu-sampling 0.2s --quiet
  expect_equal "ends with figures" 0 "$(ends steps | grep -c '"gpu_' || true)"
  if [[ $stand_in != knows_little ]]; then
    expect_equal "lines about it" 1 "$(grep -c 'GPUs are not looked at any more' <<<"$seen")"
    few 3
  fi
done
unset stand_in

it "--gpu-sampling that is no time is refused"
expect_exit 2 "${run[@]}" steps.txt --gpu-sampling often
expect_exit 2 "${run[@]}" steps.txt --gpu-sampling 0s
seen_fault "nvidia-smi hangs, fails or prints garbage" "ended after twice the sampling time; after three in a row GPUs are not looked at any more, said once for each rank; the run goes on"
