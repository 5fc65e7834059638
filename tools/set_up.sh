#!/usr/bin/env bash
# Makes the virtual environment, or brings it up to date with one requirements file.
#
#     tools/set_up.sh ENVIRONMENT requirements.txt
#     tools/set_up.sh ENVIRONMENT requirements-test.txt       after the first
#
# What is installed is noted in ENVIRONMENT/.igc_tf/: a copy of each requirements file, put there only
# once all of it is in. An environment whose set-up was cut short has no such copy and is made anew.
#
# Variables: PYTHON, the interpreter to use (default: the first fitting one found); MIN_FREE_GB, the
# disk space asked for (default 4).
set -euo pipefail

environment=$1
requirements=$2
notes=$environment/.igc_tf
base=$notes/requirements.txt
pip_unpacks_gb=1 # in TMPDIR, while it installs

fail() {
  echo "ERROR: $*" >&2
  exit 1
}

# The interpreters that may be here, one a line, best first; some may not run (pyenv's shims).
candidates() {
  local name
  for name in python3.11 python3.10 python3 python; do
    type -ap "$name" || true
  done
  ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[01].*/bin/python 2>/dev/null || true
  for name in 3.11 3.10; do
    uv python find "$name" </dev/null 2>/dev/null || true
  done
}

# Prints "fits", or in a few words why the interpreter $1 does not.
verdict() {
  "$1" -I -c '
import struct, sys
if sys.version_info[:2] not in ((3, 10), (3, 11)) or struct.calcsize("P") != 8:
    print("is Python %d.%d, %d bit" % (*sys.version_info[:2], 8 * struct.calcsize("P")))
else:
    try:
        import ensurepip, venv
        print("fits")
    except ImportError:
        print("cannot make environments; install python%d.%d-venv" % sys.version_info[:2])
' </dev/null 2>/dev/null || echo "does not run"
}

# Sets `python` to one that uv fetches into its own folder; fails if there is no uv or it cannot.
fetch_python() {
  local uv candidate temporary="" status=0
  uv=$(type -p uv) || {
    temporary=$(mktemp -d)
    uv=$temporary/bin/uv
    while read -r candidate && [[ ! -x $uv ]]; do
      "$candidate" -m pip install --quiet --disable-pip-version-check --no-input --retries 1 \
        --target "$temporary" uv </dev/null >/dev/null 2>&1 || true
    done < <(candidates | awk '!seen[$0]++')
  }
  [[ -x $uv ]] && echo "No Python 3.10 or 3.11 is here: uv fetches 3.11" &&
    UV_PYTHON_INSTALL_BIN=0 "$uv" python install 3.11 </dev/null &&
    python=$("$uv" python find 3.11 </dev/null) && [[ $(verdict "$python") == fits ]] || status=1
  [[ -z $temporary ]] || rm -rf "$temporary"
  return $status
}

# Sets `python` to an interpreter that fits; where there is none, has one fetched.
find_python() {
  local candidate answer reasons=""
  if [[ -n ${PYTHON:-} ]]; then
    python=$PYTHON
    answer=$(verdict "$python")
    [[ $answer == fits ]] || fail "PYTHON=$python $answer; Python 3.10 or 3.11 is needed."
    return
  fi
  while read -r candidate; do
    answer=$(verdict "$candidate")
    if [[ $answer == fits ]]; then
      python=$candidate
      return
    fi
    [[ $answer == "does not run" ]] || reasons+=" ($candidate $answer)"
  done < <(candidates | awk '!seen[$0]++')
  fetch_python || fail "no fitting Python 3.10 or 3.11 found$reasons, nor could uv fetch one." \
    "Install one: apt-get install python3.11 python3.11-venv, or pyenv install 3.11, or" \
    "uv python install 3.11; or name it with PYTHON=..."
}

# check_space FOLDER GB WHAT: fails unless FOLDER's disk has that much free.
check_space() {
  local free_kb
  free_kb=$(df -Pk "$1" | awk 'NR == 2 {print $4}')
  if ((free_kb < $2 * 1024 * 1024)); then
    fail "$3 needs about $2 GB free in $1, which has $((free_kb / 1024 / 1024)) GB." \
      "Free some, or work on another disk${4:-}."
  fi
}

# pip, quietly; its errors are shown.
pip_install() {
  # No build isolation: what builds from source does so with the pinned setuptools.
  PIP_USER=0 "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-input --no-build-isolation "$@" </dev/null ||
    fail "pip could not install $requirements (its own message is above). The network is needed;" \
      "run the same command again to repeat."
}

make_environment() {
  find_python
  check_space . "${MIN_FREE_GB:-4}" "Set-up (packages and data)"
  check_space "${TMPDIR:-/tmp}" "$pip_unpacks_gb" "pip" ", or set TMPDIR to a folder there"
  echo "Making $environment with $("$python" --version) ($python)"
  mkdir -p "$notes" # First of all: it marks the folder as ours.
  "$python" -m venv "$environment" || fail "$python cannot make an environment in $environment."
}

# One set-up at a time, even if two `make`s run: the others wait here.
if command -v flock >/dev/null; then
  exec 9<"$0"
  flock 9
fi

if [[ -e $environment && ! -d $notes ]]; then
  fail "$environment exists, but was not made by this Makefile. Move it away, or name another" \
    "place: make VENV=OTHER_FOLDER ..."
fi
rm -rf "$environment.old"
if [[ -d $environment ]] && ! { [[ -f $base ]] && "$environment/bin/python" -m pip --version \
  </dev/null >/dev/null 2>&1; }; then
  echo "$environment is unfinished or broken; making it anew"
  mv "$environment" "$environment.old" # A rename cannot be cut short, a removal can.
  rm -rf "$environment.old"
fi

if [[ $requirements != requirements.txt && ! -f $base ]]; then
  fail "$environment has no finished set-up of requirements.txt; that comes first."
fi
if cmp -s "$requirements" "$notes/$requirements"; then
  touch "$notes/$requirements" # Only the file's time had changed, not what it asks for.
  exit 0
fi

[[ -d $environment ]] || make_environment
# While pip works the environment counts as unfinished.
if [[ $requirements == requirements.txt ]]; then
  echo "Installing $requirements into $environment (2 GB, takes some minutes)"
  rm -f "$base"
  mapfile -t build_tools < <(grep -E '^(setuptools|wheel)==' requirements.txt)
  pip_install "${build_tools[@]}"
  pip_install --requirement requirements.txt
else
  echo "Installing $requirements into $environment"
  mv "$base" "$base.waiting"
  pip_install --requirement "$requirements"
  mv "$base.waiting" "$base"
fi
"$environment/bin/python" -m pip check --disable-pip-version-check >/dev/null ||
  fail "the packages in $environment do not fit each other; remove it and run the command again."
cp "$requirements" "$notes/$requirements.part"
mv "$notes/$requirements.part" "$notes/$requirements"
