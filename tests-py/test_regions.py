"""Who may run a region: licences of its operator of record, and what follows when the last one lapses."""

import json
import time
from datetime import datetime, timedelta, timezone

import pytest

from onshore_server import CONFIG

BEIJING = timezone(timedelta(hours=8))


def day(days=0):
    return str((datetime.now(BEIJING) + timedelta(days=days)).date())


class Records:
    """Writes records into files and hands them to the command line."""

    def __init__(self, server, folder):
        self.server, self.folder, self.count = server, folder, 0

    def file(self, text):
        self.count += 1
        path = self.folder / f"record-{self.count}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def does(self, kind, act, text):
        return self.server.cli(kind, act, self.file(text))

    def fails(self, kind, act, text, code=1):
        done = self.server.run(kind, act, self.file(text))
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stderr


@pytest.fixture
def region(make_server, request, tmp_path):
    server = make_server(request.node.name[:40], config=CONFIG + "\n[alarms]\ninterval_s = 1\n")
    records = Records(server, tmp_path)
    for name in ("sinnet", "nwcd", "amazon"):
        records.does("organisation", "add", f'id = "{name}"\nname = "{name}"\n')
    return records


def licence(until=None, name="vats-1", holder="sinnet", places='["CN-BJ"]', start="2017-11-14", more=""):
    end = f'until = "{until}"\n' if until else ""
    return f'id = "{name}"\nclass = "B11"\nholder = "{holder}"\nplaces = {places}\nauthority = "MIIT"\nfrom = "{start}"\n{end}{more}'


def place(operators, name="cn-north-1"):
    return f'id = "{name}"\nname = "Beijing"\nplace = "CN-BJ"\noffset = "+08:00"\nlicence_class = "B11"\noperators = [{operators}]\n'


SINNET = '{ organisation = "sinnet", from = "2017-11-14" }'


def alarms(server, what):
    return [one for one in server.cli("alarm", "list") if one["what"] == what]


def wait_for(find):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it never came")


def test_nobody_becomes_operator_of_record_without_the_licence(region):
    told = region.fails("region", "add", place(SINNET))
    assert "sinnet" in told and "B11" in told and "CN-BJ" in told
    region.does("licence", "add", licence(start="2017-11-15"))
    assert "2017-11-14" in region.fails("region", "add", place(SINNET))
    assert [leaf for leaf in region.server.cli("ledger", "tail", "-n", "50") if "operator.refused" in json.dumps(leaf)]
    region.does("licence", "amend", licence())
    region.does("region", "add", place(SINNET))
    # Who follows needs one too; whoever is there already is not asked again.
    both = SINNET.replace(" }", ', until = "2020-01-01" }') + ', { organisation = "nwcd", from = "2020-01-01" }'
    region.fails("region", "amend", place(both))
    region.does("licence", "add", licence(name="vats-2", holder="nwcd", start="2020-01-01"))
    region.does("region", "amend", place(both))
    report = lambda on: region.server.cli("report", "regions", "--as-of", on)[0]
    assert (report("2019-12-31")["operator"], report("2019-12-31")["licence"]) == ("sinnet", "vats-1")
    assert (report("2020-01-01")["operator"], report("2020-01-01")["licence"]) == ("nwcd", "vats-2")
    assert not report("2017-11-13")["open"]
    # A region that asks for a licence from now on, or lies elsewhere, asks whoever runs it; whoever did is asked no more.
    elsewhere = place('{ organisation = "amazon", from = "2015-01-01", until = "2016-01-01" }, { organisation = "amazon", from = "2016-01-01" }', "r3")
    region.does("region", "add", elsewhere.replace('licence_class = "B11"\n', ""))
    assert "amazon" in region.fails("region", "amend", elsewhere) and "nwcd" in region.fails("region", "amend", place(both).replace("CN-BJ", "DE"))
    region.does("licence", "add", licence(name="vats-3", holder="amazon", start="2020-01-01"))
    region.does("region", "amend", elsewhere)
    # And none that asks for one asks for nothing any more, whoever runs it.
    free = elsewhere.replace('licence_class = "B11"\n', "")
    assert "not nothing" in region.fails("region", "amend", free)
    assert "不能取消" in region.server.run("region", "amend", region.file(free), "--lang", "zh").stderr
    # Two at a time contradict each other: wrong usage.
    region.fails("region", "amend", place(SINNET + ', { organisation = "nwcd", from = "2020-01-01" }'), code=2)
    # A partnership is with whoever runs it, and says what is kept.
    partners = 'id = "aws"\nregion = "cn-north-1"\noperator = "{}"\ntechnology_provider = "amazon"\ntechnology = "all of it"\nfrom = "2017-11-14"\nretained = [{{ what = "intellectual-property", text = "Amazon continues to own the IP" }}]\n'
    assert "nwcd" in region.fails("partnership", "add", partners.format("nwcd"))
    region.does("partnership", "add", partners.format("sinnet"))
    assert report("2018-01-01")["technology_providers"] == ["amazon"]
    region.fails("partnership", "add", partners.format("sinnet").replace("intellectual-property", "everything"), code=2)


def test_without_the_licence_no_tenant_comes(region):
    server = region.server
    server.cli("tenant", "create", "before")
    region.does("licence", "add", licence(until=day(1)))
    region.does("region", "add", place(SINNET))
    server.cli("tenant", "create", "last")
    (ends,) = wait_for(lambda: alarms(server, "licence.ends"))
    assert (ends["of"], ends["due"], ends["days_before"]) == ("cn-north-1", day(1), 7) and "sinnet" in ends["why"]
    region.does("licence", "amend", licence(until=day(0)))
    refused = server.run("tenant", "create", "late")
    assert refused.returncode == 1 and "sinnet" in refused.stderr and "B11" in refused.stderr, refused.stderr
    assert [leaf for leaf in server.cli("ledger", "tail", "-n", "50") if "tenant.refused" in json.dumps(leaf)]
    assert "late" not in json.dumps(server.cli("tenant", "list"))
    # Who is there goes on.
    server.client().create_bucket(Bucket="still-here")
    (lapsed,) = wait_for(lambda: alarms(server, "licence.lapsed"))
    assert lapsed["due"] == day(0) and lapsed["days_before"] == 0
    leaf = [leaf for leaf in server.cli("ledger", "tail", "-n", "100") if leaf["index"] == lapsed["leaf"]]
    assert "alarm.raised" in json.dumps(leaf)
    # Each is raised once, also after a restart; the licence of somebody else, of elsewhere or of tomorrow opens nothing.
    server.restart()
    region.does("licence", "add", licence(name="other", holder="nwcd"))
    region.does("licence", "add", licence(name="elsewhere", places='["CN-NX"]'))
    region.does("licence", "add", licence(name="tomorrow", start=day(1), until=day(2)))
    assert server.run("tenant", "create", "late").returncode == 1
    region.does("licence", "add", licence(name="new", start=day(0), until=day(120)))
    server.cli("tenant", "create", "late")
    _, again = wait_for(lambda: len(alarms(server, "licence.ends")) == 2 and alarms(server, "licence.ends"))
    assert (again["due"], again["days_before"]) == (day(120), 120)
    assert len(alarms(server, "licence.lapsed")) == 1
    region.does("licence", "amend", licence(name="new", start=day(0), until=day(120), more=f'revoked = {{ from = "{day(0)}", reason = "sold on" }}\n'))
    assert server.run("tenant", "create", "later").returncode == 1


def test_a_region_that_is_in_no_register_asks_for_nothing(region):
    region.does("licence", "add", licence(until="2018-01-01"))
    region.does("region", "add", place('{ organisation = "sinnet", from = "2017-12-01" }', "cn-elsewhere"))
    region.server.cli("tenant", "create", "comes")
    assert [one["region"] for one in region.server.cli("report", "regions")] == ["cn-elsewhere"]
