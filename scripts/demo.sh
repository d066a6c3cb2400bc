#!/usr/bin/env bash
# Installs, and does the main job twice on rooms that it renders: fully annotated, and partially
# annotated as VOC + NYU are. Options are passed on, as in: scripts/demo.sh --device cpu
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh requirements.txt
for cfg in seg+depth+normal/scenes/DeepLab_efficientnet_lite0 seg+det+depth/scenes/VMM_efficientnet_lite0; do
    .venv/bin/python train_test.py "cfg/$cfg.cfg" "$@"
done
echo "The pictures of both runs are in runs/seg+*/scenes/*/amtl/seed0/pictures/."
