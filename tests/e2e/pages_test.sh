#!/bin/bash
# Manual pages and bash completion as they are installed.
#   pages_test.sh GRADUS SHARE
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../cluster/expect.sh"
gradus=$(readlink -f "$1")
share=$(readlink -f "$2")
export LC_ALL=C.UTF-8
make_scratch
cd "$scratch"
subcommands=$("$gradus" --help | sed -n 's/^  gradus \([a-z]*\) .*/\1/p')

it "each subcommand of the overview has a page that names all of its options, and none beside"
mkdir pages
for page in "$share"/man/man?/*; do
  name=$(basename "$page" .gz)
  case $page in *.gz) gzip -dc "$page" >"pages/$name" ;; *) cp "$page" "pages/$name" ;; esac
done
options() { grep -o '^ *--[a-z][a-z-]*' | tr -d ' ' | sort -u; }
for subcommand in $subcommands; do
  expect_file "pages/gradus-$subcommand.1"
  sed -n 's/\\-/-/g; s/^\\fB\(--[a-z][a-z-]*\).*/\1/p' "pages/gradus-$subcommand.1" | sort -u >in_page
  "$gradus" "$subcommand" --help | options >in_help
  expect_equal "options of gradus $subcommand" "$(<in_help)" "$(<in_page)"
done
for page in gradus.1 gradus-mpirun.1 gradus-{steps,journal,json}.5 gradus-{gpu-list,gpu-use,running,tutorial}.7; do
  expect_file "pages/$page"
done
expect_match "what src/docs has about a subcommand" "IN DETAIL" "$(<pages/gradus-status.1)"

it "no page shows the marks of the text that it was made from"
for page in pages/*.[57]; do
  sed '/^\.nf/,/^\.fi/d' "$page" >prose
  expect_no_match "$page" '(\\\(ga|\*\*|\]\()' "$(<prose)"
done

it "every page passes the checkers"
any=no
if command -v mandoc >/dev/null; then
  any=yes
  for page in pages/*; do expect_equal "warnings of mandoc about $page" "" "$(mandoc -Tlint -Wwarning "$page" 2>&1 || true)"; done
fi
if command -v groff >/dev/null; then
  any=yes
  for page in pages/*; do expect_equal "warnings of groff about $page" "" "$(groff -man -Tutf8 -ww -z "$page" 2>&1)"; done
fi
[ $any = yes ] || echo "  (neither mandoc nor groff is here)"

# --- completion: bash is asked as it would ask itself -------------------------------------------------
. "$share/bash-completion/completions/gradus"
# The words before the cursor; the last is the one to complete. Leaves the answers, sorted, in $seen.
complete_words() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
  COMPREPLY=()
  _gradus gradus "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  seen=$(printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd ' ')
}

it "completes subcommands, options, and values from a closed set"
[[ $(complete -p gradus) == *"_gradus gradus" ]] || fail "a completion for gradus" "$(complete -p gradus)"
complete_words gradus ""
expect_equal "subcommands" "$(printf '%s\n' $subcommands --help --version | sort | paste -sd ' ')" "$seen"
complete_words gradus simu
expect_equal "subcommand" simulate "$seen"
complete_words gradus run x.txt --notify
expect_equal "options" "--notify --notify-limit" "$seen"
complete_words gradus run --gpu-sharing ""
expect_equal "values" "exclusive shared" "$seen"
complete_words gradus run --output = pa
expect_equal "values behind an equals sign" packed "$seen"
complete_words gradus run --output =
expect_equal "all values behind an equals sign" "failed none packed steps" "$seen"
complete_words gradus run --threads ""
expect_equal "what cannot be known" "" "$seen"
complete_words gradus template s
expect_equal "what templates are for" "scipion slurm" "$seen"

it "completes steps files, run directories, and the steps of a run"
mkdir -p work/folder
cd work
printf '{"id":"align-1","command":"true"}\n{"id":"align two","command":"true"}\n{"command":"true"}\n' >chain.jsonl
echo true >'a chain.txt'
echo no >image.mrc
expect_exit 0 "$gradus" run chain.jsonl
complete_words gradus run ""
expect_equal "steps files and folders" "a chain.txt chain.jsonl chain.run folder" "$seen"
complete_words gradus run --threads 2 ch
expect_equal "a steps file behind an option" "chain.jsonl chain.run" "$seen"
complete_words gradus logs ""
expect_equal "runs, and steps files that have one" "chain.jsonl chain.run" "$seen"
for run in chain.run chain.jsonl; do
  complete_words gradus logs $run ""
  expect_equal "steps of $run" "3 align-1 align\\ two" "$seen"
done
complete_words gradus logs chain.run align-
expect_equal "steps" "align-1" "$seen"
cp -r chain.run kept.run  # as of a run that has started nothing yet
head -n 1 chain.run/journal.jsonl >kept.run/journal.jsonl
complete_words gradus explain kept.run ""
expect_equal "steps that were never started" "3 align-1 align\\ two" "$seen"
rm kept.run/steps.jsonl
printf '#GRADUS --threads 2\ntrue\n\n#GRADUS --cost 3 --id "named" --retries 1\ntrue \\\n  one more\n# no step\n#GRADUS barrier\n  true\n' >kept.run/steps.txt
complete_words gradus status kept.run --step ""
expect_equal "steps of plain text" "1 3 named" "$seen"
rm kept.run/steps.txt
printf '[{"id": "one", "command": "true"},\n {"command": "true", "id" : "two"}]\n' >kept.run/steps.json
complete_words gradus logs kept.run ""
expect_equal "steps of an array" "one two" "$seen"
rm -r kept.run
complete_words gradus run --run-dir ""
expect_equal "folders" "chain.run folder" "$seen"
complete_words gradus logs image.mrc ""
expect_equal "steps of what is no run" "" "$seen"
