#!/bin/bash
# gradus template: what it writes is a script, and what cannot be in one is refused.
#   template_test.sh GRADUS
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
make_scratch
cd "$scratch"
export HOME=$scratch
unset GRADUS_SITE

for kind in one-node many-nodes requeue array; do
  it "$kind: bare it is the file that we ship; filled in it is a script without arrows"
  expect_equal "template" "$(cat "$here/../../slurm/$kind.sh")" "$("$gradus" template slurm --kind $kind)"
  bash -n "$here/../../slurm/$kind.sh"
  nodes=(--nodes 3)
  [[ $kind != one-node && $kind != array ]] || nodes=()
  "$gradus" template slurm --kind $kind "${nodes[@]}" --gpus-per-node 4 --cpus-per-node 16 --time 04:00:00 --array 1-3 \
    --steps "my 'steps'.txt" --partition gpu --account lab --module cuda/12 --module relion --sbatch=--mem=0 \
    --gradus "/opt/gradus dir/gradus" --option=--retry-delay=5s --option="--prolog=ulimit -s unlimited" >$kind.sh
  bash -n $kind.sh
  expect_equal "arrows" "" "$(grep -e '# <--' $kind.sh || true)"
  expect_match "lines" "#SBATCH --partition=gpu
#SBATCH --account=lab
#SBATCH --mem=0" "$(cat $kind.sh)"
  expect_equal "what the shell reads" "my 'steps'.txt|/opt/gradus dir/gradus|--retry-delay=5s|--prolog=ulimit -s unlimited" \
    "$(bash -c "$(grep -E '^(steps|gradus|options)=' $kind.sh)"'; printf "%s|%s|%s|%s" "$steps" "$gradus" "${options[@]}"')"
done

it "the kind follows from the nodes"
expect_match "one" "^exec \"\\\$gradus\" run" "$("$gradus" template slurm --nodes 1 | grep '^exec')"
expect_match "two" "^exec mpirun" "$("$gradus" template slurm --nodes 2 | grep '^exec')"

it "a site file sets defaults; the command line replaces them and adds to what may be repeated"
printf '# our site\npartition = gpu\nmodule = cuda/12\nsbatch = --mem=0\ntime = 1-0\n' >site
seen=$("$gradus" template slurm --nodes 2 --site site --partition big --module relion)
expect_match "partition" "--partition=big" "$seen"
expect_match "time" "--time=1-0" "$seen"
expect_match "modules" "module load cuda/12
module load relion" "$seen"
expect_match "by the environment" "--partition=gpu" "$(GRADUS_SITE=site "$gradus" template slurm --nodes 2)"
mkdir -p .config/gradus
cp site .config/gradus/site
expect_match "in the home folder" "--partition=gpu" "$("$gradus" template slurm --nodes 2)"
rm -r .config

it "what is wrong is refused with its place"
refused() { expect_exit 2 "$gradus" template "${@:2}"; expect_match "message" "$1" "$seen"; }
refused "--time: '4h' is no time" slurm --time 4h
refused "--nodes: '0' is not a whole number" slurm --nodes 0
refused "did you mean 'requeue'" slurm --kind reqeue
refused "one-node job has one node" slurm --kind one-node --nodes 2
refused "--partition: 'a b' is no name" slurm --partition "a b"
refused "--steps: it is empty or holds a line break" slurm --steps $'a\nb'
refused "neither slurm nor scipion" slrum
refused "unrecognised option" slurm --gpu 4
refused "gone: cannot be read" slurm --site gone
echo 'partitoin = gpu' >bad
refused "bad: unknown setting 'partitoin': did you mean 'partition'" slurm --site bad
echo 'time = 4h' >bad
refused "bad: time: '4h' is no time" slurm --site bad

it "a file is not written over"
expect_exit 0 "$gradus" template slurm --nodes 1 --output job.sh
refused "is there already: --force" slurm --nodes 1 --output job.sh
expect_exit 0 "$gradus" template slurm --nodes 1 --output job.sh --force

it "Scipion's host configuration is the file that we ship"
expect_equal "file" "$(cat "$here/../../slurm/scipion-hosts.conf")" "$("$gradus" template scipion)"
