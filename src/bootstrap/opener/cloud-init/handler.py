# What cloud-init's part handler executes (stub.py, with cloud-init 21.4 and later): it has the opener decrypt the real
# user data, and feeds it to cloud-init's own handlers within the same boot, as if it had come in place of this.
#
# A file of the instance's folder says how far it has come, so that a reboot at any moment loses nothing:
#
#   (none)   Nothing was fed yet: the data is opened, in whichever boot that works.
#   fed N    The data was handed to cloud-init N times, and its scripts have not all succeeded. A reboot before they
#            have repeats all that it does once for an instance: what was interrupted must not be lost. After the
#            third time it gives up, since data that reboots by itself would do so for ever.
#   ran      All its scripts have succeeded: they are never run again. A reboot before the opener is done repeats
#            only that.
#   done     Gone from the store and from here. Nothing is left to do at any boot.
#
# The text itself is also what cloud-init runs as the first and the last of the data's scripts.
#
# stub.py hands over: data, cloud-init's; program, the opener; source, this text.
import base64
import os
import re
import shlex
import subprocess
import sys
import zlib
from importlib import invalidate_caches

# The opener's tmpfs and state: docs/design/bootstrap-data.md.
RUN = "/run/provider-guard-bootstrap"
STATUS = "/var/lib/provider-guard/bootstrap/status"
# The opener, for the last script.
HERE = "/run/provider-guard-opener"
MARKER = "provider-guard"
# cloud-init allows neither character in a name: so one sorts before all scripts, the other behind.
FIRST, LAST = "!provider-guard", "~provider-guard"
BOUND = ("handlers", "boothooks", "scripts", "cloud-config.txt")
ATTEMPTS = 3


def at_end(data):
    # At the end, because the handler of cloud-config has then written what it had of the outer data: it would
    # overwrite ours.
    instance = os.path.realpath(data.paths.get_ipath_cur())
    try:
        at_boot(data, instance)
    except Exception as error:
        report("failed", "handler-" + type(error).__name__)
        close(instance)


def at_boot(data, instance):
    how_far = read(instance + "/" + MARKER).decode()
    if how_far == "done":
        return
    write(HERE + "/opener", program)
    fed = int(how_far[4:]) if how_far[:4] == "fed " else 0
    if fed >= ATTEMPTS:
        report("refused", "attempts")
        return
    # Where binding is forbidden the data would get onto the disk.
    if subprocess.call(["mount", "--bind", HERE, HERE], stderr=subprocess.DEVNULL):
        report("failed", "no-mount")
        return
    subprocess.call(["umount", HERE])
    code, path = opener("open")
    if code not in (0, 10, 11):
        report("failed", "opener-%d" % code)
    if code:
        return
    if not path:
        # Opened before; what was left in the store is gone by now, or will be tried again.
        if b" clean" in read(STATUS):
            write(instance + "/" + MARKER, b"done")
        return
    from cloudinit.user_data import UserDataProcessor

    plain = [blob for blob in (read(instance + "/cloud-config.txt"), read(path)) if blob.strip()]
    message = UserDataProcessor(data.paths).process(plain)
    pieces = secrets(message)
    write(RUN + "/pieces", b"\n".join(pieces))
    if how_far == "ran":
        finish(instance, pieces)
        return
    write(instance + "/" + MARKER, b"fed %d" % (fed + 1))
    feed(data, instance, message)


def feed(data, instance, message):
    from cloudinit import stages

    text = b"#!" + sys.executable.encode() + b"\n" + source
    for name in BOUND:
        there, here = instance + "/" + name, RUN + "/" + name
        if name != "cloud-config.txt":
            os.makedirs(there, 0o755, exist_ok=True)
        subprocess.check_call(["cp", "-a", there, here])
        subprocess.check_call(["mount", "--bind", here, there])
    for name in FIRST, LAST:
        write(instance + "/scripts/" + name, text, 0o700)
    # Modules that an earlier boot ran without the data have to run again.
    for name in os.listdir(instance + "/sem"):
        if name.startswith("config_"):
            os.remove(instance + "/sem/" + name)
    # A part handler within the data gets this one's name.
    sys.modules.pop(__name__, None)
    invalidate_caches()
    init = stages.Init()
    init.datasource = data.datasource
    init._do_handlers(message, init._default_handlers(), "once-per-instance")


def first(instance):
    # Puts a wrapper in the place of each script, which notes when one fails: cloud-init runs them all in any case.
    scripts = instance + "/scripts"
    os.mkdir(scripts + "/.real")
    for name in os.listdir(scripts):
        path = scripts + "/" + name
        if name in (FIRST, LAST) or not (os.path.isfile(path) and os.access(path, os.X_OK)):
            continue
        if read(path)[:2] != b"#!":
            write(RUN + "/failed", b"1")
            continue
        real = scripts + "/.real/" + name
        os.rename(path, real)
        lines = "#!/bin/sh\n%s && exit\nc=$?\necho 1 >%s/failed\nexit $c\n" % (shlex.quote(real), RUN)
        write(path, lines.encode(), 0o700)


def last(instance):
    pieces = [piece for piece in read(RUN + "/pieces").split(b"\n") if piece]
    failed = os.path.exists(RUN + "/failed")
    unbind(instance)
    if failed:
        # As with data that was never sealed, what failed stays failed in this boot. Nothing is deleted remotely.
        report("failed", "scripts")
        close(instance)
    else:
        write(instance + "/" + MARKER, b"ran")
        finish(instance, pieces)


def finish(instance, pieces):
    code, _ = opener("done")
    found = [path for path in cloud_init_files() if holds(path, pieces)]
    if found:
        line = read(STATUS).strip() + b",traces"
        write(STATUS, line + b"\n")
        tell("traces of bootstrap data in " + " ".join(found[:8]))
    if code == 0:
        write(instance + "/" + MARKER, b"done")


def secrets(message):
    # What may be secret in the data: whatever looks like a key or a token, but for what the metadata say openly. Of
    # each key in PEM the first lines stand for all.
    public = read("/run/cloud-init/instance-data.json")
    pieces = set()
    for part in message.walk():
        text = part.get_payload(decode=True) or b""
        text = re.sub(rb"(-----BEGIN [^-]+-----\s+\S+\s+\S+)[^-]*", rb"\1 ", text)
        for piece in re.findall(rb"[A-Za-z0-9+]{16,}", text):
            if re.search(rb"\d", piece) and re.search(rb"[A-Za-z]", piece) and piece not in public:
                pieces.add(piece)
    pieces = sorted(pieces)
    return pieces[:: len(pieces) // 256 + 1]


def cloud_init_files():
    yield "/var/log/cloud-init.log"
    yield "/var/log/cloud-init-output.log"
    for top in "/var/lib/cloud", "/run/cloud-init":
        for folder, _, names in os.walk(top):
            for name in names:
                yield folder + "/" + name


def holds(path, pieces):
    # Bounded: 8 MB of each file, and of what is compressed in it.
    if not pieces or os.path.islink(path) or not os.path.isfile(path):
        return False
    forms = []
    for piece in pieces:
        forms.append(piece)
        for shift in range(3):
            # The characters that do not depend on what stands before and behind.
            text = base64.b64encode(b"\0" * shift + piece)
            forms.append(text[4 if shift else 0 : len(text) - 4])
    with open(path, "rb") as file:
        blobs = [file.read(8 << 20)]
    for depth in range(3):
        if any(form in blob for blob in blobs for form in forms):
            return True
        blobs = [inner for blob in blobs for inner in unpacked(blob)]
    return False


def unpacked(blob):
    packed = [blob[found.start() :] for found in list(re.finditer(rb"\x1f\x8b\x08", blob))[:16]]
    for found in list(re.finditer(rb"H4sI[A-Za-z0-9+/=\s]+", blob))[:16]:
        text = b"".join(found.group().rstrip(b"=\n").split())
        packed.append(base64.b64decode(text[: len(text) // 4 * 4]))
    for one in packed:
        try:
            yield zlib.decompressobj(31).decompress(one, 8 << 20)
        except zlib.error:
            pass


def unbind(instance):
    for name in BOUND:
        here, there = RUN + "/" + name, instance + "/" + name
        empty(here)
        if os.path.exists(here) and os.path.samefile(here, there):
            subprocess.call(["umount", "-l", there])
    # cloud-init 24 and later keep the merged configuration.
    empty("/run/cloud-init/combined-cloud-config.json")


def empty(path):
    for folder, _, names in os.walk(path):
        for name in names:
            empty(folder + "/" + name)
    if os.path.isfile(path) and not os.path.islink(path):
        open(path, "wb").close()
        # One that is bound cannot be removed.
        if not os.path.ismount(path):
            os.remove(path)


def close(instance):
    unbind(instance)
    empty(RUN)
    if os.path.ismount(RUN):
        subprocess.call(["umount", "-l", RUN])


def opener(command):
    ran = subprocess.Popen(
        ["sh", HERE + "/opener", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    out = ran.communicate()[0]
    return ran.returncode, out.decode().strip()


def report(state, reason):
    name = (re.findall(rb"^pg_id='(\w+)'$", read(HERE + "/opener"), re.M) or [b"-"])[0].decode()
    os.makedirs(os.path.dirname(STATUS), 0o700, exist_ok=True)
    write(STATUS, ("%s %s %s\n" % (state, name, reason)).encode())
    tell("bootstrap data %s %s: %s" % (name, state, reason))


def tell(line):
    try:
        with open("/dev/console", "w") as console:
            console.write("provider-guard: " + line + "\n")
    except OSError:
        pass


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def write(path, content, mode=0o600):
    # Whole or not at all, and on the disk before what follows from it.
    new = path + ".new"
    with open(new, "wb") as file:
        os.chmod(new, mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, path)


def script(path):
    instance = os.path.realpath(os.path.dirname(os.path.dirname(os.path.abspath(path))))
    try:
        (last if os.path.basename(path) == LAST else first)(instance)
    except Exception as error:
        # Then whatever follows counts for nothing, and the next boot begins again.
        report("failed", "handler-" + type(error).__name__)
        close(instance)
        sys.exit(1)


if __name__ == "__main__":
    script(sys.argv[0])
else:
    at_end(data)
