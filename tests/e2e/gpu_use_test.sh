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
chmod +x bin/nvidia-smi
export PATH="$PWD/bin:$PATH"
ends() { grep '^{"end"' "$1.run/journal.jsonl"; }
few() { (($(wc -l <asked) <= $1)) || fail "at most $1 looks" "$(cat asked)"; }
for ((i = 0; i < 2; i++)); do echo "sleep 3.5; echo %(GPU)s >gpu.$i"; done >steps.txt

for way in alone mpi; do
  case $way in
    alone) run=(timeout -k 5 60 "$gradus" run) threads=3 more=5 ;;
    mpi) run=(timeout -k 5 60 "$mpiexec" -np 3 "$gradus" run) threads=1 more=2 ;;
  esac

  it "$way: each GPU step is told how busy its own GPU was, and how much of its memory was in use"
  rm -rf asked steps.run
  expect_exit 0 "${run[@]}" steps.txt --threads $threads --gpu-sampling 0.2s --quiet
  expect_equal "ends with figures" 2 "$(ends steps | grep -c '"gpu_busy"')"
  for gpu in 0 1; do
    [[ $(<gpu.0) == "$gpu" ]] && step=1 || step=2
    expect_match "GPU $gpu" "\"gpu_busy\":0.$((3 + 2 * gpu))0,\"gpu_samples\":[0-9]+,\"gpu_mem\":$((2000 + 100 * gpu)),\"gpu_total\":81559" \
      "$(grep "^{\"end\":$step," steps.run/journal.jsonl)"
  done
  expect_match "summary" "GPU use    GPU steps kept their GPU (39|40|41) % busy, at most 2\.1 GiB of its memory" "$seen"
  expect_match "summary.json" '"memory_total_mib": 81559' "$(<steps.run/summary.json)"

  it "$way: where there are enough samples, time and memory, it says with which option two steps share a GPU"
  # A look costs what starting a program costs here, and so is rare where that is dear: 20 in all are enough.
  sed 's/3.5/18/' steps.txt >longer.txt
  rm -f asked
  expect_exit 0 "${run[@]}" longer.txt --threads $threads --gpu-sampling 0.1s --quiet
  expect_match "summary" "two per GPU may pay \(--threads $more\)" "$seen"
  rm -rf longer.run

  it "$way: a stand-in that hangs is ended, said once for each rank, and the run ends in time"
  rm -rf asked steps.run
  sed 's/3.5/9/' steps.txt >hang.txt
  began=$SECONDS
  stand_in=hangs expect_exit 0 "${run[@]}" hang.txt --threads $threads --gpu-sampling 0.1s --quiet
  ((SECONDS - began < 40)) || fail "an end soon after the steps" "$((SECONDS - began)) s"
  for rank in 0 1 2; do
    told=$(grep -c "(rank $rank): GPUs are not looked at any more.*no end within 2 s.*3 times in a row" <<<"$seen" || true)
    if [[ $way == alone ]]; then wanted=$((rank == 0)); else wanted=$((rank > 0)); fi
    expect_equal "lines of rank $rank" "$wanted" "$told"
  done
  ! pgrep -f 'sleep 777\.5' >/dev/null || fail "no stand-in that still runs" "$(pgrep -af 'sleep 777\.5')"
  expect_equal "ends with figures" 0 "$(ends hang | grep -c '"gpu_' || true)"
  rm -rf hang.run

  it "$way: a run that ends while the stand-in hangs does not wait for it"
  rm -f asked
  began=$SECONDS
  stand_in=hangs expect_exit 0 "${run[@]}" steps.txt --threads $threads --gpu-sampling 5s --quiet
  expect_file asked
  ((SECONDS - began < 15)) || fail "an end soon after the steps" "$((SECONDS - began)) s"
  rm -rf steps.run
done
run=("$gradus" run)

it "nothing is asked while no GPU step runs, nor with --gpu-sampling off"
rm -rf asked steps.run
echo 'sleep 1' >cpu.txt
expect_exit 0 "${run[@]}" cpu.txt --gpus 0,1 --gpu-sampling 0.1s --quiet
expect_exit 0 "${run[@]}" steps.txt --threads 3 --gpu-sampling off --quiet
expect_no_file asked

it "a step that uses no GPU has no figures though others do"
printf 'sleep 2.5 # %%(GPU)s\nsleep 2.5\n' >mixed.txt
expect_exit 0 "${run[@]}" mixed.txt --threads 3 --gpu-sampling 0.2s --quiet
expect_equal "ends with figures" 1 "$(ends mixed | grep -c '"gpu_busy"')"

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
