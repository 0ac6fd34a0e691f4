# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Makes the environment in .venv from requirements_lock.txt, if it is missing or the lock changed.
# Sourced by `ports` and `bazelw` from the root of the repository.

fail() {
  echo "ports: $*" >&2
  exit 1
}

# Installs Debian packages, or says that they are missing.
ensure_packages() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "please install $*, and run this again"
  echo "installing $*" >&2
  apt-get -qq update && apt-get -qq -y install --no-install-recommends "$@" >/dev/null ||
    fail "apt-get cannot install $*"
}

# MAX links Mojo modules when it is imported; Bazel 7 wants a C++ toolchain to exist.
ensure_linker() {
  command -v gcc >/dev/null && [ -e "$(gcc -print-file-name=crti.o)" ] || ensure_packages gcc libc6-dev
}

# uv installs a lock in seconds, and brings Python 3.11 to a machine that has none.
ensure_uv() {
  command -v uv >/dev/null && return
  export PATH="${HOME:-}/.local/bin:$PATH"
  command -v uv >/dev/null && return
  python3 -m pip --version >/dev/null 2>&1 || ensure_packages python3-pip
  echo "installing uv" >&2
  PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install -q --root-user-action=ignore uv ||
    fail "cannot install uv with pip"
}

# Where uv finds the CPU build of torch: a folder of wheels if the machine has one, else the index
# that uv knows for it.
torch_source() {
  export UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}
  if [ -n "$UV_FIND_LINKS" ] && ls "${UV_FIND_LINKS#file://}"/torch-*+cpu-*.whl >/dev/null 2>&1; then
    torch_backend=()
  else
    torch_backend=(--torch-backend cpu)
  fi
  [ -n "$UV_FIND_LINKS" ] || unset UV_FIND_LINKS
}

# Writes a lock of a pyproject.toml. What the file holds already stays, where it can.
write_lock() {
  ensure_uv
  torch_source
  uv pip compile -q --python-version 3.11 --generate-hashes --no-annotate --no-header \
    --no-emit-index-url "${torch_backend[@]}" "$1" -o "$2"
}

# Makes an environment of a lock in a folder, from nothing: uv takes a package that was interrupted
# half way for an installed one.
install_lock() {
  ensure_linker
  ensure_uv
  torch_source
  uv venv -q --clear --python 3.11 "$2" || fail "cannot make $2: uv found no Python 3.11"
  uv pip sync -q --require-hashes --compile-bytecode --python "$2/bin/python" \
    "${torch_backend[@]}" "$1" || fail "cannot install $1"
}

# The environment holds paths of this checkout, so that a copy or a moved one makes its own.
env_stamp() {
  echo "$(sha256sum requirements_lock.txt | cut -d' ' -f1) $PWD"
}

env_is_made() {
  [ "$(cat .venv/made_from 2>/dev/null)" = "$(env_stamp)" ] && [ -x .venv/bin/python ]
}

make_env() {
  env_is_made && return
  # One at a time. The lock is on the folder, and ends with the subshell: a Bazel server started
  # later must not inherit it.
  (
    flock 9
    # Another process may have made it while this one waited.
    env_is_made && exit
    echo "making the environment in .venv (about a minute the first time)" >&2
    rm -f .venv/made_from
    install_lock requirements_lock.txt .venv
    # `max serve` imports ports in two processes; both must find this repository.
    pwd >.venv/lib/python3.11/site-packages/max_ports.pth
    # Last, so that an interrupted run is not taken for a whole environment.
    env_stamp >.venv/made_from
  ) 9<.
}

# Prints the environment's Python: of .venv, or of PORTS_ENV, which another checkout has made from
# the same lock.
env_python() {
  if [ -n "${PORTS_ENV:-}" ]; then
    [ "$(cut -d' ' -f1 "$PORTS_ENV/made_from" 2>/dev/null)" = "$(env_stamp | cut -d' ' -f1)" ] ||
      fail "PORTS_ENV=$PORTS_ENV is no environment made from this requirements_lock.txt"
    echo "$PORTS_ENV/bin/python"
  else
    make_env >&2
    echo "$PWD/.venv/bin/python"
  fi
}
