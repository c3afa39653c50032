#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that the interop tests talk to. Nothing is started as a service.
#
#   scripts/interop/install.sh            tools and servers
#   scripts/interop/install.sh --bench    also the compiler and headers for the C baselines of the benchmark
set -euo pipefail

packages=(gnutls-bin openssl postfix dovecot-core dovecot-imapd dovecot-pop3d)
for argument in "$@"; do
  case $argument in
    --bench) packages+=(gcc libc6-dev libgnutls28-dev) ;;
    *)
      echo "usage: $0 [--bench]" >&2
      exit 2
      ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || true
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "interop: nothing to install"
  exit 0
fi

if ((EUID != 0)); then
  command -v sudo >/dev/null || {
    echo "interop: run as root to install: ${missing[*]}" >&2
    exit 1
  }
  exec sudo -- "$0" "$@"
fi

# A policy of 101 keeps maintainer scripts from starting daemons. One that says so already is left alone,
# any other is set aside and put back.
policy=/usr/sbin/policy-rc.d
work=$(mktemp -d)
replaced=no
restore() {
  if [[ $replaced == yes ]]; then
    rm -f "$policy"
    if [[ -e $work/policy-rc.d ]]; then mv "$work/policy-rc.d" "$policy"; fi
  fi
  rm -rf "$work"
}
trap restore EXIT

verdict=0
if [[ -x $policy ]]; then "$policy" postfix start >/dev/null 2>&1 || verdict=$?; fi
if ((verdict != 101)); then
  if [[ -e $policy ]]; then mv "$policy" "$work/policy-rc.d"; fi
  replaced=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
if command -v debconf-set-selections >/dev/null; then
  echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
fi

run() { "$@" >"$work/log" 2>&1; }
install() { run apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null; }

if ! install; then
  # An old package list names files that the mirror no longer has.
  run apt-get update -q || true
  if ! install; then
    cat "$work/log" >&2
    echo "interop: could not install: ${missing[*]}" >&2
    exit 1
  fi
fi
echo "interop: installed ${missing[*]}"
