"""Alarms of days that come near: raised once for each mark, told by signed webhook and by mail until somebody has them, and nobody abroad."""

import base64
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import socketserver
import threading
import time

import pytest

from onshore_server import CONFIG
from test_regions import day, wait_for

SECRET = b"0123456789abcdef01234567"


class Hook(http.server.ThreadingHTTPServer):
    """A receiver that can be told to refuse."""

    def __init__(self, address="127.0.0.1"):
        self.heard, self.refuse = [], False
        super().__init__((address, 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://%s:%d/alarms" % self.server_address[:2]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        refused = self.server.refuse
        if not refused:
            self.server.heard.append((dict(self.headers.items()), body))
        self.send_response(503 if refused else 204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Mails(socketserver.ThreadingTCPServer):
    """A mail server of the few words that one mail needs."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.heard = []
        super().__init__(("127.0.0.1", 0), Conversation)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: self.wfile.write(text.encode() + b"\r\n")
        say("220-hello")
        say("220 ready")
        to, sender = [], None
        while line := self.rfile.readline().decode().strip():
            if line.startswith("EHLO"):
                say("250-here")
                say("250 8BITMIME")
            elif line.startswith("MAIL FROM:"):
                sender = line.split(":", 1)[1]
                say("250 ok")
            elif line.startswith("RCPT TO:"):
                to.append(line.split(":", 1)[1])
                say("250 ok")
            elif line == "DATA":
                say("354 go")
                lines = []
                while (text := self.rfile.readline()) != b".\r\n":
                    lines.append(text)
                self.server.heard.append((sender, to, email.message_from_bytes(b"".join(lines), policy=email.policy.default)))
                say("250 queued")
            elif line == "QUIT":
                say("221 bye")
                return
            else:
                say("500 what")


@pytest.fixture
def told(make_server, request, tmp_path):
    """A server with an order, a webhook and a mailbox."""
    hook, mails, abroad = Hook(), Mails(), Hook("127.0.0.66")
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + base64.b64encode(SECRET).decode())
    config = CONFIG + f"""
[alarms]
interval_s = 1

[alarms.webhooks.hook]
url = "{hook.url}"
secret_file = "{secret}"

[alarms.webhooks.abroad]
url = "{abroad.url}"

[alarms.mail.office]
server = "smtp://127.0.0.1:{mails.server_address[1]}"
from = "onshore@example.cn"
to = ["legal@example.cn", "it@example.cn"]
"""
    server = make_server(request.node.name[:40], config=config)
    server.hook, server.mails, server.abroad = hook, mails, abroad
    count = iter(range(1000))

    def add(kind, text, act="add"):
        path = tmp_path / f"record-{next(count)}.toml"
        path.write_text(text, encoding="utf-8")
        return server.cli(kind, act, path)

    server.add = add
    add("organisation", 'id = "tianjin-sasac"\nname = "S"\nkind = "state-organ"\n')
    add("organisation", 'id = "port"\nname = "港口"\nowners = [{ owner = "tianjin-sasac", percent = 51, from = "2000-01-01" }]\n')
    add("provider", 'id = "alibaba-cloud"\nname = "A"\nkind = "third-party-cloud"\n')
    order = server.run("order", "example").stdout
    add("order", order.replace("min(expiry + 2 months, 2022-09-30)", "expiry"))
    yield server
    for one in (hook, mails, abroad):
        one.shutdown()


def contract(name, end):
    return f'id = "{name}"\norganisation = "port"\nprovider = "alibaba-cloud"\nservice = "oss"\nstart = "2019-01-01"\nend = "{end}"\n'


def leaves(server, kind):
    return sum(f'"{kind}"' in json.dumps(leaf) for leaf in server.cli("ledger", "tail", "-n", "200"))


def raised(server):
    return {(one["of"], one["days_before"]) for one in server.cli("alarm", "list")}


def test_each_mark_is_raised_once_and_told_to_everybody_inside(told):
    for name, days in [("far", 121), ("c120", 120), ("c61", 61), ("c60", 60), ("c8", 8), ("c7", 7), ("today", 0), ("over", -1)]:
        told.add("contract", contract(name, day(days)))
    due = {("c120", 120), ("c61", 120), ("c60", 60), ("c8", 30), ("c7", 7), ("today", 7)}
    # A day that is over is told of as that.
    late = {("over", 0)}
    due |= late
    wait_for(lambda: raised(told) == due)
    wait_for(lambda: len(told.hook.heard) == len(due) and len(told.mails.heard) == len(due))
    bodies = []
    for headers, body in told.hook.heard:
        message = json.loads(body)
        signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
        mac = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == "v1," + mac
        assert headers["webhook-id"] == message["id"] and abs(int(headers["webhook-timestamp"]) - time.time()) < 600
        assert message["what"] == ("contract.late" if (message["of"], message["days_before"]) in late else "contract.due")
        assert message["order"] == "tianjin-2021" and "expiry" in message["why"] and "到期日" in message["why_zh"]
        bodies.append((message["of"], message["days_before"]))
    assert sorted(bodies) == sorted(due)
    sender, to, mail = next(one for one in told.mails.heard if "c60" in one[2]["subject"])
    assert sender == "<onshore@example.cn>" and to == ["<legal@example.cn>", "<it@example.cn>"]
    assert "合同须迁出" in mail["subject"] and "expiry" in mail.get_content() and "到期日" in mail.get_content() and mail["date"]
    assert any("合同逾期未迁出" in one[2]["subject"] for one in told.mails.heard)
    listed = told.run("alarm", "list", "--lang", "zh").stdout
    assert "合同须迁出" in listed and "须于" in listed and "must be left" not in listed and "must be left" in told.run("alarm", "list").stdout
    assert len({mail["message-id"] for _, _, mail in told.mails.heard}) == len(due)
    wait_for(lambda: leaves(told, "alarm.told") == 2 * len(due))
    # Once each: not after a restart, and not where a record changes that leaves the day as it is.
    told.restart()
    told.add("contract", contract("c60", day(60)) + 'notice_days = 30\n', "amend")
    told.add("contract", contract("new", day(30)))
    wait_for(lambda: ("new", 30) in raised(told) and len(told.hook.heard) == len(due) + 1 and len(told.mails.heard) == len(due) + 1)
    assert raised(told) == due | {("new", 30)}
    wait_for(lambda: leaves(told, "alarm.told") == 2 * (len(due) + 1))
    assert leaves(told, "alarm.raised") == len(due) + 1
    # Nobody abroad hears of it.
    assert told.abroad.heard == []


def test_what_is_not_taken_waits_through_a_restart(told):
    told.hook.refuse = True
    told.add("contract", contract("c7", day(7)))
    wait_for(lambda: len(told.mails.heard) == 1 and leaves(told, "alarm.told") == 1)
    told.restart()
    assert told.hook.heard == []
    told.hook.refuse = False
    wait_for(lambda: len(told.hook.heard) == 1)
    assert len(told.mails.heard) == 1


def test_who_is_exempt_or_through_is_not_told_of(told):
    order = told.run("order", "example").stdout.replace("min(expiry + 2 months, 2022-09-30)", "expiry")
    exemption = '\n[[exemptions]]\norganisation = "port"\ncontract = "exempt"\nfrom = "2022-01-01"\ngranted = "letter 7"\nreason = "flood"\n'
    path = told.data.parent / "order.toml"
    path.write_text(order + exemption, encoding="utf-8")
    tokens = {name: told.cli("token", "create", "--role", "operator", "--person", name)["token"] for name in ("ada", "bo")}
    assert told.run("order", "amend", path, env={"ONSHORE_TOKEN": tokens["ada"]}).returncode == 0
    assert told.run("order", "approve", "tianjin-2021", env={"ONSHORE_TOKEN": tokens["bo"]}).returncode == 0
    told.add("contract", contract("exempt", day(7)))
    told.add("contract", contract("other", day(7)))
    wait_for(lambda: raised(told) == {("other", 7)})


@pytest.mark.parametrize("table, said", [
    ('[alarms.webhooks.x]\nurl = "ftp://h/"', "webhooks.x"),
    ('[alarms.mail.x]\nserver = "smtp://h"\nfrom = "a@b"\nto = []', "whom mails are for"),
    ('[alarms.mail.x]\nserver = "smtp://h"\nfrom = "a"\nto = ["c@d"]', "mail address"),
    ('[alarms.mail.x]\nserver = "http://h"\nfrom = "a@b"\nto = ["c@d"]', "smtps://"),
    ('[alarms.mail.x]\nserver = "smtp://h"\nfrom = "a@b"\nto = ["c@d"]\nuser = "u"', "password_file"),
    ("[alarms]\ninterval_s = 0", "interval_s"),
])
def test_targets_that_cannot_be_are_refused_at_the_start(make_server, table, said):
    server = make_server("refused", start=False, config=CONFIG + "\n" + table + "\n")
    with pytest.raises(Exception) as failed:
        server.start()
    assert said in str(failed.value), failed.value
