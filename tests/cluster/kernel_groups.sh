# shellcheck shell=bash
# Groups of the kernel (cgroups) that have little memory or few processes. To be sourced by bash, after expect.sh.
#
# Knows: versions 1 and 2 of them, and how to remove what was made.
# Unaware of: what runs in a group.

# kernel_group KIND NAME LIMIT: KIND is memory (LIMIT such as 100M) or pids. 1 where none can be made.
kernel_group() {
  local folder
  folder=$(kernel_group_folder "$1" "$2")
  [[ $EUID == 0 ]] && mkdir "$folder" 2>/dev/null || return 1
  at_exit "rmdir '$folder' 2>/dev/null"
  local limit=$folder/$1.max
  [[ -e $limit || $1 != memory ]] || limit=$folder/memory.limit_in_bytes
  { echo "$3" >"$limit"; } 2>/dev/null || return 1
  if [[ -e $folder/memory.swap.max ]]; then echo 0 >"$folder/memory.swap.max"; fi
}
kernel_group_folder() {
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then echo "/sys/fs/cgroup/gradus-test.$$.$2"; else echo "/sys/fs/cgroup/$1/gradus-test.$$.$2"; fi
}

# in_kernel_group KIND NAME COMMAND...
in_kernel_group() {
  local folder
  folder=$(kernel_group_folder "$1" "$2")
  # shellcheck disable=SC2016
  bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$folder" "${@:3}"
}

# How often the kernel has refused a process there. $1: kind; $2: name.
kernel_group_refusals() { awk '$1 == "max" { print $2 }' "$(kernel_group_folder "$1" "$2")/pids.events"; }
