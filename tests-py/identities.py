"""Tenants, users and roles for tests, and clients that act as them."""

import itertools
import json

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from onshore_server import REGION

NUMBERS = itertools.count()


class Holder:
    """Somebody with a key pair, and perhaps a session token."""

    def __init__(self, server, access_key, secret_key, token=None, name=None, arn=None, tenant=None):
        self.server, self.name, self.arn, self.tenant = server, name, arn, tenant
        self.access_key, self.secret_key, self.token = access_key, secret_key, token

    def client(self, service="s3", source=None, endpoint=None):
        client = boto3.client(
            service,
            endpoint_url=endpoint or self.server.s3,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.token,
            config=botocore.config.Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 0}, connect_timeout=10, read_timeout=60
            ),
        )
        if source:
            client._endpoint.http_session._manager.connection_pool_kw["source_address"] = (source, 0)
        return client

    @property
    def s3(self):
        return self.client()

    @property
    def sts(self):
        return self.client("sts")


def new_tenant(server):
    """A new tenant's administrator."""
    name = f"tenant-{next(NUMBERS)}"
    made = server.cli("tenant", "create", name)
    key = server.cli("key", "create", "--tenant", name)
    holder = Holder(server, key["access_key"], key["secret_key"], name=name, tenant=name)
    holder.id = made["id"]
    holder.arn = f"arn:aws:iam::{made['id']}:root"
    return holder


def new_user(server, tenant, *statements, tags=(), name=None, groups=()):
    """A new user of a tenant, who may do what these statements say."""
    name = name or f"user{next(NUMBERS)}"
    made = server.cli("user", "create", name, "--tenant", tenant, *(part for tag in tags for part in ("--tag", tag)))
    if statements:
        put_policy(server, tenant, "user", name, *statements)
    for group in groups:
        server.cli("group", "add", group, name, "--tenant", tenant)
    key = server.cli("key", "create", "--tenant", tenant, "--user", name)
    return Holder(server, key["access_key"], key["secret_key"], name=name, arn=made["arn"], tenant=tenant)


def write(server, document):
    path = server.data.parent / f"document-{next(NUMBERS)}.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def put_policy(server, tenant, kind, name, *statements, policy="inline"):
    return server.cli(kind, "put-policy", name, policy, write(server, document(*statements)), "--tenant", tenant)


def allow(*actions, on="*", **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **more}


def deny(*actions, on="*", **more):
    return {"Effect": "Deny", "Action": list(actions), "Resource": on, **more}


def refused(function, code="AccessDenied", status=403, **arguments):
    with pytest.raises(ClientError) as caught:
        function(**arguments)
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), response
    return response


def taken_back(server, tenant, id):
    """Takes back what an authority told a tenant, as two people do."""
    for name, state in (("ada", "proposed"), ("bo", "taken-back")):
        token = server.cli("token", "create", "--role", "operator", "--person", name)["token"]
        assert server.cli("important", "take-back", "--tenant", tenant, id, env={"ONSHORE_TOKEN": token})["state"] == state
