"""What an order, a licence, a review and a guard say no to, alarms and hand-overs: in Chinese where somebody reads that."""

import csv
import io
import json
import urllib.error
import urllib.request

import pypdf
import pytest

from test_guard import ABROAD, CHINA, HOME, UNKNOWN, plan, run
from test_regions import SINNET, Records, place


def has_chinese(text):
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


@pytest.fixture
def office(make_server, request, tmp_path):
    records = Records(make_server(request.node.name[:40]), tmp_path)
    server = records.server
    records.does("order", "add", server.run("order", "example").stdout)
    records.does("organisation", "add", 'id = "tianjin-sasac"\nname = "S"\nkind = "state-organ"\n')
    records.does("organisation", "add", 'id = "port"\nname = "港口"\nsector = "finance"\nusers = 2_000_000\nowners = [{ owner = "tianjin-sasac", percent = 51, from = "2000-01-01" }]\n')
    records.does("organisation", "add", 'id = "sinnet"\nname = "光环新网"\n')
    records.does("provider", "add", 'id = "alibaba-cloud"\nname = "A"\nkind = "third-party-cloud"\n')
    return records


CONTRACT = 'id = "c-1"\norganisation = "port"\nprovider = "alibaba-cloud"\nservice = "oss"\nstart = "2030-01-01"\nend = "2031-01-01"\n'


def test_refusals_of_the_register_are_told_in_chinese(office):
    server = office.server
    asked = [
        (("contract", "sign", office.file(CONTRACT)), "冻结", "is frozen"),
        (("procure", "check", "procure.server", "--organisation", "port"), "采购服务器", "is frozen"),
        (("listing", "check", "--organisation", "port", "--place", "US"), "网络安全审查办法", "may not list"),
        (("region", "add", office.file(place(SINNET))), "许可证", "cannot be operator"),
    ]
    for command, chinese, english in asked:
        told = server.run(*command, "--lang", "zh")
        assert told.returncode == 1 and chinese in told.stderr and english not in told.stderr, told.stderr
        by_variable = server.run(*command, env={"ONSHORE_LANG": "zh"})
        assert has_chinese(by_variable.stderr) and english not in by_variable.stderr
        in_english = server.run(*command)
        assert english in in_english.stderr, in_english.stderr
    assert "没有命令冻结" in server.run("procure", "check", "procure.server", "--organisation", "sinnet", "--lang", "zh").stdout
    assert server.run("procure", "check", "procure.server", "--organisation", "sinnet", "--lang", "fr").returncode == 2
    # Consents of a trade by the names that people read, and recorded by one name.
    waits = server.run("listing", "check", "--organisation", "port", "--place", "US", "--lang", "zh").stderr
    assert "国家金融监督管理总局" in waits and "National" not in waits
    (review,) = server.cli("review", "list")
    assert review["record"]["consents"][0]["authority"] == "National Financial Regulatory Administration"


def ask(server, path, body, language):
    request = urllib.request.Request(
        server.control + path, json.dumps(body).encode(), {"authorization": f"Bearer {server.token}", "content-type": "application/json", "accept-language": language})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    return refused.value.headers, json.load(refused.value)


def test_a_program_is_answered_in_the_language_that_it_asks_for(office):
    body = {"what": "procure.server", "organisation": "port"}
    asked = lambda language: ask(office.server, "/v1/procurement/check", body, language)
    for language, answered in [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en", "en"), ("de", "en"), ("en;q=0.3,zh;q=0.2", "en")]:
        headers, problem = asked(language)
        assert headers["content-language"] == answered and headers["content-type"] == "application/problem+json" and "accept-language" in headers["vary"].lower()
        assert has_chinese(problem["detail"].replace("港口", "")) == (answered == "zh") and problem["code"] == "frozen" and problem["status"] == 403 and problem["leaf"] > 0
        assert int(headers["content-length"]) == len(json.dumps(problem, ensure_ascii=False, separators=(",", ":")).encode())
    # What is said in English alone is said in English.
    headers, problem = ask(office.server, "/v1/procurement/check", {"what": "nothing", "organisation": "port"}, "zh")
    assert headers["content-language"] is None and not has_chinese(problem["detail"])


def get(server, path, language):
    request = urllib.request.Request(server.control + path, headers={"authorization": f"Bearer {server.token}", "accept-language": language})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers, answer.read().decode()


def test_reports_are_read_in_the_language_that_somebody_asks_for(office):
    server = office.server
    office.does("contract", "add", CONTRACT)
    for path in ("/v1/report/status?as_of=2022-01-01", "/v1/report/cases"):
        for language, answered in [("zh-CN, en;q=0.5", "zh"), ("fr", "en")]:
            headers, text = get(server, path, language)
            assert headers["content-language"] == answered and headers["vary"].lower() == "accept-language"
            assert has_chinese(text.replace("港口", "")) == (answered == "zh"), text
        # What the address asks for goes before what the program would rather read.
        said = f"{path}{'&' if '?' in path else '?'}lang="
        headers, text = get(server, said + "en", "zh")
        assert headers["content-language"] == "en" and not has_chinese(text.replace("港口", ""))
        headers, text = get(server, said + "zh", "en")
        assert headers["content-language"] == "zh" and has_chinese(text.replace("港口", ""))
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(server, said + "fr", "zh")
        assert refused.value.code == 400
    headers, text = get(server, "/v1/report/persons?tenants=default", "zh")
    assert headers["content-language"] is None and json.loads(text)["held"]


def test_what_is_held_is_told_in_chinese(office):
    server = office.server
    server.bucket("held")
    server.client().put_object(Bucket="held", Key="a.csv", Body="email\na@example.com\nb@example.com\n")
    persons = server.run("report", "persons", "--lang", "zh").stdout
    assert "人数（去重）" in persons and "本年已出境" in persons and "PERSONS" not in persons and "left" not in persons, persons
    assert "约涉及 2 人" in server.run("report", "persons", "--estimate", "--lang", "zh").stdout
    holdings = server.run("report", "holdings", "--unread-days", "1", "--without", "e-mail", "--lang", "zh").stdout
    assert "未声明目的" in holdings and "不足 30 天" in holdings and "1 天内未读取" in holdings and "去除 e-mail 后：" in holdings, holdings
    assert "TENANT" not in holdings and "under" not in holdings and "Reads" not in holdings
    # For programs it says the same in any language.
    assert server.run("report", "holdings", "--json", "--lang", "zh").stdout == server.run("report", "holdings", "--json").stdout


def test_a_plan_is_judged_alike_in_both_languages(tmp_path):
    path, order = tmp_path / "plan.json", tmp_path / "order.toml"
    order.write_text(run("order", "example").stdout, encoding="utf-8")
    path.write_text(json.dumps(plan(HOME, ABROAD, CHINA, UNKNOWN)), encoding="utf-8")
    told = {lang: run("guard", path, "--orders", order, "--residency", "CN", "--lang", lang, "--json") for lang in ("en", "zh")}
    assert {one.returncode for one in told.values()} == {1}
    en, zh = (json.loads(told[lang].stdout)["findings"] for lang in ("en", "zh"))
    assert [(one["rule"], one["address"], one["weight"]) for one in en] == [(one["rule"], one["address"], one["weight"]) for one in zh] and len(en) >= 3
    assert all(has_chinese(one["message"]) for one in zh) and not any("somebody must look" in one["message"] or "data stays" in one["message"] for one in zh)
    table = run("guard", path, "--orders", order, "--residency", "CN", "--lang", "zh").stdout
    assert "违反" in table and "判定 4 项资源" in table and "violation" not in table
    sarif = json.loads(run("guard", path, "--orders", order, "--residency", "CN", "--lang", "zh", "--sarif").stdout)
    (driver,) = [one["tool"]["driver"] for one in sarif["runs"]]
    assert all(has_chinese(rule["shortDescription"]["text"]) for rule in driver["rules"]) and len(driver["rules"]) >= 10


def test_a_hand_over_is_a_paper_in_both_languages(office, tmp_path):
    server = office.server
    office.does("organisation", "add", 'id = "amazon"\nname = "Amazon"\n')
    more = '\n[[tranches]]\nid = "racks"\ntext = "机柜"\nprice_minor = 1_234_567_89\ndue = "2018-01-31"\n'
    signatories = '\nseller_signatories = ["wei"]\nbuyer_signatories = ["li"]\n\n[[tranches]]'
    office.does("handover", "add", server.run("handover", "example").stdout.replace("\n[[tranches]]", signatories, 1) + more)
    for person, side in [("wei", "seller"), ("li", "buyer")]:
        token = server.cli("token", "create", "--role", "operator", "--person", person)["token"]
        assert server.run("handover", "accept", "sinnet-2017", "racks", "--side", side, env={"ONSHORE_TOKEN": token}).returncode == 0
    said = {
        "en": ["Seller amazon", "2,000,000,000.00 CNY at most, of which 1,234,567.89 CNY are accepted", "accepted", "open", "Stays with the seller: intellectual property", "The Register"],
        "zh": ["出让方 amazon", "总价上限 2,000,000,000.00 CNY", "已验收", "待签署", "由出让方保留：知识产权", "The Register"],
    }
    for lang, words in said.items():
        text = server.run("report", "handover", "sinnet-2017", "--lang", lang).stdout
        assert all(word in text for word in words), text
        out = tmp_path / f"{lang}.pdf"
        assert server.run("report", "handover", "sinnet-2017", "--format", "pdf", "--lang", lang, "--out", out).returncode == 0
        pages = "\n".join(page.extract_text() for page in pypdf.PdfReader(out).pages)
        assert "1,234,567.89 CNY" in pages and "wei" in pages and "机柜" in pages and words[0] in pages
    rows = list(csv.DictReader(io.StringIO(server.run("report", "handover", "sinnet-2017", "--format", "csv", "--lang", "zh").stdout)))
    assert [(row["tranche"], row["state"]) for row in rows] == [("assets", "open"), ("racks", "accepted")] and rows[1]["price"] == "1,234,567.89 CNY"
    assert server.cli("report", "handover", "sinnet-2017")["record"]["id"] == "sinnet-2017"
    assert server.run("report", "handover", "nobody").returncode == 1
    # What does not fit what is there is said in it too.
    again = server.run("handover", "accept", "sinnet-2017", "racks", "--side", "buyer", "--lang", "zh", env={"ONSHORE_TOKEN": token})
    assert again.returncode == 1 and "受让方已签署该批次" in again.stderr and "signed" not in again.stderr, again.stderr
