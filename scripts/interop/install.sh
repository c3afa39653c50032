#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that the interop tests talk to. Nothing is started as a service.
#
#   scripts/interop/install.sh            tools and servers
#   scripts/interop/install.sh --bench    also the compiler and headers for the C baselines of the benchmark
set -euo pipefail

packages=(
  gnutls-bin openssl curl swaks libnet-ssleay-perl msmtp
  postfix dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved
  slapd ldap-utils
  postgresql postgresql-client
  # The programs alone: mariadb-server would make a database of its own.
  mariadb-server-core mariadb-client-core
  prosody vsftpd inn2 inspircd
  cups-daemon cups-ipp-utils
  ckermit
)
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
  debconf-set-selections <<'ANSWERS'
postfix postfix/main_mailer_type select No configuration
slapd slapd/no_configuration boolean true
ckermit ckermit/iksd boolean false
ANSWERS
fi

# Without this the first PostgreSQL of a machine comes with a cluster on port 5432.
cluster=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *' postgresql '* && ! -e $cluster ]]; then
  mkdir -p "${cluster%/*}"
  echo 'create_main_cluster = false' >"$cluster"
fi

# INN insists on a domain and Postfix's newaliases on a configuration while they are set up; a bare container has neither.
cat >"$work/inn.conf" <<'SETTINGS'
mta: "/usr/sbin/sendmail -oi -oem %s"
domain: localdomain
pathhost: localhost.localdomain
pathnews: /usr/lib/news
pathdb: /var/lib/news
pathetc: /etc/news
pathspool: /var/spool/news
pathrun: /run/news
hismethod: hisv6
ovmethod: tradindexed
SETTINGS
export INNCONF="$work/inn.conf"
if [[ ! -e /etc/postfix/main.cf ]]; then
  echo 'alias_database =' >"$work/main.cf"
  export MAIL_CONFIG="$work"
fi
chmod 755 "$work"

run() { "$@" >"$work/log" 2>&1; }
install() {
  run apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" </dev/null
}

if ! install; then
  # An old package list names files that the mirror no longer has.
  run apt-get update -q || true
  if ! install; then
    cat "$work/log" >&2
    echo "interop: could not install: ${missing[*]}" >&2
    exit 1
  fi
fi

# Nor shall anything that came just now start with the machine.
if command -v systemctl >/dev/null; then
  mapfile -t units < <(dpkg-query -L "${missing[@]}" | sed -nE 's|.*/systemd/system/([^/@]+\.(service\|socket\|path))$|\1|p')
  if ((${#units[@]} > 0)); then run systemctl --quiet disable "${units[@]}" || true; fi
fi
echo "interop: installed ${missing[*]}"
