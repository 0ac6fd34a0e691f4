#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Installs Bazel 7 on a Debian 12 machine that reaches no more than a Debian mirror.
#
# Debian's next release packages Bazel. This unpacks that package and those it needs under a prefix
# ($1), and points the binaries at the C library and the jars next to them, so that nothing on the
# system is replaced. It takes about half a minute. Not under /tmp: Bazel's sandbox gives actions a
# /tmp of their own.
set -euo pipefail
P=${1:-/opt/bazel}
fail() {
  echo "install_bazel: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail "run as root, or install bazelisk"
command -v apt-get >/dev/null || fail "this is not Debian; install bazelisk"
# The prefix is emptied first, so it must be new or an earlier (perhaps interrupted) run's.
[ -z "$(ls -A "$P" 2>/dev/null)" ] || [ -d "$P/apt" ] || [ -e "$P/usr/share/bazel" ] ||
  fail "$P holds something else"
command -v patchelf >/dev/null || {
  apt-get -qq update
  apt-get -qq -y install --no-install-recommends patchelf >/dev/null
}

# Resolve and download with apt, in a world of its own, in which what a Python build has no use for
# (compilers, a full JDK) counts as installed.
rm -rf "$P"
mkdir -p "$P"/apt/{lists,archives}/partial
# The mirror is the one that this machine uses already, in either format of apt's sources.
mirror=$(grep -rhoE '(https?|file)://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
  grep -v security | head -1 | tr -d ' ' || true)
[ -n "$mirror" ] || fail "found no Debian mirror in /etc/apt"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror forky main" >"$P/apt/sources.list"
for package in build-essential default-jdk-headless default-jre-headless python3 unzip zlib1g-dev; do
  printf 'Package: %s\nStatus: install ok installed\nVersion: 9:9\nArchitecture: amd64\nMaintainer: none <none@localhost>\nDescription: none\n\n' $package
done >"$P/apt/status"
apt=(apt-get -qq -y
  -o Dir::State="$P/apt" -o Dir::State::status="$P/apt/status" -o Dir::Cache="$P/apt"
  -o Dir::Etc::sourcelist="$P/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::Etc::preferencesparts=/dev/null
  -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false
  -o APT::Install-Recommends=false -o APT::Sandbox::User=root)
"${apt[@]}" update
"${apt[@]}" --download-only install bazel-bootstrap openjdk-25-jre-headless ||
  fail "Debian's next release no longer has bazel-bootstrap with openjdk-25; install bazelisk"
printf '%s\n' "$P"/apt/archives/*.deb | xargs -P"$(nproc)" -I{} dpkg-deb -x {} "$P"
rm -rf "$P/apt"

# Make it self-contained.
lib=$P/usr/lib/x86_64-linux-gnu
jre=$P/usr/lib/jvm/java-25-openjdk-amd64
share=$P/usr/share/bazel
for file in "$P/usr/bin/bazel" "$P"/usr/libexec/x86_64-linux-gnu/bazel/* "$jre/bin/java" "$jre/lib/jspawnhelper"; do
  patchelf --set-interpreter "$P/usr/lib64/ld-linux-x86-64.so.2" \
    --force-rpath --set-rpath "\$ORIGIN:\$ORIGIN/../lib:$lib" "$file"
done
find "$jre" -type l -lname '/etc/java*' | while read -r link; do
  ln -sfn "$P$(readlink "$link")" "$link"
done
cp "$jre/lib/jvm.cfg-default" "$jre/lib/jvm.cfg" --remove-destination
classpath=$share/bazel_classpath_debian_depends.txt
sed -i "s#^/usr/share/java#$P/usr/share/java#" "$classpath"
# Jars that others name by absolute path in their manifests.
find "$P/usr/share/java" -maxdepth 1 -type f -name '*.jar' >>"$classpath"

# Bazel's own modules: the ones that Debian packages, and empty ones for the rest.
{
  echo "startup --install_base=$share --trust_install_base --server_javabase=$jre"
  echo "common --noenable_workspace --registry=file://$P/registry --config=offline"
  for module in platforms=tools/platforms bazel_features=tools/features bazel_skylib=tools/skylib \
    rules_cc=rules/cc rules_java=rules/java rules_license=rules/license rules_proto=rules/proto; do
    echo "common --override_module=${module%=*}=$share/${module#*=}"
  done
  for module in apple_support buildozer protobuf zlib; do
    mkdir -p "$P/registry/$module"
    echo "module(name = \"$module\")" >"$P/registry/$module/MODULE.bazel"
    echo "filegroup(name = \"$module\", visibility = [\"//visibility:public\"])" >"$P/registry/$module/BUILD.bazel"
    echo "common --override_module=$module=$P/registry/$module"
  done
  # `bazel query` loads this repository, which has no packaged form.
  mkdir -p "$P/registry/coverage"
  touch "$P/registry/coverage/REPO.bazel"
  echo 'filegroup(name = "coverage_report_generator", visibility = ["//visibility:public"])' >"$P/registry/coverage/BUILD.bazel"
  echo "common --override_repository=bazel_tools~remote_coverage_tools_extension~remote_coverage_tools=$P/registry/coverage"
} >"$P/bazelrc.part"
echo '{}' >"$P/registry/bazel_registry.json"
"$P/usr/bin/bazel" --bazelrc="$P/bazelrc.part" --version >&2
# Last: bazelw takes this file for a whole installation.
mv "$P/bazelrc.part" "$P/bazelrc"
