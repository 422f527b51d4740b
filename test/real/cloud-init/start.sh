#!/bin/sh
# Starts a machine in a mount namespace of its own: $ROOT with what it has written ($FOLDER/upper) on top, in
# namespaces of its own. Its console is a pipe, like a serial line: nobody can take back what stood there. An opener
# that finds no store gives up after seconds.
set -eu
mount -t overlay -o "lowerdir=$ROOT,upperdir=$FOLDER/upper,workdir=$FOLDER/work" overlay "$FOLDER/disk"
mount --bind "$FOLDER/host" "$FOLDER/disk/host"
# Standard output stays open in all of the machine's processes: its end is theirs.
{
  unshare --pid --uts --ipc ${NETWORK:+"$NETWORK"} --fork --kill-child --root="$FOLDER/disk" --wd=/ --mount-proc \
    env -i "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root LANG=C.UTF-8 \
    "NETWORK=$NETWORK" "STAGES=$STAGES" "MOUNTLESS=$MOUNTLESS" PROVIDER_GUARD_SECONDS=3 sh /host/boot 4>&1 5>&3 >"$FOLDER/output" 2>&1 |
    cat >"$FOLDER/console"
} 3>&1
