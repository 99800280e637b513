#!/bin/bash
# Runs a script as root of a copy of this machine's files that nobody else sees: fresh.sh DIR PACKAGE SCRIPT
# With a network, processes and mounts of its own, so that all of it is gone at its end.
set -eu
root=$1 top=$1/top
mount -t tmpfs fresh "$root"
mkdir -p "$root/up" "$root/work" "$top"
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/up,workdir=$root/work" "$top"
mount -t proc proc "$top/proc"
mount -t tmpfs run "$top/run"
mount -t tmpfs tmp "$top/tmp"
chmod 1777 "$top/tmp"
mount --rbind /dev "$top/dev"
cp "$2" "$top/root/canary.deb"
cp "$3" "$top/root/script.sh"
ip link set lo up
exec chroot "$top" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb bash /root/script.sh
