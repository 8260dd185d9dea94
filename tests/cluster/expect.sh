# shellcheck shell=bash
# What the shell tests of the beds and of whole runs have in common. To be sourced by bash.
#
# Knows: how a test says what it expected and saw, ends what it waits for, cleans up, and sets Open MPI
#        up for one small machine.
# Unaware of: virtual hosts, SLURM, gradus.

# --- where a test cannot run --------------------------------------------------------------------

# A missing bed must never look like a pass in CI, and must not be a failure on a laptop.
# $1: the reason. Ends the test: 77 is what CTest knows as "skipped" (SKIP_RETURN_CODE).
cannot_run_here() {
  if [[ ${CI:-} == true || ${GRADUS_TESTS_MUST_RUN:-} == 1 ]]; then
    echo "FAILED: cannot run here, and this environment says that it must: $1" >&2
    exit 1
  fi
  echo "SKIPPED: cannot run here: $1" >&2
  exit 77
}

# Runs a bed's verb; passes its "cannot run here" on as this test's own end. $@: command.
needs() {
  local code=0
  "$@" || code=$?
  [[ $code != 77 ]] || exit 77
  [[ $code == 0 ]] || fail "this to work: $*" "exit code $code"
}

# --- what is expected and what was seen -----------------------------------------------------------

# Names the sentence that the following assertions are about. $1: the sentence.
it() {
  gradus_sentence=$1
  echo "- $1"
}

# $1: what was expected; $2: what was seen. Ends the test with 1.
fail() {
  local frame=1
  while [[ ${FUNCNAME[frame]:-main} =~ ^(expect_|needs$|await_end$|fail$) ]]; do ((frame++)); done
  {
    echo "FAILED: ${gradus_sentence:-$0}"
    echo "  at:       ${BASH_SOURCE[frame]:-$0}:${BASH_LINENO[frame - 1]}"
    echo "  expected: ${1//$'\n'/$'\n'            }"
    echo "  seen:     ${2//$'\n'/$'\n'            }"
  } >&2
  exit 1
}

# A row of the README's table of faults (scripts/fault-table collects them). $1: the fault; $2: what was seen.
seen_fault() { echo "FAULT|$1|$2"; }

# $1: what it is; $2: expected; $3: seen.
expect_equal() { [[ $2 == "$3" ]] || fail "$1: $2" "$3"; }

# $1: what it is; $2: extended regular expression; $3: seen.
expect_match() { [[ $3 =~ $2 ]] || fail "$1 that matches: $2" "$3"; }

# $1: what it is; $2: extended regular expression; $3: seen.
expect_no_match() { [[ ! $3 =~ $2 ]] || fail "$1 that does not match: $2" "$3"; }

# $1: path.
expect_file() { [[ -e $1 ]] || fail "the file $1" "$(ls -la "$(dirname "$1")" 2>&1)"; }
expect_no_file() { [[ ! -e $1 ]] || fail "no file $1" "$(ls -lad "$1")"; }

# $1: exit code; the rest: command. Leaves the command's output (both streams) in $seen.
expect_exit() {
  local wanted=$1 code=0
  shift
  seen=$("$@" 2>&1) || code=$?
  [[ $code == "$wanted" ]] || fail "exit code $wanted of: $*" "exit code $code"$'\n'"$seen"
}

# --- time ---------------------------------------------------------------------------------------

# A hanging mpirun must end the test, not the CI job. $1: seconds; the rest: command.
# The command's exit code is passed on; 124 or 137 after the time, which is said.
run_bounded() {
  local seconds=$1 code=0
  shift
  timeout -k 5 "$seconds" "$@" || code=$?
  if [[ $code == 124 || $code == 137 ]]; then echo "exit code $code, perhaps not ended within $seconds s: $*" >&2; fi
  return $code
}

# $1: seconds; the rest: command that is asked ten times a second until it succeeds. 1, and a word, if it never did.
wait_until() {
  local seconds=$1 end=$((SECONDS + $1 + 1))
  shift
  until "$@"; do
    ((SECONDS < end)) || { echo "waited ${seconds} s in vain for: $*" >&2; return 1; }
    sleep 0.1
  done
}

# $1: seconds; $2: a process in the background of this test. Leaves its exit code in $code; it must have ended.
await_end() {
  wait_until "$1" process_has_ended "$2" || fail "an end of process $2 within $1 s" "it lives"
  code=0
  wait "$2" || code=$?
}
process_has_ended() { ! kill -0 "$1" 2>/dev/null; }

# --- cleaning up ----------------------------------------------------------------------------------

gradus_at_exit=()

# Commands run in reverse order when the test ends, however it ends (not by KILL). $1: a shell line.
at_exit() {
  gradus_at_exit+=("$1")
  trap gradus_clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

gradus_clean_up() {
  local code=$? i
  trap - EXIT
  trap '' HUP INT TERM
  for ((i = ${#gradus_at_exit[@]} - 1; i >= 0; i--)); do eval "${gradus_at_exit[i]}" || true; done
  exit $code
}

# Makes a folder that is removed when the test ends; its path is left in $scratch.
make_scratch() {
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/gradus-test.XXXXXX")
  at_exit "rm -rf '$scratch'"
}

# --- Open MPI ---------------------------------------------------------------------------------------

# On a busy machine Open MPI 4.1.4 under srun sometimes calls a null pointer in MPI_Init, when a message of a quicker
# rank comes over TCP (who.c does so too, in 1 of 40 starts). Such a start is made again. $1: a file that is there once
# gradus itself has begun; the rest: command. Leaves its output in $seen and its exit code in $code.
again_if_mpi_crashes() {
  local begun=$1 try
  shift
  for try in 1 2 3; do
    code=0
    seen=$("$@" 2>&1) || code=$?
    [[ $code != 0 && $seen == *"Failing at address: (nil)"* && ! -e $begun ]] || return 0
    echo "  Open MPI crashed at start $try"
  done
}

# As root, more ranks than cores, on one small machine. $1: the network to use (interface or a.b.c.d/n).
# Binding is off because two ranks would be pinned to one core each and every step would inherit that.
mpi_environment() {
  local network=${1:-lo}
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
  export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader,tcp OMPI_MCA_btl_vader_single_copy_mechanism=none
  export OMPI_MCA_oob_tcp_if_include=$network OMPI_MCA_btl_tcp_if_include=$network
  # Not where those of all tests meet: an mpirun that ends removes the folder there in which another one begins (Open MPI's
  # issue 8510).
  [[ -z ${scratch:-} ]] || export OMPI_MCA_orte_tmpdir_base=$scratch
}
