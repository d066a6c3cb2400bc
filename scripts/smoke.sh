#!/usr/bin/env bash
# Runs the tiny cfgs, cfg/*/smoke/*.cfg or those that are named, each in seconds on a CPU and from
# the start, on data that they render:
#   scripts/smoke.sh [CFG …] [-- options of train_test.py]
# It says how long each took. One that fails does not stop the others, and is named at the end.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
[ -x "$python" ] || python=python3

cfgs=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    cfgs+=("$1")
    shift
done
[ $# -gt 0 ] && shift
[ ${#cfgs[@]} -gt 0 ] || cfgs=(cfg/*/smoke/*.cfg)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=()
for cfg in "${cfgs[@]}"; do
    start=$SECONDS
    if "$python" train_test.py "$cfg" --runs "$folder/runs" --dataset_root "$folder/data" "$@" \
        >"$folder/log" 2>&1; then
        printf '%4d s  %s\n' $((SECONDS - start)) "$cfg"
    else
        status=$?
        [ $status -eq 130 ] && exit 130
        cat "$folder/log" >&2
        failed+=("$cfg (exit status $status)")
    fi
done
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
