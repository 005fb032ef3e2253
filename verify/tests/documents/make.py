"""Makes the documents of this folder with a server of this version: python make.py, with ONSHORE_BIN and tests-py on the path."""

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "tests-py"))

from onshore_server import Server
from raw_s3 import Raw
from witnesses import Witness, policy, witnessed_config

HERE = Path(__file__).parent


def main():
    folder = Path(tempfile.mkdtemp())
    source = folder / "old"
    source.mkdir()
    for number in range(3):
        (source / f"file-{number}").write_text(f"contents {number}")
    server = Server(folder / "data").start()
    witnesses = [Witness(f"witness.example/w{number}", [server.vkey]).start() for number in range(2)]
    server.terminate()
    server.config = witnessed_config(witnesses).replace("[ledger]", f'[migrate]\nroots = ["{folder}"]\n[ledger]')
    server.output = []
    server.start()
    s3, abroad = server.client(), Raw(server, source="127.0.0.66")
    s3.create_bucket(Bucket="told")
    s3.put_object(Bucket="told", Key="payroll.csv", Body=b"x" * 1000, Metadata={"onshore-class": "personal"})
    s3.put_object(Bucket="told", Key="plans.pdf", Body=b"y" * 10, Metadata={"onshore-class": "core"})
    server.grant()
    time.sleep(1)
    start = server.cli("ledger", "tail", "-n", "1")[0]["time"]
    abroad.request("GET", "/told/payroll.csv")
    abroad.request("GET", "/told/plans.pdf")
    s3.get_object(Bucket="told", Key="plans.pdf")["Body"].read()
    leaves = lambda kind: [leaf["index"] for leaf in server.cli("ledger", "tail", "-n", "1000") if leaf["body"]["kind"] == kind]
    while not leaves("reads"):
        time.sleep(0.1)
    server.run("migrate", source, "arrived", "--class", "general", "--certificate", HERE / "certificate.json")
    opened, reads = leaves("export.opened")[0], leaves("reads")[0]
    now = server.cli("ledger", "tail", "-n", "1")[0]["time"].replace("Z", "9Z")
    server.run("report", "bundle", "--from", start.replace("Z", "1Z"), "--to", now, "-o", HERE / "bundle.jsonl")
    server.run("ledger", "prove", opened, "--out", HERE / "proof.json")
    server.run("ledger", "proof", opened, "-o", HERE / "leaf.tlog-proof")
    server.run("ledger", "prove-read", reads, 0, "-o", HERE / "read.json")
    (HERE / "key").write_text(server.vkey + "\n")
    (HERE / "policy").write_text(policy(witnesses, 2, server.vkey))
    server.kill9()
    for witness in witnesses:
        witness.remove()
    print(json.dumps({path.name: path.stat().st_size for path in HERE.iterdir()}))


main()
