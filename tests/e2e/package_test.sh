#!/bin/bash
# The Debian package and the module files: built, looked into, installed into a folder, and used from there.
#   package_test.sh BUILD CPACK
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
build=$(readlink -f "$1")
cpack=$2
command -v dpkg-deb >/dev/null && command -v dpkg-shlibdeps >/dev/null || cannot_run_here "no dpkg-deb, or no dpkg-shlibdeps (dpkg-dev)"
make_scratch
cd "$scratch"
umask 077  # what the builder's umask is must not show

it "cpack makes one package, of what users need"
expect_exit 0 "$cpack" -G DEB --config "$build/CPackConfig.cmake" -B "$scratch/made"
package=$(echo made/*.deb)
expect_match "file" '^made/gradus_[0-9.]+-1_[a-z0-9]+\.deb$' "$package"
dpkg-deb -c "$package" >content
for file in bin/gradus bin/gradus-mpirun share/man/man1/gradus-run.1 share/man/man1/gradus-mpirun.1 share/man/man5/gradus-steps.5 \
  share/bash-completion/completions/gradus share/gradus/slurm/requeue.sh share/doc/gradus/copyright \
  share/gradus/modulefiles/gradus/ share/doc/gradus/changelog; do
  grep -q " ./usr/$file" content || fail "usr/$file in the package" "$(<content)"
done
expect_no_match "content: nothing for developers" '\.a$|/include/|/cmake/' "$(<content)"
expect_no_match "content: owned by root, readable by all" $'(^|\n)(.......---|..........  ?[^r])' "$(<content)"
depends=$(dpkg-deb -f "$package" Depends)
for library in libc6 libfmt libsimdjson; do expect_match "dependencies" "$library" "$depends"; done

it "unpacked into a folder, it runs, alone and with its manual, completion and templates"
dpkg-deb -x "$package" root
expect_exit 0 root/usr/bin/gradus --version
expect_match "version" "^gradus $(dpkg-deb -f "$package" Version | sed 's/-1$//')" "$seen"
printf 'touch ran\n' >steps.txt
expect_exit 0 root/usr/bin/gradus run steps.txt
expect_file ran
[ ! -x /usr/bin/man ] || expect_match "manual" "GRADUS-RUN" "$(MANPATH=$PWD/root/usr/share/man man gradus-run 2>&1 | head -n 1)"

if command -v lintian >/dev/null; then
  it "lintian finds no error"
  # Whose address the maintainer is, the builder says (CPACK_PACKAGE_CONTACT).
  code=0
  seen=$(lintian --no-cfg --fail-on error --allow-root \
    --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog \
    "$package" 2>&1) || code=$?
  [[ $code == 0 ]] || fail "no error of lintian" "$seen"
  echo "$seen" | sed 's/^/  /'
fi

modules=$PWD/root/usr/share/gradus/modulefiles
if [ -r /etc/profile.d/modules.sh ]; then
  it "the Tcl module file leads to the program"
  expect_equal "program" "$PWD/root/usr/bin/gradus" "$(bash -c ". /etc/profile.d/modules.sh; module use '$modules'; module load gradus; command -v gradus" 2>&1 | tail -n 1)"
fi
if [ -r /usr/share/lmod/lmod/init/bash ]; then
  it "the Lua module file leads to the program"
  expect_equal "program" "$PWD/root/usr/bin/gradus" "$(bash -c ". /usr/share/lmod/lmod/init/bash; module use '$modules'; module load gradus; command -v gradus" 2>&1 | tail -n 1)"
fi
