# Shared by the scripts: where the checkout is, saying what happens, and installing what is missing.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    fail "needs root (or sudo) to install: $*"
  fi
}

# Installs the Debian packages that are not there yet. SYSTEMD_OFFLINE keeps a freshly installed Nginx from being
# started as a service: the tests start their own, on loopback.
need_packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || fail "install these first (this is no Debian or Ubuntu): ${missing[*]}"
  say "installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  # What was installed for a test must not begin to listen at the next start of the machine.
  if [ -d /run/systemd/system ]; then
    for package in "${missing[@]}"; do
      case $package in nginx | prometheus*) as_root systemctl disable --quiet --now "$package" 2>/dev/null || true ;; esac
    done
  fi
}

need_swift() {
  command -v swift >/dev/null || fail "no Swift toolchain in PATH; install Swift 6.2 or later from swift.org"
}

build_packages=(nginx python3 libcurl4-openssl-dev libsqlite3-dev libssl-dev zlib1g-dev pkg-config)
test_packages=(tmux python3-yaml python3-jsonschema python3-grpcio chromium prometheus prometheus-alertmanager prometheus-node-exporter openssl curl libnginx-mod-stream libnginx-mod-http-lua dpkg-dev systemd man-db zsh fish strace procps)
# Debian keeps Nginx in /usr/sbin, which is not in everybody's PATH.
export PATH="$PATH:/usr/sbin:/sbin"
