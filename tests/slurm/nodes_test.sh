#!/bin/bash
# Steps that are MPI programs over several nodes of a SLURM job: needs the bed (nodes h1, h2, h3).
#   nodes_test.sh GRADUS MPIEXEC WHO
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1") mpiexec=$2 who=$(readlink -f "$3")
slurm=$here/slurm-bed
make_scratch
cd "$scratch"
cat >steps.jsonl <<END
{"id":"wide","nodes":3,"command":"$mpiexec --hostfile %(HOSTFILE)s -np 3 --map-by node $who >$scratch/wide"}
{"id":"pair","nodes":2,"needs":["wide"],"command":"$mpiexec --hostfile %(HOSTFILE)s -np 2 --map-by node $who >$scratch/pair"}
{"id":"one","needs":["wide"],"command":"$mpiexec --oversubscribe -np 2 $who >$scratch/one"}
END
ranks_by_host() { awk '{print $4}' "$1" | sort | uniq -c | awk '{print $1, $2}' | paste -sd,; }

for launcher in "$mpiexec --bind-to none" "srun --mpi=pmix"; do
  it "an mpirun of a step starts on all its nodes, and one without nodes stays on its own, under ${launcher%% *}"
  printf '#!/bin/bash\nexec %s %q run %q --master-works --threads 2 --quiet --restart\n' "$launcher" "$gradus" "$scratch/steps.jsonl" >job.sh
  rm -rf steps.run
  again_if_mpi_crashes steps.run timeout -k 5 100 "$slurm" batch --time=5 --nodes=3 --ntasks-per-node=1 --cpus-per-task=4 job.sh
  expect_equal "exit code, having said $seen," 0 $code
  expect_equal "ranks of wide" "1 h1,1 h2,1 h3" "$(ranks_by_host wide)"
  expect_match "ranks of pair" "^1 h[123],1 h[123]$" "$(ranks_by_host pair)"
  expect_match "ranks of one" "^2 h[123]$" "$(ranks_by_host one)"
done
