"""A data folder whose names are noise too: new, older, rekeyed, backed up, killed at every turn."""

import hashlib
import fcntl
import json
import shutil
import signal
import subprocess

import pytest

from onshore_server import BINARY, CONFIG, Ended, Server, clean_env, mode_of
from test_backup import onshore, said

NAME = "the-name-of-a-person/号码-110101199003070000.pdf"
BODY = b"bytes that nobody reads without the root key, and more of them"
TAGS = "whose=a-tag-of-hers"
META = {"who": "metadata-of-hers"}
# Names that were there and are gone stay noise as well.
GONE = "a-name-that-was-removed"
TOLD = [text.encode() for text in ("the-name-of-a-person", "号码-110101199003070000", "a-tag-of-hers", "metadata-of-hers", GONE, "migrated-name")] + [BODY[:30]]


def config(key, *more, hidden=True):
    return "\n".join([CONFIG, "[keys]", f'root_key_file = "{key}"', "hide_names = true" if hidden else "", *more, ""])


@pytest.fixture
def make(tmp_path):
    made = []

    def make(name="data", hidden=True, more=()):
        key = tmp_path / f"{name}.key"
        server = Server(tmp_path / name, config=config(key, *more, hidden=hidden))
        server.key = key
        made.append(server)
        return server.start()

    yield make
    for server in made:
        server.kill9()


def fill(server, rounds=1):
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    for number in range(rounds):
        s3.put_object(Bucket="kept", Key=NAME, Body=BODY, Metadata=META, Tagging=TAGS)
    s3.put_object(Bucket="kept", Key=GONE, Body=b"x")
    gone = s3.list_object_versions(Bucket="kept", Prefix=GONE)["Versions"]
    for version in gone:
        s3.delete_object(Bucket="kept", Key=GONE, VersionId=version["VersionId"])
    # What is hidden and what is tagged has records in the ledger.
    s3.put_object(Bucket="kept", Key="hidden-by-a-marker-" + GONE, Body=b"x")
    s3.delete_object(Bucket="kept", Key="hidden-by-a-marker-" + GONE)
    s3.put_object_tagging(Bucket="kept", Key=NAME, Tagging={"TagSet": [{"Key": "whose", "Value": "a-tag-of-hers"}]})
    server.upload = s3.create_multipart_upload(Bucket="kept", Key="parts-of-" + NAME)["UploadId"]


def check(server):
    s3 = server.client()
    answer = s3.get_object(Bucket="kept", Key=NAME)
    assert answer["Body"].read() == BODY and answer["Metadata"] == META
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="kept")["Contents"]] == [NAME]
    assert s3.list_multipart_uploads(Bucket="kept")["Uploads"][0]["Key"] == "parts-of-" + NAME


def told(folder):
    """Which of the texts stand anywhere in a folder's files, or in their names."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes() + str(path.relative_to(folder)).encode()
            found |= {text for text in TOLD if text in content}
    return found


def pages_are_noise(path):
    """Whether no page has a header of SQLite's, and the bytes are spread evenly."""
    content = path.read_bytes()
    assert len(content) >= 8192 * 10
    counts = [content.count(bytes([byte])) for byte in range(256)]
    mean = len(content) / 256
    return b"SQLite" not in content and b"CREATE TABLE" not in content and max(counts) < 1.5 * mean and min(counts) > 0.5 * mean


def fsck(server):
    done = onshore("fsck", "--data", server.data, "--config", f"{server.data}.toml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stolen_folder_is_noise_with_its_names(make, tmp_path):
    plain = make("plain", hidden=False)
    fill(plain)
    assert {TOLD[0], TOLD[1]} <= told(plain.data), "else this shows nothing"
    source = tmp_path / "source"
    source.mkdir()
    (source / "migrated-name").write_bytes(b"migrated")
    server = make(more=("[migrate]", f'roots = ["{source}"]'))
    fill(server)
    done = server.run("migrate", source, "kept", "--class", "general", timeout=170)
    assert done.returncode == 0, done
    check_names = [entry["Key"] for entry in server.client().list_objects_v2(Bucket="kept")["Contents"]]
    assert sorted(check_names) == sorted([NAME, "migrated-name"])
    # While it runs, with its write-ahead log; killed; and at rest.
    assert told(server.data) == set()
    server.kill9()
    assert told(server.data) == set() and (server.data / "onshore.db-wal").stat().st_size > 0
    server.start()
    job = server.cli("job", "list")[0]["id"]
    certificate = tmp_path / "certificate.json"
    done = server.run("job", "certificate", job, "--out", certificate)
    assert done.returncode == 0, done
    assert [entry["key"] for entry in json.loads(certificate.read_text())["objects"]] == ["migrated-name"]
    assert server.run("verify", certificate, "--key", server.vkey).returncode == 0
    server.terminate()
    assert told(server.data) == set()
    assert pages_are_noise(server.data / "onshore.db")
    assert mode_of(server.data / "database.key") == 0o600
    fsck(server)


def test_an_older_folder_is_hidden_when_asked_and_stays_so(make):
    server = make(hidden=False)
    fill(server)
    server.terminate()
    before = {path: path.read_bytes() for path in (server.data / "objects").rglob("*") if path.is_file()}
    vkey = server.vkey
    server.config = config(server.key)
    server.start()
    assert server.vkey == vkey
    check(server)
    assert told(server.data) == set()
    server.terminate()
    fsck(server)
    assert before == {path: path.read_bytes() for path in (server.data / "objects").rglob("*") if path.is_file()}
    # That nobody asks any more does not bring names to light.
    server.config = config(server.key, hidden=False)
    server.start()
    check(server)
    server.client().put_object(Bucket="kept", Key=GONE, Body=b"again")
    server.kill9()
    assert told(server.data) == set()


def test_killed_while_it_is_hidden_it_is_hidden_at_the_next_start(make, tmp_path):
    server = make(hidden=False)
    fill(server, rounds=400)
    server.terminate()
    server.config = config(server.key)
    original = tmp_path / "original"
    shutil.copytree(server.data, original)
    path = tmp_path / "data.toml"
    path.write_text(server.config)
    command = [str(BINARY), "serve", "--data", str(server.data), "--config", str(path), "--s3-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"]
    broken_off = 0
    for round in range(6):
        process = subprocess.Popen(command, env=clean_env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in process.stdout:
            if "the database is encrypted" in line or line.strip() == "ready":
                break
        # A little later each time: at the beginning, amid the copy, about its end.
        try:
            process.wait(round * 0.02)
        except subprocess.TimeoutExpired:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if (server.data / "onshore.db").read_bytes().startswith(b"SQLite format 3"):
            broken_off += 1
            # Between the two it is a folder like any other.
            fsck(server)
            said("backup", "--data", server.data, "--to", tmp_path / f"series-{round}", "--keys", server.key)
        else:
            shutil.rmtree(server.data)
            shutil.copytree(original, server.data)
    assert broken_off >= 1
    server.output = []
    server.start()
    check(server)
    assert len(server.client().list_object_versions(Bucket="kept", Prefix=NAME)["Versions"]) == 400
    server.terminate()
    assert told(server.data) == set() and not list(server.data.glob("onshore.db.*"))
    fsck(server)


def test_another_root_key_opens_it_and_no_page_is_written_again(make, tmp_path):
    server = make()
    fill(server)
    server.terminate()
    stolen = tmp_path / "stolen"
    shutil.copytree(server.data, stolen)
    pages = (server.data / "onshore.db").read_bytes()
    new = tmp_path / "new.key"
    done = onshore("rekey", "--data", server.data, "--config", f"{server.data}.toml", "--new-root-key", new)
    assert done.returncode == 0, done.stderr
    after = (server.data / "onshore.db").read_bytes()
    same = sum(pages[at : at + 8192] == after[at : at + 8192] for at in range(0, len(pages), 8192))
    assert same * 2 > len(pages) // 8192, "most pages are as they were"
    server.output = []
    with pytest.raises(Ended) as ended:
        server.start()
    assert "root key" in str(ended.value)
    server.config = config(new)
    server.output = []
    server.start()
    check(server)
    server.terminate()
    fsck(server)
    # What was sealed under the old key opened the old copy and does not open this one.
    sealed = json.loads((server.data / "database.key").read_text())["sealed"]
    assert len(sealed) == 1 and sealed != json.loads((stolen / "database.key").read_text())["sealed"]


def test_a_rekey_that_is_killed_leaves_one_key_that_opens_all(make, tmp_path):
    server = make()
    fill(server)
    server.terminate()
    new, killed, rotated = tmp_path / "new.key", 0, False
    for number in range(1, 9):
        command = [BINARY, "rekey", "--data", server.data, "--config", f"{server.data}.toml", "--new-root-key", new]
        done = subprocess.run([str(part) for part in command], env=clean_env(ONSHORE_CRASH_AT=f"committed:{number}"), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        killed += done.returncode not in (0, 1, 2)
        for key in (server.key, new):
            if not key.exists():
                continue
            server.config = config(key)
            server.output = []
            try:
                server.start()
            except Ended:
                continue
            check(server)
            server.terminate()
            assert len(json.loads((server.data / "database.key").read_text())["sealed"]) == 1
            rotated = key == new
            break
        else:
            raise AssertionError(f"neither key opens the folder after commit {number}")
        if rotated:
            break
    assert killed >= 1 and rotated


def test_backups_share_pages_and_a_restored_folder_is_noise_too(make, tmp_path):
    server = make()
    fill(server)
    s3 = server.client()
    for number in range(500):
        s3.put_object(Bucket="kept", Key=f"{NAME}/{number:04}", Body=BODY)
    series, keys = tmp_path / "series", tmp_path / "series.keys"
    first = said("backup", "--data", server.data, "--to", series, "--keys", server.key)
    size = lambda: sum(path.stat().st_size for path in series.rglob("*") if path.is_file())
    whole = size()
    said("backup", "--data", server.data, "--to", series, "--keys", server.key)
    same = size() - whole
    s3.put_object(Bucket="kept", Key=f"{NAME}/0000", Body=b"newer")
    said("backup", "--data", server.data, "--to", series, "--keys", server.key)
    # Some pages have another content, and what a page is decrypted with is another each time it is written.
    assert same < whole / 5 and size() - whole - same < whole * 2 / 3, (whole, same, size())
    assert told(series) == set() and told(keys) == set() and told(server.data) == set()
    server.kill9()
    back = tmp_path / "back"
    said("restore", series, "--data", back, "--keys", server.key, "--at", first["made"])
    assert told(back) == set()
    again = Server(back, config=server.config).start()
    try:
        assert again.client().get_object(Bucket="kept", Key=f"{NAME}/0000")["Body"].read() == BODY
        assert len(again.client().list_objects_v2(Bucket="kept", Prefix=NAME + "/")["Contents"]) == 500
    finally:
        again.terminate()
    assert told(back) == set()
    assert onshore("fsck", "--data", back, "--config", f"{server.data}.toml").returncode == 0


def test_a_backup_that_is_killed_leaves_noise(make, tmp_path):
    server = make()
    fill(server, rounds=300)
    left = 0
    for round in range(8):
        process = subprocess.Popen([str(BINARY), "backup", "--data", str(server.data), "--to", str(tmp_path / f"series-{round}"), "--keys", str(server.key)], env=clean_env(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (server.data / "backup.db").exists():
            pass
        try:
            process.wait(0.01 * round)
        except subprocess.TimeoutExpired:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        left += (server.data / "backup.db").exists()
        assert told(server.data) == set()
    assert left >= 1


def test_without_its_key_or_with_a_changed_page_it_says_so(make, tmp_path):
    server = make()
    fill(server, rounds=50)
    server.terminate()
    sealed, database = server.data / "database.key", server.data / "onshore.db"
    good_key, good = sealed.read_bytes(), database.read_bytes()

    def refused(*words):
        server.output = []
        with pytest.raises(Ended) as ended:
            server.start()
        assert all(word in str(ended.value) for word in words), ended.value
        done = onshore("fsck", "--data", server.data, "--config", f"{server.data}.toml")
        assert done.returncode == 1, done.stdout + done.stderr

    sealed.unlink()
    refused("database.key", "put that file back")
    for damaged in (good_key[:-20], good_key.replace(b'":"', b'":"00'), b"", b"{}"):
        sealed.write_bytes(damaged)
        refused("database.key", "damaged")
    sealed.write_bytes(good_key)
    # Any bit of any page, and a page in the place of another.
    for at in (3, 8192 + 5000, len(good) - 1, len(good) // 2):
        changed = bytearray(good)
        changed[at] ^= 1
        database.write_bytes(changed)
        refused("onshore.db")
    moved = good[: 8192 * 3] + good[8192 * 4 : 8192 * 5] + good[8192 * 3 : 8192 * 4] + good[8192 * 5 :]
    database.write_bytes(moved)
    refused("onshore.db")
    database.write_bytes(good)
    server.output = []
    server.start()
    check(server)


def plain_and_stopped(make):
    server = make(hidden=False)
    fill(server)
    server.terminate()
    return server, {path.name: path.read_bytes() for path in server.data.glob("onshore.db*")}


def refused_as_it_was(server, before, *words):
    """A start that is to hide names is refused, and nothing has changed."""
    server.output = []
    with pytest.raises(Ended) as ended:
        server.start()
    assert all(word in str(ended.value) for word in words), ended.value
    left = {path.name: path.read_bytes() for path in server.data.glob("onshore.db*")}
    assert left["onshore.db"] == before["onshore.db"] and set(left) <= {"onshore.db", "onshore.db-wal", "onshore.db-shm"}
    assert not (server.data / "database.key").exists()


def serves_plain(server):
    server.config = config(server.key, hidden=False)
    server.output = []
    server.start()
    check(server)
    server.terminate()


def test_names_are_not_hidden_under_a_key_that_is_not_the_folders(make, tmp_path):
    server, before = plain_and_stopped(make)
    other = make("other", hidden=False)
    other.terminate()
    server.config = config(other.key)
    refused_as_it_was(server, before, "root key")
    serves_plain(server)


def test_names_are_not_hidden_from_whoever_takes_the_key_with_them(make, tmp_path):
    server, before = plain_and_stopped(make)
    shutil.copy(server.key, server.data / "root.key")
    for inside in (config(server.data / "root.key"), CONFIG + "\n[keys]\nhide_names = true\n"):
        server.config = inside
        refused_as_it_was(server, before, "root key", "elsewhere")
    (server.data / "root.key").unlink()
    serves_plain(server)


def test_a_damaged_database_is_not_replaced(make, tmp_path):
    server, before = plain_and_stopped(make)
    good = before["onshore.db"]
    # The root page of some tree, its count of rows.
    changed = bytearray(good)
    changed[8192 * 3 + 3] ^= 0x7F
    (server.data / "onshore.db").write_bytes(changed)
    server.config = config(server.key)
    refused_as_it_was(server, {"onshore.db": bytes(changed)}, "damaged")
    (server.data / "onshore.db").write_bytes(good)
    serves_plain(server)


def test_what_stands_in_the_way_is_said_before_anything_changes(make, tmp_path):
    server, before = plain_and_stopped(make)
    server.config = config(server.key)
    with open(server.data / "backup.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused_as_it_was(server, before, "backup", "start again")
    real = tmp_path / "elsewhere.db"
    shutil.move(server.data / "onshore.db", real)
    (server.data / "onshore.db").symlink_to(real)
    refused_as_it_was(server, before, "is a link")
    (server.data / "onshore.db").unlink()
    shutil.move(real, server.data / "onshore.db")
    serves_plain(server)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not here: apt-get install strace")
@pytest.mark.parametrize(
    "file, fault",
    [
        ("onshore.db.encrypted", "pwrite64:error=ENOSPC:when=5"),
        ("onshore.db.encrypted", "pwrite64:error=EIO:when=3"),
        ("onshore.db.encrypted", "fsync:error=EIO"),
        ("onshore.db.encrypted", "rename:error=ENOSPC"),
        ("database.key.draft", "rename:error=ENOSPC"),
    ],
)
def test_a_disk_that_fails_while_names_are_hidden_leaves_what_was(make, file, fault):
    server, before = plain_and_stopped(make)
    path = server.data.with_name("data.toml")
    path.write_text(config(server.key))
    traced = ["strace", "-f", "-o", "/dev/null", "-e", "trace=pwrite64,fsync,rename", "-P", str(server.data / file), "-e", f"inject={fault}"]
    serve = [str(BINARY), "serve", "--data", str(server.data), "--config", str(path), "--s3-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"]
    done = subprocess.run(traced + serve, env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "cannot be encrypted; it is as it was" in done.stderr, done.stderr
    assert (server.data / "onshore.db").read_bytes() == before["onshore.db"]
    assert not [entry for entry in server.data.iterdir() if entry.name.startswith(("database.key", "onshore.db.encrypted"))]
    serves_plain(server)
    server.config = config(server.key)
    server.output = []
    server.start()
    check(server)
    assert told(server.data) == set()


def test_certificates_that_a_kill_left_plain_are_sealed_at_the_next_start(make, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "migrated-name").write_bytes(b"migrated")
    server = make(more=("[migrate]", f'roots = ["{source}"]'))
    fill(server)
    assert server.run("migrate", source, "kept", "--class", "general", timeout=170).returncode == 0
    job = server.cli("job", "list")[0]["id"]
    plain = tmp_path / "plain.json"
    assert server.run("job", "certificate", job, "--out", plain).returncode == 0
    server.terminate()
    path = server.data / "certificates" / f"{job}.json"
    sealed = path.read_bytes()
    path.write_bytes(plain.read_bytes())
    # What a kill amid sealing leaves.
    (path.parent / f"{job}.json.sealing").write_bytes(sealed[:-7])
    (path.parent / f"{job}.json.sealing.draft").write_bytes(sealed[: len(sealed) // 2])
    server.output = []
    server.start()
    assert told(server.data) == set()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    again = tmp_path / "again.json"
    assert server.run("job", "certificate", job, "--out", again).returncode == 0
    assert again.read_bytes() == plain.read_bytes()
