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
# Installs Debian packages where it may, else says which are missing.
install_packages() {
    local sudo=""
    [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
    echo "installing the system packages $*"
    if ! { $sudo apt-get update -qq && $sudo apt-get install -y -qq "$@"; } >/dev/null 2>&1; then
        echo "error: cannot install system packages here; do it by hand: apt-get install $*" >&2
        exit 2
    fi
}

if [ ! -x .venv/bin/pip ]; then
    "$python" -c 'import ensurepip' 2>/dev/null || install_packages python3-venv
    "$python" -m venv .venv
fi
stamp=.venv/installed-$(cat "$@" | sha256sum | cut -c1-16)
if [ ! -e "$stamp" ]; then
    echo "installing $* into .venv (PyTorch with its CUDA libraries takes about 5 GB)"
    options=()
    for file in "$@"; do options+=(-r "$file"); done
    .venv/bin/pip install --quiet --disable-pip-version-check "${options[@]}"
    touch "$stamp"
fi
# OpenCV's windows, which nothing here opens, want these to be there.
.venv/bin/python -c 'import cv2' 2>/dev/null || install_packages libgl1 libglib2.0-0
