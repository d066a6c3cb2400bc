#!/usr/bin/env bash
# Makes the virtual environment .venv, unless it is there, and installs the requirements files that
# are named, unless they are installed as they are now. Debian or Ubuntu with Python 3.11 or newer.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "error: $python is not Python 3.11 or newer; name another by PYTHON=/path/to/python" >&2
    exit 2
fi
if [ ! -x .venv/bin/pip ]; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        echo "error: $python cannot make virtual environments: apt-get install python3-venv" >&2
        exit 2
    fi
    "$python" -m venv .venv
fi
done=.venv/installed-$(cat "$@" | sha256sum | cut -c1-16)
if [ ! -e "$done" ]; then
    echo "installing $* into .venv (PyTorch with its CUDA libraries takes about 5 GB)"
    options=()
    for file in "$@"; do options+=(-r "$file"); done
    .venv/bin/pip install --quiet --disable-pip-version-check "${options[@]}"
    touch "$done"
fi
if ! .venv/bin/python -c 'import cv2' 2>/dev/null; then
    echo "error: OpenCV misses system libraries: apt-get install libgl1 libglib2.0-0" >&2
    exit 2
fi
