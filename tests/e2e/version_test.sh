#!/bin/bash
# gradus --version: built with and runs with.
#   version_test.sh GRADUS MPIEXEC
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")

it "tells the MPI that it runs with as the loader has found it, without starting MPI"
expect_exit 0 "$gradus" --version
expect_match "first line" $'^gradus [0-9]+\.[0-9]+\.[0-9]+\n' "$seen"
case $(ldd "$gradus") in *libmpich*) mpi=MPICH ;; *) mpi="Open MPI" ;; esac
expect_match "MPI" $'\n'"MPI: built with $mpi [0-9.]+ \(MPI [0-9.]+\), runs with $mpi" "$seen"
expect_match "compiler" $'\ncompiler: (GNU|Clang) [0-9.]+$' "$seen"
number=$(sed -n 's/.*built with [A-Za-z ]* \([0-9.]*\) (.*/\1/p' <<<"$seen")
expect_match "the same version at run time as at build time, here" "runs with [A-Za-z: ]*v?$number" "$seen"

it "tells the same as JSON with a schema"
expect_exit 0 "$gradus" --version --json
python3 -c '
import json, sys
d = json.loads(sys.argv[1])
assert d["schema"] == "gradus-version/1", d
assert sys.argv[2] in d["mpi"]["built_with"] and sys.argv[2] in d["mpi"]["runs_with"], d
assert d["cuda"]["toolkit"] is None or d["cuda"]["toolkit"][0].isdigit(), d
' "$seen" "$number" || fail "a document of the schema" "$seen"

it "knows nothing else"
expect_exit 2 "$gradus" --version --jsn
