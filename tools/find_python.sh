#!/bin/sh
# Print the first Python that can make a virtual environment for musicrec, or say what to install.
# Arguments: the commands to try, in order. A command may exist and still fail (a version
# manager's shim, a Debian python3 without its venv package), so each one is really run.

probe='
import sys
version = ".".join(map(str, sys.version_info[:3]))
if not (3, 11) <= sys.version_info < (3, 14):
    sys.exit("is Python " + version)
try:
    import ensurepip, venv
except ImportError:
    sys.exit("is Python " + version + " without its venv module")
'
tried=""
for candidate in "$@"; do
    if ! command -v "$candidate" >/dev/null 2>&1; then
        continue
    fi
    if reason=$("$candidate" -c "$probe" 2>&1); then
        command -v "$candidate"
        exit 0
    fi
    tried="$tried
    $candidate: $(printf '%s' "$reason" | head -n 1)"
done

cat >&2 <<EOF
musicrec needs Python 3.11, 3.12 or 3.13 with its venv module. Tried: $*
${tried:-    none of them is there}
Install one:
    Debian, Ubuntu:  sudo apt-get install python3 python3-venv
    Fedora:          sudo dnf install python3.12
    macOS:           brew install python@3.12
    any system:      https://www.python.org/downloads/
or name the one to use:  make install PYTHON=/path/to/python3.12
EOF
exit 1
