#!/usr/bin/env bash
# Runs a cfg with every one of some losses and seeds, and prints one table over them:
#   scripts/sweep_losses.sh CFG "amtl weighted-sum" "0 1" [options of train_test.py]
# Baselines are trained once a seed. A run that fails does not stop the others and is named at the
# end. The same command again goes on where it was.
set -uo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
cfg=$1 losses=$2 seeds=$3
shift 3
root=$(dirname "$0")/..
python=${PYTHON:-$root/.venv/bin/python}
[ -x "$python" ] || python=python3

failed=()
for seed in $seeds; do
    for loss in $losses; do
        echo "== $loss, seed $seed"
        "$python" "$root/train_test.py" "$cfg" "$@" --loss "$loss" --seed "$seed"
        status=$?
        [ $status -eq 130 ] && exit 130
        [ $status -eq 0 ] || failed+=("$loss seed $seed")
    done
done
"$python" "$root/scripts/sweep_table.py" "$cfg" "$losses" "$seeds" "$@"
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
