"""pyarrow: the AWS SDK for C++ under Parquet datasets, as data programs read and write them."""

import hashlib

import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import pytest

from calls import MIB, exists, get, listed, put
from onshore_server import REGION

ROWS = 60_000
LARGE = b"".join(hashlib.sha256(number.to_bytes(8)).digest() for number in range(12 * MIB // 32))


@pytest.fixture(scope="module")
def files(server):
    options = {"access_key": server.access_key, "secret_key": server.secret_key, "region": REGION, "scheme": "http"}
    return pyarrow.fs.S3FileSystem(endpoint_override=f"{server.s3_host}:{server.s3_port}", allow_bucket_creation=True, allow_bucket_deletion=True, **options)


@pytest.fixture(scope="module")
def table():
    numbers = range(ROWS)
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]
    cities = [("Beijing", "a b+c", "\u4e0a\u6d77")[number % 3] for number in numbers]
    return pyarrow.table({"number": list(numbers), "name": names, "city": cities})


def test_pyarrow_writes_and_reads_a_dataset(files, s3, bucket, table):
    pyarrow.dataset.write_dataset(table, f"{bucket}/set", filesystem=files, format="parquet", partitioning=["city"], partitioning_flavor="hive", max_rows_per_file=8_000, max_rows_per_group=2_000)
    keys = [key for key in listed(s3, bucket) if key.endswith(".parquet")]
    assert len(keys) == 9 and len({key.split("/")[1] for key in keys}) == 3
    found = pyarrow.dataset.dataset(f"{bucket}/set", filesystem=files, format="parquet", partitioning="hive")
    assert sorted(found.files) == sorted(f"{bucket}/{key}" for key in keys)
    assert found.count_rows() == ROWS
    assert found.to_table().sort_by("number").select(table.column_names).equals(table)
    some = found.to_table(columns=["number"], filter=(pyarrow.compute.field("city") == "a b+c") & (pyarrow.compute.field("number") >= 59_000))
    assert sorted(some["number"].to_pylist()) == [number for number in range(59_000, ROWS) if number % 3 == 1]


def test_pyarrow_replaces_a_partition(files, s3, bucket, table):
    write = lambda rows: pyarrow.dataset.write_dataset(rows, f"{bucket}/set", filesystem=files, format="parquet", partitioning=["city"], partitioning_flavor="hive", existing_data_behavior="delete_matching")
    write(table)
    before = {key: s3.head_object(Bucket=bucket, Key=key)["ETag"] for key in listed(s3, bucket) if key.endswith(".parquet")}
    write(table.filter(pyarrow.compute.equal(table["city"], "Beijing")).slice(0, 10))
    after = {key: s3.head_object(Bucket=bucket, Key=key)["ETag"] for key in listed(s3, bucket) if key.endswith(".parquet")}
    assert len(before) == len(after) == 3 and len(set(before.items()) & set(after.items())) == 2, "the other partitions stay"
    assert pyarrow.dataset.dataset(f"{bucket}/set", filesystem=files, format="parquet", partitioning="hive").count_rows() == ROWS // 3 * 2 + 10


def test_pyarrow_reads_by_ranges(files, server, s3, bucket, table):
    pyarrow.parquet.write_table(table, f"{bucket}/one.parquet", filesystem=files, row_group_size=1_000)
    size = s3.head_object(Bucket=bucket, Key="one.parquet")["ContentLength"]
    with files.open_input_file(f"{bucket}/one.parquet") as file:
        assert file.size() == size
        parquet = pyarrow.parquet.ParquetFile(file, pre_buffer=True)
        assert parquet.num_row_groups == ROWS // 1_000
        assert parquet.read_row_group(41, columns=["number"])["number"].to_pylist() == list(range(41_000, 42_000))
        assert parquet.read_row_groups([3, 59])["number"].to_pylist() == [*range(3_000, 4_000), *range(59_000, 60_000)]
    whole = get(s3, bucket, "one.parquet")
    with files.open_input_file(f"{bucket}/one.parquet") as file:
        for offset, length in ((0, 4), (size - 4, 4), (size - 4, 100), (12_345, 67_890), (size, 10), (7, 0)):
            assert file.read_at(length, offset) == whole[offset : offset + length], (offset, length)
        file.seek(1_000)
        assert file.read(10) == whole[1_000:1_010] and file.tell() == 1_010


def test_pyarrow_streams_in_parts(files, s3, bucket):
    with files.open_output_stream(f"{bucket}/a b/large.bin", metadata={"Content-Type": "text/x-own", "who": "me"}) as stream:
        for start in range(0, len(LARGE), 1_000_003):
            stream.write(LARGE[start : start + 1_000_003])
    assert get(s3, bucket, "a b/large.bin") == LARGE
    head = s3.head_object(Bucket=bucket, Key="a b/large.bin", PartNumber=1)
    assert head["PartsCount"] > 1 and head["ContentType"] == "text/x-own"
    with files.open_input_stream(f"{bucket}/a b/large.bin") as stream:
        assert hashlib.sha256(stream.read()).digest() == hashlib.sha256(LARGE).digest()
    with files.open_output_stream(f"{bucket}/empty"):
        pass
    assert get(s3, bucket, "empty") == b""


def test_pyarrow_shows_nothing_before_the_end(files, s3, bucket):
    put(s3, bucket, "k", b"before")
    stream = files.open_output_stream(f"{bucket}/k")
    stream.write(LARGE)
    assert get(s3, bucket, "k") == b"before" and listed(s3, bucket) == ["k"]
    stream.close()
    assert get(s3, bucket, "k") == LARGE
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_pyarrow_sees_folders(files, s3, bucket):
    for key in ("f/one", "f/sub/two", "f/sub/deep/three", "fother"):
        put(s3, bucket, key, key.encode())
    files.create_dir(f"{bucket}/f/made/deep", recursive=True)
    kinds = {info.path.removeprefix(f"{bucket}/"): (info.type.name, info.size) for info in files.get_file_info(pyarrow.fs.FileSelector(f"{bucket}/f", recursive=True))}
    assert kinds == {
        "f/one": ("File", 5), "f/sub": ("Directory", None), "f/sub/two": ("File", 9), "f/sub/deep": ("Directory", None),
        "f/sub/deep/three": ("File", 16), "f/made": ("Directory", None), "f/made/deep": ("Directory", None),
    }
    shallow = [info.base_name for info in files.get_file_info(pyarrow.fs.FileSelector(f"{bucket}/f"))]
    assert sorted(shallow) == ["made", "one", "sub"]
    told = files.get_file_info([f"{bucket}/f", f"{bucket}/f/one", f"{bucket}/f/absent", "absent-bucket", bucket])
    assert [info.type.name for info in told] == ["Directory", "File", "NotFound", "NotFound", "Directory"]
    with pytest.raises(FileNotFoundError):
        files.get_file_info(pyarrow.fs.FileSelector(f"{bucket}/absent"))
    with pytest.raises(FileNotFoundError):
        files.open_input_file(f"{bucket}/absent")


def test_pyarrow_moves_and_deletes_folders(files, s3, bucket):
    for number in range(30):
        put(s3, bucket, f"d/{number:02} +&.txt", str(number).encode())
    files.copy_file(f"{bucket}/d/07 +&.txt", f"{bucket}/e/copy")
    files.move(f"{bucket}/d/08 +&.txt", f"{bucket}/e/moved")
    assert get(s3, bucket, "e/copy") == b"7" and get(s3, bucket, "e/moved") == b"8" and not exists(s3, bucket, "d/08 +&.txt")
    files.delete_file(f"{bucket}/e/copy")
    with pytest.raises(FileNotFoundError):
        files.delete_file(f"{bucket}/e/copy")
    files.delete_dir_contents(f"{bucket}/d")
    assert [key for key in listed(s3, bucket) if key not in ("d/", "e/")] == ["e/moved"]
    files.delete_dir(f"{bucket}/d")
    files.delete_dir(f"{bucket}/e")
    assert listed(s3, bucket) == []


def test_pyarrow_makes_and_removes_buckets(files, s3):
    files.create_dir("made-by-pyarrow")
    assert files.get_file_info("made-by-pyarrow").type.name == "Directory"
    put(s3, "made-by-pyarrow", "k")
    files.delete_dir("made-by-pyarrow")
    assert files.get_file_info("made-by-pyarrow").type.name == "NotFound"
