#!/bin/sh
# What `make` needs before it sets anything up; one sentence says what to install.
python=$1
fail() {
    echo "cuewalk: $1" >&2
    exit 1
}
command -v "$python" >/dev/null 2>&1 ||
    fail "$python not found; install Python 3.11 (Debian: apt install python3.11-venv) or name another: make PYTHON=python3.12."
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' ||
    fail "$python is $("$python" -V 2>&1); Python 3.11 or 3.12 is needed, name it with make PYTHON=..."
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python cannot make environments; install its venv module (Debian: apt install python3-venv)."
"$python" -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
    fail "the headers of $python are missing, and the dense CRF is compiled; install them (Debian: apt install python3-dev)."
command -v c++ >/dev/null 2>&1 || command -v g++ >/dev/null 2>&1 ||
    fail "no C++ compiler found, and the dense CRF is compiled; install one (Debian: apt install g++, macOS: xcode-select --install)."
free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1048576)}')
[ "$free" -ge 10 ] ||
    fail "only $free GB free here; the environment takes 6 GB and 10 are needed while it is made; free some space."
