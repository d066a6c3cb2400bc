#!/usr/bin/env bash
# Installs, and runs the linter and the tests. Options go to pytest, as in: scripts/test.sh tests/losses
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh requirements.txt tests/requirements.txt
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/python -m pytest -n auto --dist loadfile "$@"
