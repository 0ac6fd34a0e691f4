# ===----------------------------------------------------------------------=== #
# Copyright (c) 2026, MAX Ports authors. All rights reserved.
#
# Licensed under the Apache License v2.0 with LLVM Exceptions:
# https://llvm.org/LICENSE.txt
# ===----------------------------------------------------------------------=== #
# Makes the environment in .venv from requirements_lock.txt, if it is missing or the lock changed.
# Sourced by `ports` and `bazelw` from the root of the repository.

fail() {
  echo "ports: $*" >&2
  exit 1
}

# uv installs a lock in seconds, and brings Python 3.11 to a machine that has none.
ensure_uv() {
  command -v uv >/dev/null && return
  export PATH="$HOME/.local/bin:$PATH"
  command -v uv >/dev/null && return
  if ! python3 -m pip --version >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
      fail "needs uv: install it, or pip, and run this again"
    echo "installing pip" >&2
    apt-get -qq update && apt-get -qq -y install --no-install-recommends python3-pip >/dev/null
  fi
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

make_env() {
  local lock stamp=.venv/lock.sha256
  lock=$(sha256sum requirements_lock.txt | cut -d' ' -f1)
  [ "$(cat $stamp 2>/dev/null)" = "$lock" ] && return
  exec 9>.venv.lock
  flock 9
  # Another process may have made it while this one waited.
  [ "$(cat $stamp 2>/dev/null)" = "$lock" ] && return
  ensure_uv
  torch_source
  echo "making the environment in .venv (about a minute the first time)" >&2
  rm -f $stamp
  uv venv -q --allow-existing --python 3.11 .venv || fail "cannot make .venv: uv found no Python 3.11"
  uv pip sync -q --require-hashes --compile-bytecode --python .venv/bin/python \
    "${torch_backend[@]}" requirements_lock.txt || fail "cannot install requirements_lock.txt"
  # `max serve` imports ports in two processes; both must find this repository.
  pwd >.venv/lib/python3.11/site-packages/max_ports.pth
  # Last, so that an interrupted run is not taken for a whole environment.
  echo "$lock" >$stamp
  exec 9>&-
}
