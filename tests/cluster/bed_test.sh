#!/bin/bash
# Tests the bed of virtual hosts itself, on beds of its own.
#   bed_test.sh WHO       WHO: the program of who.c
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/expect.sh"
who=$(readlink -f "$1")
hosts=$here/hosts
make_scratch
export GRADUS_HOSTS_DIR=$scratch/bed
cd "$scratch"
at_exit "$hosts down"
cp "$who" who

# What of the bed could be left on the machine.
namespaces_of() { readlink "/proc/$1/ns"/{uts,mnt,ipc,net,pid} | sort -u; }
namespaces_of_bed() { # those of the bed that are not the machine's
  local init
  for init in "$GRADUS_HOSTS_DIR"/bed "$GRADUS_HOSTS_DIR"/h*/init; do namespaces_of "$(cut -d ' ' -f 1 "$init")"; done |
    sort -u | comm -23 - <(namespaces_of self)
}
namespaces_in_use() { readlink /proc/[0-9]*/ns/* 2>/dev/null | sort -u; }
answers() { [[ $(timeout 2 "$hosts" exec "$1" bash -c "exec 3<>/dev/tcp/$2/9" 2>&1) == *"Connection refused"* ]]; }
who_is_where() { run_bounded 60 "$hosts" mpirun "$@" "$scratch/who"; }

# Less what other tests beside this one mount in folders of their own, and cgroup file systems, which nothing of the bed is.
mounts() { awk -v own="$scratch/" '$3 !~ /^cgroup/ && ($2 !~ /\/gradus-/ || index($2, own) == 1)' /proc/self/mounts; }
mounts_before=$(mounts)
needs "$hosts" up 3 >/dev/null

it "every host has a name, shared memory and processes of its own, and one folder in common"
for host in h0 h1 h2 h3; do
  expect_equal "name of $host" $host "$("$hosts" exec $host cat /proc/sys/kernel/hostname)"
  "$hosts" exec $host bash -c 'cat /proc/sys/kernel/hostname >/dev/shm/mine; cp /dev/shm/mine seen-by-$(</dev/shm/mine)'
done
for host in h0 h1 h2 h3; do
  expect_equal "/dev/shm/mine of $host" $host "$("$hosts" exec $host cat /dev/shm/mine)"
  expect_file "$scratch/seen-by-$host"
done
expect_equal "process id of a command's parent on h1" 0 "$("$hosts" exec h1 bash -c 'echo $PPID')"

it "exec passes environment, folder and exit code on"
expect_equal "variable" "a b" "$(COLOUR="a b" "$hosts" exec h2 bash -c 'echo "$COLOUR"')"
expect_equal "folder" "$scratch" "$("$hosts" exec h2 pwd)"
expect_exit 7 "$hosts" exec h2 bash -c 'exit 7'

it "ssh gives a clean environment and 255 where nobody answers"
expect_exit 0 env COLOUR=red "$hosts" ssh -x h2 'echo "<$COLOUR>"' '$PWD'
expect_equal "words, joined, in a shell" "<> /" "$seen"
expect_exit 255 "$hosts" ssh h9 true

it "mpirun places ranks by slot: unequal ranks on three hosts"
expect_equal "ranks" "rank 0 on h0 local 0 of 1
rank 1 on h1 local 0 of 3
rank 2 on h1 local 1 of 3
rank 3 on h1 local 2 of 3
rank 4 on h2 local 0 of 1" "$(who_is_where --host h0:1,h1:3,h2:1)"

it "mpirun places ranks by node: unequal ranks on three hosts"
expect_equal "ranks" "rank 0 on h1 local 0 of 3
rank 1 on h2 local 0 of 1
rank 2 on h3 local 0 of 2
rank 3 on h1 local 1 of 3
rank 4 on h3 local 1 of 2
rank 5 on h1 local 2 of 3" "$(who_is_where -np 6 --map-by node --host h1:3,h2:1,h3:2)"

it "a signal to hosts mpirun reaches mpirun, and through it the ranks"
"$hosts" mpirun --host h1:1,h2:1 bash -c 'trap "echo got >usr1.$(</proc/sys/kernel/hostname); exit" USR1; echo >ready.$(</proc/sys/kernel/hostname); for i in {1..300}; do sleep 0.1; done' &
mpirun=$!
wait_until 60 test -e ready.h1 -a -e ready.h2 || fail "two ranks that are ready" "$(ls)"
kill -USR1 $mpirun
await_end 30 $mpirun
expect_equal "exit code of mpirun" 0 $code
expect_file usr1.h1
expect_file usr1.h2

it "the end of exec on a host is the end of its command"
"$hosts" exec h3 sleep 543.21 &
exec_pid=$!
runs_on_h3() { "$hosts" exec h3 bash -c 'for c in /proc/[0-9]*/comm; do [[ $(<$c) != sleep || $(tr "\0" " " <${c%comm}cmdline) != *543.21* ]] || exit 0; done; exit 1' 2>/dev/null; }
wait_until 30 runs_on_h3 || fail "a sleep on h3" "none"
kill $exec_pid
await_end 30 $exec_pid
expect_equal "exit code of exec" 143 $code
ended_on_h3() { ! runs_on_h3; }
wait_until 30 ended_on_h3 || fail "no sleep on h3 any more" "it lives"

it "a cut host hears and says nothing until it is plugged in again"
wait_until 20 answers h1 10.83.0.3 || fail "h2 to answer h1" "no answer"
"$hosts" cut h2
expect_exit 124 timeout 1 "$hosts" exec h1 bash -c 'exec 3<>/dev/tcp/10.83.0.3/9'
expect_exit 255 "$hosts" ssh h2 true
"$hosts" plug h2
wait_until 30 answers h1 10.83.0.3 || fail "h2 to answer h1 again" "no answer"

it "a daemon can be killed by its name, on one host only"
cp /bin/sleep my-daemon
for host in h1 h2; do "$hosts" exec $host ./my-daemon 600 & done
sleeping_on() { "$hosts" exec $1 bash -c 'cat /proc/[0-9]*/comm' | grep -c my-daemon; }
both_run() { [[ $(sleeping_on h1) == 1 && $(sleeping_on h2) == 1 ]]; }
wait_until 30 both_run || fail "a daemon on h1 and one on h2" "$(sleeping_on h1) and $(sleeping_on h2)"
"$hosts" kill-daemon h1 my-daemon
gone_from_h1() { [[ $(sleeping_on h1) == 0 ]]; }
wait_until 30 gone_from_h1 || fail "no daemon on h1" "it lives"
expect_equal "daemons on h2" 1 "$(sleeping_on h2)"
expect_exit 1 "$hosts" kill-daemon h3 orted

it "a host whose power is off is gone with all its processes, and comes back fresh"
"$hosts" exec h2 bash -c 'echo >runs; exec sleep 600' &
exec_pid=$!
wait_until 30 test -e runs || fail "a process on h2" "none"
"$hosts" exec h2 touch /dev/shm/old
"$hosts" power-off h2
await_end 30 $exec_pid
expect_equal "exit code of what ran there" 137 $code
expect_exit 1 "$hosts" exec h2 true
expect_exit 255 "$hosts" ssh h2 true
expect_exit 0 "$hosts" exec h1 true
"$hosts" power-on h2
expect_exit 1 "$hosts" exec h2 test -e /dev/shm/old
wait_until 30 answers h1 10.83.0.3 || fail "the new h2 to answer h1" "no answer"
expect_equal "ranks" "rank 0 on h2 local 0 of 1
rank 1 on h1 local 0 of 1" "$(who_is_where --host h2:1,h1:1)"

it "a second owner is told that the bed is in use"
expect_exit 1 env GRADUS_HOSTS_WAIT=0 bash -c "'$hosts' up 1; exit"
expect_match "message" "in use by process" "$seen"

it "another bed can be up at the same time"
GRADUS_HOSTS_DIR=$scratch/second "$hosts" up 1 >/dev/null
at_exit "GRADUS_HOSTS_DIR='$scratch/second' '$hosts' down"
expect_equal "name on the second bed" h1 "$(GRADUS_HOSTS_DIR=$scratch/second "$hosts" exec h1 cat /proc/sys/kernel/hostname)"
GRADUS_HOSTS_DIR=$scratch/second "$hosts" down
expect_exit 0 "$hosts" exec h1 true

it "down leaves no process, no mount, no namespace and no file"
for host in h0 h1; do "$hosts" exec $host setsid bash -c 'echo >$(</proc/sys/kernel/hostname)-runs; exec sleep 601' & done
wait_until 30 test -e h0-runs -a -e h1-runs || fail "a process on h0 and one on h1" "$(ls)"
"$hosts" exec h1 bash -c 'mount -t tmpfs x /mnt'
namespaces=$(namespaces_of_bed)
expect_match "namespaces of the bed" "net:.*pid:.*uts:" "${namespaces//$'\n'/ }"
# An open one keeps its number: the kernel would give it to the next namespace that another test makes.
for init in "$GRADUS_HOSTS_DIR"/bed "$GRADUS_HOSTS_DIR"/h*/init; do
  for kind in uts mnt ipc net pid; do exec {kept}<"/proc/$(cut -d ' ' -f 1 "$init")/ns/$kind"; done
done
token=$(<"$GRADUS_HOSTS_DIR/token")
"$hosts" down
left() { comm -12 <(echo "$namespaces") <(namespaces_in_use); grep -ls "GRADUS_HOSTS_BED=$token" /proc/[0-9]*/environ; }
nothing_left() { [[ -z $(left) ]]; }
wait_until 30 nothing_left || fail "nothing of $namespaces" "$(left)"
expect_equal "mounts" "$mounts_before" "$(mounts)"
expect_no_file "$GRADUS_HOSTS_DIR"
expect_exit 0 "$hosts" down
expect_exit 1 "$hosts" status

it "up replaces a bed that was left behind, dead or alive, and what still ran on its h0"
bash -c "'$hosts' up 1 >/dev/null; exit"
"$hosts" exec h0 bash -c 'echo >old-runs; exec sleep 602' &
old=$!
wait_until 30 test -e old-runs || fail "a process on h0" "none"
kill -KILL "$(cut -d ' ' -f 1 "$GRADUS_HOSTS_DIR/bed")"
"$hosts" up 2 >/dev/null
await_end 30 $old
expect_equal "exit code of what ran on the old h0" 137 $code
expect_equal "hosts" "h0 10.83.0.1 on
h1 10.83.0.2 on
h2 10.83.0.3 on" "$("$hosts" status)"
"$hosts" down

it "a private /tmp hides all but the shared folders"
touch "$scratch/mine"
"$hosts" up 1 --private-tmp --shared "$scratch" >/dev/null
expect_file "$scratch/mine"
expect_exit 0 "$hosts" exec h1 test -e "$scratch/mine"
other=$(mktemp /tmp/gradus-other.XXXXXX)
at_exit "rm -f '$other'"
expect_exit 1 "$hosts" exec h1 test -e "$other"
expect_equal "ranks" "rank 0 on h0 local 0 of 1
rank 1 on h1 local 0 of 1" "$(who_is_where --host h0:1,h1:1)"
"$hosts" down
expect_file "$scratch/mine"

it "light hosts run MPI too, and can lose their power"
"$hosts" up 2 --light >/dev/null
expect_equal "ranks" "rank 0 on h0 local 0 of 1
rank 1 on h1 local 0 of 2
rank 2 on h1 local 1 of 2
rank 3 on h2 local 0 of 1" "$(who_is_where --host h0:1,h1:2,h2:1)"
"$hosts" exec h2 bash -c 'echo >light-runs; exec sleep 603' &
exec_pid=$!
wait_until 30 test -e light-runs || fail "a process on h2" "none"
"$hosts" power-off h2
await_end 30 $exec_pid
expect_equal "exit code of what ran there" 137 $code
expect_exit 0 "$hosts" exec h1 true
"$hosts" down

it "says why it cannot run, skips on a laptop and fails in CI"
without_rights() { setpriv --bounding-set -all --inh-caps -all --reset-env env "$@" "$hosts" up 1; }
expect_exit 77 without_rights GRADUS_HOSTS_DIR="$scratch/third"
expect_match "reason" "the right to make namespaces" "$seen"
expect_no_file "$scratch/third"
expect_exit 1 without_rights CI=true GRADUS_HOSTS_DIR="$scratch/third"
expect_exit 1 without_rights GRADUS_TESTS_MUST_RUN=1 GRADUS_HOSTS_DIR="$scratch/third"
