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
