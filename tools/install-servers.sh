#!/usr/bin/env bash
# Unpacks the servers that the tests start (OpenSSH, vsftpd, ProFTPD, Pure-FTPd; the proxies microsocks, tinyproxy), and gpg, from
# the distribution's packages into .cache/servers. Nothing of the system changes and nothing is started: the FTP servers' packages
# conflict with each other, and an installed one would listen on port 21. Needs no root where apt's lists are there.
# Usage: tools/install-servers.sh [--peers]     --peers: also the clients that the benchmarks compare with
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(openssh-server vsftpd proftpd-core proftpd-mod-crypto pure-ftpd microsocks tinyproxy-bin gpg gpg-agent gpgconf)
programs=(sshd vsftpd proftpd pure-ftpd microsocks tinyproxy gpg gpg-agent)
if [ "${1:-}" = --peers ]; then
  packages+=(openssh-client curl)
  programs+=(sftp curl)
fi
into=$PWD/.cache/servers

found() { command -v "$1" || [ -x "/usr/sbin/$1" ] || [ -x "$into/usr/sbin/$1" ] || [ -x "$into/usr/bin/$1" ]; }
missing=()
for program in "${programs[@]}"; do
  found "$program" >/dev/null || missing+=("$program")
done
[ -f "$into/usr/lib/proftpd/mod_sftp.so" ] || [ -f /usr/lib/proftpd/mod_sftp.so ] || missing+=(mod_sftp)
[ ${#missing[@]} -eq 0 ] && exit 0

explain() {
  echo "install-servers: $1"
  echo "  Tests of real servers, and of OpenPGP, are skipped without: ${missing[*]}. Install ${packages[*]} (names of Debian's packages)."
  exit 0
}
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || explain "this machine has no apt."

start=$(date +%s)
if ! apt-cache show vsftpd >/dev/null 2>&1; then
  [ "$(id -u)" = 0 ] || explain "apt has no package lists; run 'apt-get update' as root once."
  apt-get update -qq || explain "apt-get update failed."
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
echo "install-servers: unpacking ${missing[*]} into .cache/servers"
# what an installation would bring, one package at a time: together they conflict
needed() {
  for package in "${packages[@]}"; do
    apt-get install --simulate --no-install-recommends "$package" 2>/dev/null | awk '/^Inst /{print $2}'
  done | sort -u
}
download() { (cd "$work" && needed | xargs --no-run-if-empty apt-get download -qq 2>&1); }
if ! problem=$(download); then
  # lists that are older than the mirror
  if [ "$(id -u)" = 0 ]; then apt-get update -qq || true; fi
  problem=$(download) || explain "apt-get download failed: $(tail -1 <<<"$problem")"
fi
mkdir -p "$into"
for package in "$work"/*.deb; do
  [ -e "$package" ] && dpkg-deb --extract "$package" "$into"
done
echo "install-servers: done in $(($(date +%s) - start)) s"
