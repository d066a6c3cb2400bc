#!/usr/bin/env bash
# Runs a cfg with every one of some losses and seeds, and prints one table over them:
#   scripts/sweep_losses.sh CFG "amtl weighted-sum" "0 1" [options of train_test.py]
# It is `--mode sweep` with fewer words: baselines are trained once a seed, a run that fails does not
# stop the others and is named at the end, the same command again goes on where it was.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
cfg=$1 losses=$2 seeds=$3
shift 3
root=$(dirname "$0")/..
python=${PYTHON:-$root/.venv/bin/python}
[ -x "$python" ] || python=python3
exec "$python" "$root/train_test.py" "$cfg" "$@" --mode sweep --over loss="$losses" --over seed="$seeds"
