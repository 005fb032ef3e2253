"""Power cuts: what a server did to its files is recorded system call by system call, and the folder is put together as a
disk could have it at any instant, with writes that nobody synced dropped, torn or taken out of their order.

The model is the strict one: a file's bytes are durable once an fsync of that file that began after them has returned, a
name once an fsync of its folder has. Nothing else is."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

SECTOR = 512
CALLS = "openat,open,creat,close,write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate,mkdir,mkdirat,dup,dup2,dup3,fcntl,lseek"
LINE = re.compile(rb"^(\d+) +(\d+\.\d+) (.*)$", re.DOTALL)
STRING = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


def text(found):
    assert not found.group(2), "a string was cut short"
    return bytes.fromhex(found.group(1).replace(b"\\x", b"").decode())


class Recorder:
    """Follows a running server's system calls. Begin while the server has nothing to do."""

    def __init__(self, server, folder):
        self.pid = server.process.pid
        self.data = Path(server.data)
        self.folder = Path(folder)
        self.folder.mkdir()
        self.trace = self.folder / "trace"
        strace = shutil.which("strace")
        command = [strace, "-f", "-ttt", "-xx", "-s", "40000000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", self.trace, "-p", str(self.pid)]
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in self.process.stderr:
            assert b"attached" in line, line
            break
        self.files = {int(fd.name): os.readlink(fd) for fd in Path(f"/proc/{self.pid}/fd").iterdir()}
        shutil.copytree(self.data, self.folder / "before")

    def end(self):
        """Returns the recording. The server was killed before, so that nothing is missing at its end."""
        self.process.communicate(timeout=60)
        return Recording(self.data, self.folder / "before", self.files, self.trace)


class Event:
    def __init__(self, start, at, call):
        self.start, self.end, self.at, self.call, self.result = start, None, at, call, None


class Recording:
    def __init__(self, data, before, files, trace):
        self.data, self.before, self.files = Path(data), Path(before), files
        self.events, self.times = [], []
        under_way = {}
        for number, line in enumerate(trace.read_bytes().split(b"\n")):
            found = LINE.match(line)
            if not found:
                continue
            pid, at, rest = found.group(1), float(found.group(2)), found.group(3)
            self.times.append((number, at))
            if rest.startswith(b"<... "):
                event = under_way.pop(pid, None)
                if event:
                    event.call += rest.split(b" resumed>", 1)[1]
                    event.end = number
            elif rest.endswith(b"<unfinished ...>"):
                event = Event(number, at, rest[: -len(b"<unfinished ...>")])
                under_way[pid] = event
                self.events.append(event)
            elif rest[:1].isalpha():
                event = Event(number, at, rest)
                event.end = number
                self.events.append(event)
        for event in self.events:
            if event.end is not None:
                result = event.call.rsplit(b"= ", 1)[-1].split(b" ", 1)[0]
                event.result = int(result) if result.lstrip(b"-").isdigit() else None
        self.length = self.times[-1][0]

    def instant(self, number):
        """When the recording came to this line."""
        return max(at for line, at in self.times if line <= number)

    def syncs(self):
        """The lines at which a sync or a rename began or ended: where a disk is asked to order things."""
        named = (b"fsync", b"fdatasync", b"rename")
        lines = [(event.start, event.end) for event in self.events if event.call.startswith(named)]
        return sorted({line for pair in lines for line in pair if line is not None})

    def folder_at(self, number, chance, into):
        """Puts the folder together as a disk may have it when the power goes at this line."""
        Disk(self, number).write(chance, into)


class Inode:
    def __init__(self, content=b""):
        self.durable = bytearray(content)
        self.pending = []  # (offset, bytes) or ("truncate", length), in order
        self.size = len(content)

    def sync(self, count):
        for change in self.pending[:count]:
            self.apply(self.durable, change)
        del self.pending[:count]

    @staticmethod
    def apply(content, change):
        offset, what = change
        if offset == "truncate":
            del content[what:]
            content.extend(bytes(what - len(content)))
            return
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(what)] = what

    def after_a_cut(self, chance):
        content = bytearray(self.durable)
        fate = chance.choice(["none", "all", "some", "some"])
        for offset, what in self.pending:
            if fate == "none" or (fate == "some" and chance.random() < 0.4):
                continue
            if offset != "truncate" and fate == "some" and chance.random() < 0.3:
                # Torn: some sectors of the write, in any order.
                for begin in range(0, len(what), SECTOR):
                    if chance.random() < 0.5:
                        self.apply(content, (offset + begin, what[begin : begin + SECTOR]))
                continue
            self.apply(content, (offset, what))
        return bytes(content)


class Folder:
    def __init__(self):
        self.durable = {}
        self.now = {}
        self.pending = []  # (name, inode or folder or None)

    def set(self, name, entry):
        if entry is None:
            self.now.pop(name, None)
        else:
            self.now[name] = entry
        self.pending.append((name, entry))

    def sync(self, count):
        for name, entry in self.pending[:count]:
            self.apply(self.durable, name, entry)
        del self.pending[:count]

    @staticmethod
    def apply(names, name, entry):
        if entry is None:
            names.pop(name, None)
        else:
            names[name] = entry

    def after_a_cut(self, chance):
        names = dict(self.durable)
        # A journal keeps the order of what happens to names: some of the beginning made it.
        for name, entry in self.pending[: chance.randint(0, len(self.pending))]:
            self.apply(names, name, entry)
        return names


class Disk:
    def __init__(self, recording, number):
        self.data = str(recording.data)
        self.root = self.load(recording.before)
        self.open = {}
        for fd, path in recording.files.items():
            entry = self.find(path)
            if entry is not None:
                self.open[fd] = [entry, entry.size if isinstance(entry, Inode) else 0]
        self.sync_of = {}
        steps = []
        for event in recording.events:
            if event.call.startswith((b"fsync", b"fdatasync", b"close(")):
                steps.append((event.start, 0, event))
            if event.end is not None:
                steps.append((event.end, 1, event))
        for line, phase, event in sorted(steps, key=lambda step: step[:2]):
            if line > number:
                break
            self.step(event, phase)
        for event in recording.events:
            # Writes that were under way may have reached the disk, too.
            if event.start <= number and (event.end is None or event.end > number) and b"write" in event.call[:8]:
                self.wrote(event.call, None)

    def load(self, path):
        if path.is_dir():
            folder = Folder()
            for entry in path.iterdir():
                folder.now[entry.name] = self.load(entry)
            folder.durable = dict(folder.now)
            return folder
        return Inode(path.read_bytes())

    def split(self, path):
        if path != self.data and not path.startswith(self.data + "/"):
            return None
        return [part for part in path[len(self.data) :].split("/") if part]

    def find(self, path):
        parts = self.split(path.removesuffix(" (deleted)"))
        entry = self.root if parts is not None else None
        for part in parts or []:
            entry = entry.now.get(part) if isinstance(entry, Folder) else None
        return entry

    def holder(self, path):
        parts = self.split(path)
        if not parts:
            return None, None
        folder = self.find("/".join([self.data, *parts[:-1]]))
        return (folder, parts[-1]) if isinstance(folder, Folder) else (None, None)

    def step(self, event, phase):
        call = event.call
        name = call.split(b"(", 1)[0]
        if name in (b"fsync", b"fdatasync"):
            entry = self.open.get(self.fd(call), [None])[0]
            if entry is None:
                return
            if phase == 0:
                self.sync_of[event] = (entry, len(entry.pending))
            elif event.result == 0 and event in self.sync_of:
                entry, count = self.sync_of.pop(event)
                # An earlier sync that ended meanwhile has taken some of these already.
                entry.sync(min(count, len(entry.pending)))
            return
        if name == b"close":
            # Its number may be given out again before it has returned: it goes with its beginning.
            if phase == 0:
                self.open.pop(self.fd(call), None)
            return
        if event.result is None or event.result < 0:
            return
        if name in (b"open", b"openat", b"creat"):
            self.opened(call, event.result)
        elif name in (b"dup", b"dup2", b"dup3") or (name == b"fcntl" and b"F_DUPFD" in call):
            if self.fd(call) in self.open:
                self.open[event.result] = self.open[self.fd(call)]
        elif name == b"lseek":
            if self.fd(call) in self.open:
                self.open[self.fd(call)][1] = event.result
        elif name in (b"write", b"pwrite64", b"writev", b"pwritev"):
            self.wrote(call, event.result)
        elif name == b"ftruncate":
            if self.fd(call) in self.open:
                length = int(call.split(b",")[1].split(b")")[0])
                inode = self.open[self.fd(call)][0]
                inode.pending.append(("truncate", length))
                inode.size = length
        elif name in (b"rename", b"renameat", b"renameat2"):
            source, target = (text(found).decode() for found in STRING.finditer(call))
            self.renamed(source, target)
        elif name in (b"unlink", b"unlinkat"):
            folder, last = self.holder(text(STRING.search(call)).decode())
            if folder:
                folder.set(last, None)
        elif name in (b"mkdir", b"mkdirat"):
            folder, last = self.holder(text(STRING.search(call)).decode())
            if folder:
                folder.set(last, Folder())

    @staticmethod
    def fd(call):
        return int(call.split(b"(", 1)[1].split(b",")[0].split(b")")[0])

    def opened(self, call, fd):
        path = text(STRING.search(call)).decode()
        flags = call[STRING.search(call).end() :]
        entry = self.find(path)
        if entry is None:
            folder, last = self.holder(path)
            if not folder or (b"O_CREAT" not in flags and not call.startswith(b"creat")):
                self.open.pop(fd, None)
                return
            entry = Inode()
            folder.set(last, entry)
        if b"O_TRUNC" in flags and isinstance(entry, Inode):
            entry.pending.append(("truncate", 0))
            entry.size = 0
        self.open[fd] = [entry, entry.size if b"O_APPEND" in flags else 0]

    def wrote(self, call, result):
        held = self.open.get(self.fd(call))
        if held is None or not isinstance(held[0], Inode):
            return
        inode, position = held
        what = b"".join(text(found) for found in STRING.finditer(call))
        what = what[:result] if result is not None else what
        if call.startswith(b"p"):
            offset = int(re.split(rb"[,)]", call[call.rindex(b", ") + 2 :])[0])
        else:
            offset = position
            held[1] = position + len(what)
        inode.pending.append((offset, what))
        inode.size = max(inode.size, offset + len(what))

    def renamed(self, source, target):
        old, old_name = self.holder(source)
        new, new_name = self.holder(target)
        if old and new:
            entry = old.now.get(old_name)
            new.set(new_name, entry)
            old.set(old_name, None)

    def write(self, chance, into):
        self.put(self.root, Path(into), chance)

    def put(self, folder, path, chance):
        path.mkdir(parents=True)
        for name, entry in folder.after_a_cut(chance).items():
            if isinstance(entry, Folder):
                self.put(entry, path / name, chance)
            elif not name.endswith("-shm"):
                file = path / name
                file.write_bytes(entry.after_a_cut(chance))
                if name in ("credentials.toml", "root.key"):
                    file.chmod(0o600)


def now():
    """The clock that the recording tells."""
    return time.time()
