#!/usr/bin/env bash
# Tests the claims of Yun and Cho (ICCV 2023) on rooms that it renders, from ImageNet weights, and
# writes runs/claims/report.html; docs/results.md tells what came out:
#   scripts/claims.sh [options of --mode sweep, such as --jobs 2]
# It trains about 110 small networks, a minute each on two cores. The same command again goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
[ -x "$python" ] || python=python3

full=cfg/seg+depth+normal/claims/DeepLab_efficientnet_lite0.cfg
partial=cfg/seg+det+depth/scenes/VMM_efficientnet_lite0.cfg
small=(--dataset_root data/claims --render_train 160 --render_size 64 96 --size 64 96 --val 0.25)
seeds="0 1 2"

sweep() { # CFG LOSSES SEEDS OPTIONS…
    "$python" train_test.py "$1" --runs runs/claims --mode sweep --over loss="$2" --over seed="$3" "${@:4}"
}

echo "Fully annotated rooms: achievement against DTP, geometric against arithmetic means, and both"
echo "under gradient surgery."
sweep $full "amtl dtp amtl-a dtp-g weighted-sum rlw rlw-g dwa dwa-g" "$seeds" "$@"
sweep $full "pcgrad pcgrad-amtl cagrad cagrad-amtl" "$seeds" "$@"

echo "Partially annotated rooms: amtl against others."
sweep $partial "amtl dtp weighted-sum imtl-g" "$seeds" "${small[@]}" "$@"

echo "The share of the computation, of the paper's cfg."
"$python" train_test.py cfg/seg+det+depth/NYU/VMM_efficientnet-v2-s.cfg --mode summary

echo "Fixed weights, tuned: eight trainings of 24 epochs, and the best of them with all seeds."
"$python" train_test.py $full --runs runs/claims --mode search --loss weighted-sum --budget 192
tuned=runs/claims/seg+depth+normal/claims/DeepLab_efficientnet_lite0/search/weighted-sum.cfg
sweep $tuned weighted-sum "$seeds" "$@"

echo "Every loss, with one seed."
sweep $full "$("$python" train_test.py --list losses | awk 'NR > 1 { print $1 }' | xargs)" 0 "$@"

"$python" train_test.py --mode report runs/claims --output runs/claims/report.html
