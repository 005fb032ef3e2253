"""A second generator, of other shapes than `generate.py`: sentences of two languages with what only looks like an identifier between
them, digits of full width and in groups, program text, logs, and columns under names that nobody may have thought of. The
rules were not made with its seeds before them. Everything is drawn; no real person is in it.
"""

import hashlib
import json

from generate import Generator, Text

ROWS_OF_INSERT = 50


def wide(value):
    return "".join(chr(ord(sign) + 0xFEE0) for sign in value)


class Shapes(Generator):
    def __init__(self, seed):
        super().__init__(seed)
        draw, fakes = self.draw, self.fakes
        mail = lambda: fakes[draw.choice(["en_US", "de_DE", "fr_FR", "zh_CN"])].email()
        iban = lambda: fakes[draw.choice(["de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL"])].iban()
        self.chinese = [
            ("cn.resident-id", self.resident, ["NAME身份证{}电话", "持有身份证号{}的NAME先生", "NAME（身份证：{}）", "经核实，NAME，{}，已办理登记", "公民身份号码{}", "NAME，男，汉族，身份证号码：{}，住ADDRESS"]),
            ("cn.mobile", self.mobile, ["NAME手机{}已停机", "电话是{}请记录", "联系人NAME（{}）", "拨打{}，", "NAME {}", "tel：{}", "他的号码{}", "回拨{}即可"]),
            ("payment-card", self.grouped_card, ["卡号{}，开户行工商银行", "汇入NAME账户{}", "银行卡{}已冻结", "请转账至{}", "信用卡尾号对应卡号为{}", "收款账号：{}"]),
            ("cn.social-credit-code", self.credit_code, ["统一社会信用代码{}", "公司（{}）", "信用代码：{}，法定代表人NAME", "税号{}开票"]),
            ("e-mail", mail, ["邮箱{}。", "发邮件到{}，", "email：{}；"]),
            ("cn.plate", self.cn.license_plate, ["车牌{}", "驾驶{}的车辆"]),
        ]
        self.english = [
            ("cn.resident-id", self.resident, ["his Chinese ID {} was checked", "ID number: {}.", "(ID: {})", "Resident ID {}, issued in Beijing"]),
            ("cn.mobile", self.mobile, ["call {} for details", "mobile: {}", "reach him at {}.", "phone number {}", "WeChat {}", "cell {}"]),
            ("payment-card", self.grouped_card, ["paid with card {}", "card number {}", "Visa {}", "my credit card is {}.", "PAN: {}"]),
            ("eu.iban", lambda: self.in_groups(iban(), 4) if draw.random() < 0.5 else iban(), ["IBAN: {}", "transfer to {}", "account {} at"]),
            ("e-mail", mail, ["write to {}.", "<{}>", "mailto:{}", "contact {}, please"]),
            ("ip-address", self.cn.ipv4_public, ["from {} port 22", "client {} -", "host {} is down", "http://{}/index.html"]),
            ("us.ssn", fakes["en_US"].ssn, ["SSN {}", "social security number {}", "SSN: {}"]),
            ("fr.nir", self.french_nir, ["NIR {}", "numéro de sécurité sociale {}", "Sécurité sociale : {}"]),
            ("es.dni", fakes["es_ES"].nif, ["DNI {}", "con NIF {}", "documento nacional {}"]),
            ("it.codice-fiscale", fakes["it_IT"].ssn, ["codice fiscale {}", "C.F.: {}", "CF {}"]),
            ("nl.bsn", fakes["nl_NL"].ssn, ["BSN {}", "burgerservicenummer {}", "BSN-nummer {}"]),
            ("pl.pesel", fakes["pl_PL"].pesel, ["PESEL {}", "numer PESEL {}", "PESEL: {}"]),
            ("de.tax-id", self.german_tax_id, ["Steuer-ID {}", "Steueridentifikationsnummer {}", "steuerliche Identifikationsnummer: {}", "IdNr {}"]),
        ]
        self.columns = {
            "cn.resident-id": (self.cn.ssn, ["身份证号码", "证件号", "sfzh", "id_card_no", "公民身份号码", "IDNumber", "cert_no"]),
            "cn.mobile": (self.cn.phone_number, ["手机号码", "sjh", "mobile_phone", "Tel", "contact_phone", "phoneNo", "lxdh", "联系方式"]),
            "payment-card": (self.card, ["银行卡号", "yhkh", "card_num", "bankCardNo", "Card Number", "bank_account", "银行账号", "creditCard"]),
            "e-mail": (mail, ["邮箱地址", "Email", "mail_addr", "E-Mail", "emailAddress"]),
            "cn.social-credit-code": (self.credit_code, ["统一社会信用代码", "uscc", "tyshxydm", "credit_code", "企业代码"]),
            "eu.iban": (iban, ["IBAN", "iban_code", "Kontonummer", "Bank account"]),
            "ip-address": (self.cn.ipv4_public, ["ip", "client_ip", "IP地址", "last_login_ip"]),
            "cn.name": (self.cn.name, ["姓名", "xm", "名称", "full_name", "联系人姓名", "真实姓名", "name"]),
            "cn.address": (self.cn.address, ["地址", "家庭住址", "dz", "addr", "联系地址", "home_address"]),
            "order": (lambda: self.digits(18), ["订单号", "order_sn", "ddh", "OrderID", "业务编号", "单据编号"]),
            "long": (lambda: self.digits(16), ["交易流水", "ref", "reference_no", "凭证号", "voucher", "biz_no"]),
            "longer": (lambda: self.digits(19), ["trade_no", "支付单号", "external_id", "id"]),
            "eleven": (lambda: self.digits(11), ["设备号", "member_id", "编码", "batch"]),
            "stamp": (lambda: str(1_600_000_000_000 + draw.randrange(10**11)), ["create_time", "时间戳", "ts_ms"]),
            "hash": (lambda: hashlib.md5(self.digits(7).encode()).hexdigest(), ["md5", "指纹码", "token_hash"]),
            "price": (lambda: f"{draw.randrange(10**7) / 100:.2f}", ["金额", "amount", "单价"]),
            "company": (self.cn.company, ["公司名称", "单位", "company_name"]),
            "note": (lambda: self.cn.sentence(nb_words=4), ["备注", "remark"]),
            "uuid": (lambda: self.en.uuid4(), ["uuid", "guid", "rowkey"]),
            "day": (self.day, ["出生日期", "birthday", "date"]),
        }

    # Values, as people write them.

    def day(self):
        return f"{self.draw.randint(2019, 2026)}-{self.draw.randint(1, 12):02}-{self.draw.randint(1, 28):02}"

    def in_groups(self, value, size, sign=" "):
        return sign.join(value[at : at + size] for at in range(0, len(value), size))

    def resident(self):
        own = self.cn.ssn()
        parts = own[:6], own[6:14], own[14:]
        return self.draw.choice([own, own, own, own, wide(own), " ".join(parts), "-".join(parts), own.lower()])

    def mobile(self):
        own = self.cn.phone_number()
        parts = own[:3], own[3:7], own[7:]
        return self.draw.choice([own, own, own, wide(own), " ".join(parts), "-".join(parts), "+86" + own, "+86 " + own, "+86-" + own, "+86 " + " ".join(parts)])

    def grouped_card(self):
        own = self.card()
        return self.draw.choice([own, own, self.in_groups(own, 4), self.in_groups(own, 4, "-") if len(own) == 16 else own]) if len(own) != 15 else own

    # What only looks like one.

    def chinese_negatives(self):
        draw, digits = self.draw, self.digits
        return [
            lambda: f"订单编号{digits(draw.choice([12, 15, 16, 18, 19]))}已发货", lambda: f"快递单号SF{digits(13)}", lambda: f"流水号：{self.day().replace('-', '')}{digits(draw.choice([8, 10, 12]))}",
            self.cn.sentence, lambda: f"金额{draw.randrange(10**9) / 100:.2f}元", lambda: f"合同编号HT-{digits(8)}-{digits(4)}", lambda: f"批号{digits(draw.choice([8, 10, 11]))}",
            lambda: f"会员编号{digits(draw.choice([8, 10, 11]))}", lambda: f"发票代码{digits(12)}", lambda: f"资产编号{digits(16)}", lambda: f"工单号{digits(11)}", lambda: f"参考号{digits(16)}",
            lambda: f"凭证号{digits(19)}", lambda: f"设备序列号{''.join(draw.choices('ABCDEF0123456789', k=16))}", lambda: "QQ群里说版本3.2.1.0已发布",
        ]

    def english_negatives(self):
        draw, digits = self.draw, self.digits
        own = lambda: self.cn.ssn()
        other = lambda value: value[:-1] + draw.choice([sign for sign in "0123456789" if sign != value[-1]])
        return [
            lambda: f"order {digits(draw.choice([9, 10, 11, 16, 18]))}", lambda: f"tracking number 1Z{''.join(draw.choices('ABCDEFGHJK0123456789', k=16))}", self.en.sentence,
            lambda: f"commit {hashlib.sha1(digits(8).encode()).hexdigest()}", lambda: f"build 10.0.{digits(5)}.{digits(3)}", lambda: f"uuid {self.en.uuid4()}", lambda: f"SKU 1{digits(10)}",
            lambda: f"isbn {self.en.isbn13()}", lambda: f"ticket #{digits(9)}", lambda: f"ref {digits(16)}", lambda: f"reference {digits(19)}", lambda: f"id 0x{draw.getrandbits(64):016X}",
            lambda: f"checked {other(own())}", lambda: f"const MAX: u64 = {digits(19)};", lambda: "user@localhost", lambda: "version 1.2.3.4", lambda: f"epoch {1_600_000_000 + draw.randrange(10**8)}",
        ]

    # Texts.

    def sentences(self, count, kinds, negatives, ends):
        text = Text()
        for _ in range(count):
            if self.draw.random() < 0.5:
                kind, make, sentences = self.draw.choice(kinds)
                front, back = self.draw.choice(sentences).replace("NAME", self.cn.name()).replace("ADDRESS", self.cn.address()).split("{}")
                text.add(front)
                text.add(make(), kind)
                text.add(back)
            else:
                text.add(self.draw.choice(negatives)())
            text.add(self.draw.choice(ends))
        return text.done()

    def lines(self, count, lines):
        """Lines of pieces; a pair is a kind and a value of it."""
        text = Text()
        for _ in range(count):
            for piece in self.draw.choice(lines)():
                text.add(*piece) if isinstance(piece, tuple) else text.add(piece)
            text.add("\n")
        return text.done()

    def program(self, count):
        draw, digits = self.draw, self.digits
        return self.lines(count, [
            lambda: ['String phone = "', (self.cn.phone_number(), "cn.mobile"), '";'], lambda: ["const ID_CARD = '", (self.cn.ssn(), "cn.resident-id"), "';"],
            lambda: ['card_number = "', (self.card(), "payment-card"), '"'], lambda: ["# author: ", (self.en.email(), "e-mail")], lambda: [f"int x{draw.randrange(99)} = {digits(9)};"],
            lambda: [f"0x{draw.getrandbits(64):016x}ULL,"], lambda: [f"private static final long serialVersionUID = -{digits(19)}L;"], lambda: [f"assert_eq!(f({digits(16)}), {digits(18)});"],
            lambda: [f"float pi = 3.{digits(16)}f; // {digits(11)}"], lambda: [f"data:image/png;base64,{''.join(draw.choices('ABCDEFabcdef0123456789+/', k=120))}"],
        ])

    def log(self, count):
        draw, digits = self.draw, self.digits
        at = lambda: f"{self.day()} {draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}.{digits(3)}"
        return self.lines(count, [
            lambda: [(self.cn.ipv4_public(), "ip-address"), f' - - [10/Oct/2025:13:55:36 +0800] "GET /api/user/{digits(9)} HTTP/1.1" 200 {digits(5)} "-" "Chrome/120.0.6099.109"'],
            lambda: [f"{at()} INFO login mobile=", (self.cn.phone_number(), "cn.mobile"), f" traceId={draw.getrandbits(128):032x} cost={draw.randrange(999)}ms"],
            lambda: [f'{{"ts":"{at()}","idCard":"', (self.cn.ssn(), "cn.resident-id"), f'","reqId":"{digits(18)}","phone":"', (self.cn.phone_number(), "cn.mobile"), '"}'],
            lambda: [f"{at()} DEBUG orderId={digits(18)} amount={draw.randrange(10**8) / 100} payNo={digits(22)} status=OK"],
            lambda: [f"{at()} ERROR [{draw.getrandbits(64):016x}] pay fail, bankCard=", (self.card(), "payment-card"), f", txnId={digits(16)}"],
            lambda: [f"{at()} INFO snowflake={15 * 10**17 + draw.randrange(10**17)} seq={digits(11)} ns={16 * 10**17 + draw.randrange(10**17)}"],
            lambda: [f"{at()} INFO 用户注册成功 手机号:", (self.cn.phone_number(), "cn.mobile"), f" 姓名:{self.cn.name()} 身份证:", (self.cn.ssn(), "cn.resident-id")],
        ])

    # Records.

    def heads_and_rows(self, count):
        """Some columns in some order, and their rows; of one value in twenty there is none."""
        kinds = [kind for kind in self.columns if self.draw.random() < 0.6]
        self.draw.shuffle(kinds)
        heads = [(kind, self.draw.choice(self.columns[kind][1])) for kind in kinds]
        rows = [[self.columns[kind][0]() if self.draw.random() < 0.95 else "" for kind in kinds] for _ in range(count)]
        return heads, rows

    @staticmethod
    def kind(column):
        return column if ("." in column or "-" in column) and column not in ("cn.name", "cn.address") else None

    def written(self, heads, rows, form):
        """The same rows in a form of text."""
        text = Text()
        name = lambda head: head.replace(" ", "_").replace(".", "")
        names = ", ".join(name(head) for _, head in heads)

        def values(row, front, back, between):
            for at, ((column, head), value) in enumerate(zip(heads, row)):
                text.add((between if at else "") + front(head))
                if value:
                    text.add(value, self.kind(column))
                text.add(back(head))

        if form == "copy":
            text.add(f"--\n-- PostgreSQL database dump\n--\nSET x = 0;\nCOPY public.users ({names}) FROM stdin;\n")
        elif form == "insert":
            text.add("CREATE TABLE `u` (\n" + ",\n".join(f"  `{name(head)}` varchar(64)" for _, head in heads) + "\n) ENGINE=InnoDB;\n")
        elif form == "xml":
            text.add('<?xml version="1.0" encoding="UTF-8"?>\n<users>\n')
        elif form == "html":
            text.add("<!DOCTYPE html><html><body><table><tr>" + "".join(f"<th>{head}</th>" for _, head in heads) + "</tr>\n")
        elif form != "json" and "without" not in form:
            text.add((form[0]).join(f'"{head}"' if "quoted" in form else head for _, head in heads) + "\n")
        for at, row in enumerate(rows):
            if form == "copy":
                values(row, lambda _: "", lambda _: "", "\t")
            elif form == "insert":
                text.add("INSERT INTO `u` VALUES (" if at % ROWS_OF_INSERT == 0 else ",(")
                values(row, lambda _: "'", lambda _: "'", ",")
                text.add(")" + (";" if (at + 1) % ROWS_OF_INSERT == 0 else ""))
            elif form == "xml":
                text.add("<user>")
                values(row, lambda head: f"<{name(head)}>", lambda head: f"</{name(head)}>", "")
                text.add("</user>")
            elif form == "html":
                text.add("<tr>")
                values(row, lambda _: "<td>", lambda _: "</td>", "")
                text.add("</tr>")
            elif form == "json":
                text.add(f'{{"n":{at},"user":{{')
                values(row, lambda head: f"{json.dumps(head, ensure_ascii=False)}:\"", lambda _: '"', ",")
                text.add("}}")
            else:
                quote = '"' if "quoted" in form else ""
                values(row, lambda _: quote, lambda _: quote, form[0])
            text.add("\n")
        text.add({"copy": "\\.\n", "xml": "</users>\n", "html": "</table></body></html>\n"}.get(form, ""))
        return text.done()
