"""Assets that nobody types: out of a state of Terraform, and out of an account at a cloud."""

import json
import uuid

import pytest

from test_regions import Records


@pytest.fixture
def contract(make_server, request, tmp_path):
    records = Records(make_server(request.node.name[:40]), tmp_path)
    records.does("organisation", "add", 'id = "port"\nname = "Port"\n')
    records.does("provider", "add", 'id = "cloud"\nname = "C"\nkind = "third-party-cloud"\n')
    records.does("contract", "add", 'id = "c-1"\norganisation = "port"\nprovider = "cloud"\nservice = "all"\nstart = "2020-01-01"\n')
    return records


def resource(kind, name, *instances, module=None):
    told = {"mode": "managed", "type": kind, "name": name, "provider": 'provider["registry.terraform.io/hashicorp/aws"]'}
    return told | ({"module": module} if module else {}) | {"instances": [{"attributes": one} if not isinstance(one, tuple) else {"index_key": one[0], "attributes": one[1]} for one in instances]}


STATE = {
    "version": 4,
    "terraform_version": "1.9.0",
    "resources": [
        resource("aws_s3_bucket", "logs", {"bucket": "logs", "bucket_region": "cn-northwest-1"}),
        resource("alicloud_db_instance", "it", (0, {"instance_name": "账本", "zone_id": "cn-tianjin-a"}), (1, {"id": "rm-2"}), module="module.数据"),
        resource("aws_iam_role", "r", {"name": "r"}),
        resource("acme_cupboard", "c", {"name": "c"}),
    ],
}


def test_a_state_of_terraform_becomes_assets_once(contract, tmp_path):
    server, file = contract.server, tmp_path / "terraform.tfstate"
    file.write_text(json.dumps(STATE))
    told = server.cli("asset", "from-state", file, "--contract", "c-1")
    assert len(told["recorded"]) == 3 and told["unknown_types"] == ["acme_cupboard"] and told["there_already"] == 0
    assets = {one["record"]["name"]: one["record"] for one in server.cli("asset", "list", "--of", "c-1")}
    assert (assets["logs"]["kind"], assets["logs"]["place"]) == ("bucket", "CN") and assets["账本"]["kind"] == "database"
    assert assets["logs"]["id"] == "c-1.aws_s3_bucket.logs"
    again = server.cli("asset", "from-state", file, "--contract", "c-1")
    assert again["recorded"] == [] and again["there_already"] == 3 and again["leaf"] is None
    text = server.run("asset", "from-state", file, "--contract", "c-1").stdout
    assert "acme_cupboard" in text and "3 were there already" in text
    assert server.run("asset", "from-state", file, "--contract", "none").returncode == 1
    for bad in ("{}", "[", '{"version": 3, "resources": []}'):
        file.write_text(bad)
        assert server.run("asset", "from-state", file, "--contract", "c-1").returncode == 2, bad


def test_machines_of_one_name_are_as_many_assets(contract, tmp_path):
    server, file = contract.server, tmp_path / "terraform.tfstate"
    three = resource("alicloud_instance", "web", *[(at, {"instance_name": "web", "id": f"i-{at}"}) for at in range(3)])
    file.write_text(json.dumps({**STATE, "resources": [three]}))
    assert len(server.cli("asset", "from-state", file, "--contract", "c-1")["recorded"]) == 3
    names = sorted(one["record"]["name"] for one in server.cli("asset", "list", "--of", "c-1"))
    assert names == [f"web (alicloud_instance.web[{at}])" for at in range(3)]
    # One that somebody gave another name is still that one.
    first = next(one for one in server.cli("asset", "list", "--of", "c-1") if one["record"]["name"].endswith("[0])"))
    contract.does("asset", "amend", f'id = "{first["id"]}"\ncontract = "c-1"\nkind = "server"\nname = "the web server"\nowner = "operations"\n')
    assert server.cli("asset", "from-state", file, "--contract", "c-1")["there_already"] == 3


def test_an_account_tells_of_its_buckets(contract, moto):
    server, there = contract.server, moto.client()
    names = [f"found-{uuid.uuid4().hex[:12]}" for _ in range(3)]
    for name in names:
        there.create_bucket(Bucket=name)
    found = lambda: server.cli("asset", "discover", "--contract", "c-1", "--account", "s3://", "--endpoint", moto.url, env=moto.env)
    told = found()
    assets = {one["record"]["name"] for one in server.cli("asset", "list", "--of", "c-1")}
    assert set(names) <= assets and len(told["recorded"]) == len(assets)
    there.create_bucket(Bucket=(late := f"late-{uuid.uuid4().hex[:12]}"))
    assert len(found()["recorded"]) == 1 and late in {one["record"]["name"] for one in server.cli("asset", "list", "--of", "c-1")}
    assert server.run("asset", "discover", "--contract", "c-1", "--account", "ftp://").returncode == 2
