#!/bin/sh
# What a machine's init does, as far as cloud-init is concerned: file systems, and its stages in order.
set -u
# What an image would know of the cloud around it.
if [ -e /host/environment ]; then . /host/environment; fi
mount -t tmpfs -o mode=755,nosuid,nodev,noexec run /run
mount -t tmpfs -o mode=755 dev /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 444 /dev/random c 1 8
mknod -m 444 /dev/urandom c 1 9
ln -s /proc/self/fd /dev/fd
ln -s /proc/1/fd/4 /dev/console
mount -t sysfs -o ro sysfs /sys
if [ -n "$NETWORK" ]; then ip link set lo up; fi
mkdir -p /var/lib/cloud/seed
mkdir -p /var/lib/cloud/seed/nocloud
mount --bind -o ro /host/seed /var/lib/cloud/seed/nocloud
hostname machine

may() {
  if [ -n "$MOUNTLESS" ]; then setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$@"; else "$@"; fi
}

stage() {
  name=$1
  shift
  may "$@"
  echo "$name $?" >>/host/codes
}

case $STAGES in
all) stage all python3 /host/stages.py ;;
*)
  stage local cloud-init init --local
  stage network cloud-init init
  stage config cloud-init modules --mode=config
  stage final cloud-init modules --mode=final
  ;;
esac
if [ -s /host/afterwards ]; then
  sh /host/afterwards
  echo "afterwards $?" >>/host/codes
fi
# Nothing of a machine that is off is still in memory only.
sync -f /var/lib/cloud
