# Runs cloud-init as the units of Debian 13 do: one process, each stage released by its own unit over a socket.
import os
import socket
import subprocess
import sys
import time

share = "/run/cloud-init/share"
environment = dict(os.environ, NOTIFY_SOCKET="")
main = subprocess.Popen(["cloud-init", "--all-stages"], env=environment)
failed = 0
for stage in "local", "network", "config", "final":
    path = "%s/%s.sock" % (share, stage)
    while not os.path.exists(path):
        if main.poll() is not None:
            sys.exit("cloud-init ended before its stage " + stage)
        time.sleep(0.02)
    answers = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    answers.bind("%s/%s-return.sock" % (share, stage))
    answers.sendto(b"start", path)
    answer = answers.recv(65536).decode()
    print(stage, answer)
    failed |= "exit 1" in answer
sys.exit(main.wait() or failed)
