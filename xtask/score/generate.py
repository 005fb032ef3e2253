"""Generates texts with identifiers whose places are known, among what only looks like them. Everything comes from a seed; no
real person is in it.
"""

import hashlib
import json
import random

from faker import Faker

CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]
REGIONS = ["110105", "310115", "440305", "330106", "510107", "420102", "350211", "610113"]


def luhn_digit(front):
    total = sum(sum(divmod(int(digit) * 2, 10)) if at % 2 == 0 else int(digit) for at, digit in enumerate(reversed(front)))
    return str(-total % 10)


class Text:
    """A text on its way, with the places of what is to be found."""

    def __init__(self):
        self.pieces, self.spans, self.length = [], [], 0

    def add(self, piece, kind=None):
        if kind:
            self.spans.append((kind, self.length, self.length + len(piece)))
        self.pieces.append(piece)
        self.length += len(piece)

    def done(self):
        return "".join(self.pieces), self.spans


class Generator:
    def __init__(self, seed):
        Faker.seed(seed)
        self.draw = random.Random(seed)
        self.fakes = {place: Faker(place) for place in ["zh_CN", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "en_US", "zh_TW"]}
        self.cn, self.en = self.fakes["zh_CN"], self.fakes["en_US"]

    # Values.

    def digits(self, count):
        return f"{self.draw.randrange(10**count):0{count}}"

    def credit_code(self):
        signs = lambda: self.draw.choice("0123456789") if self.draw.random() < 0.7 else self.draw.choice(CREDIT[10:])
        front = self.draw.choice(["91", "51", "12", "92", "93"]) + self.draw.choice(REGIONS) + "".join(signs() for _ in range(9))
        return front + CREDIT[-sum(CREDIT.index(sign) * weight for sign, weight in zip(front, CREDIT_WEIGHTS)) % 31]

    def card(self):
        """A third UnionPay's with 19 digits, which Faker does not make, a third of the locale, a third of the world."""
        which = self.draw.randrange(3)
        if which == 0:
            front = self.draw.choice(["622202", "621700", "622848", "621661", "623058", "621483"]) + self.digits(12)
            return front + luhn_digit(front)
        if which == 1:
            return self.cn.credit_card_number()
        return self.en.credit_card_number(self.draw.choice(["visa16", "mastercard", "amex", "discover", "jcb16"]))

    def rare_card(self):
        """Of lengths that other numbers have more often."""
        return self.en.credit_card_number(self.draw.choice(["visa13", "visa19", "diners", "jcb15", "maestro"]))

    def german_tax_id(self):
        while True:
            ten = [self.draw.randrange(1, 10)] + [self.draw.randrange(10) for _ in range(9)]
            counts = [ten.count(digit) for digit in range(10)]
            if sorted(counts)[-1] in (2, 3) and sum(count > 1 for count in counts) == 1:
                break
        product = 10
        for digit in ten:
            product = ((digit + product) % 10 or 10) * 2 % 11
        return "".join(map(str, ten)) + str((11 - product) % 10)

    def luhn_fails(self, count):
        while True:
            number = self.digits(count)
            if luhn_digit(number[:-1]) != number[-1]:
                return number

    def taiwan_id(self):
        letter, sex = self.draw.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), self.draw.choice("12")
        value = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(letter) + 10
        front = sex + self.digits(7)
        total = value // 10 + value % 10 * 9 + sum(int(digit) * (8 - at) for at, digit in enumerate(front))
        return letter + front + str(-total % 10)

    def resident_number(self, region):
        """The 18 digits of residents from Hong Kong (810000), Macau and Taiwan, and of foreigners (9)."""
        front = region + f"{self.draw.randint(1950, 2015)}{self.draw.randint(1, 12):02}{self.draw.randint(1, 28):02}" + self.digits(3)
        weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
        return front + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(front, weights)) % 11]

    def hong_kong_id(self):
        letter = self.draw.choice("ABCDEFGHKMPRSVYZ")
        front = self.digits(6)
        total = 36 * 9 + (ord(letter) - 55) * 8 + sum(int(digit) * (7 - at) for at, digit in enumerate(front))
        check = -total % 11
        return f"{letter}{front}({'A' if check == 10 else check})"

    def french_nir(self):
        front = f"{self.draw.choice('12')}{self.digits(2)}{self.draw.randint(1, 12):02}{self.draw.randint(1, 95):02}{self.draw.randint(1, 990):03}{self.draw.randint(1, 999):03}"
        return front + f"{97 - int(front) % 97:02}"

    def imei(self):
        front = "35" + self.digits(12)
        return front + luhn_digit(front)

    def values(self):
        """Kinds, how their values are made, and what stands around them; where nothing does, only their form tells."""
        return {
            "cn.resident-id": (self.cn.ssn, ["身份证号{}", "{}", "证件号码：{}，请核对", "ID {} ok", "他的身份证({})已过期", "张三{}北京", "id={}"]),
            "cn.mobile": (self.cn.phone_number, ["手机{}", "{}", "致电{}。", "call {} now", "tel:{}", "联系方式：{}/微信同号", "请打{}找我", "phone={}"]),
            "payment-card": (self.card, ["卡号{}", "{}", "银行卡 {} 工商银行", "card {} visa", "转账到{}即可", "cardNo={}"]),
            "e-mail": (self.cn.email, ["邮箱{}", "{}", "<{}>", "写信给{}，谢谢", "mail to {}.", "email={}"]),
            "cn.plate": (self.cn.license_plate, ["车牌{}", "{}", "一辆{}的车"]),
            "ip-address": (self.cn.ipv4_public, ["{}", "from {} to", "登录IP：{}，", "{}:8080", "ip={}"]),
            "cn.social-credit-code": (self.credit_code, ["信用代码{}", "{}", "统一社会信用代码：{}。", "公司税号{}"]),
            "eu.iban": (self.fakes["de_DE"].iban, ["IBAN {}", "{}", "Konto: {}, danke"]),
        }

    def rare_values(self):
        """Kinds that a word must name, and where each is at home."""
        fakes = self.fakes
        return {
            "payment-card": (self.rare_card, ["卡号{}", "card number {}", "银行卡号：{}"]),
            "de.tax-id": (self.german_tax_id, ["Steuer-ID {}", "IdNr. {}", "Steueridentifikationsnummer: {}"]),
            "fr.nir": (self.french_nir, ["NIR {}", "numéro de sécurité sociale : {}"]),
            "es.dni": (fakes["es_ES"].nif, ["DNI {}", "NIF: {}", "con DNI {} y"]),
            "it.codice-fiscale": (fakes["it_IT"].ssn, ["codice fiscale {}", "C.F. {}", "{}"]),
            "nl.bsn": (fakes["nl_NL"].ssn, ["BSN {}", "burgerservicenummer: {}"]),
            "pl.pesel": (fakes["pl_PL"].pesel, ["PESEL {}", "nr PESEL: {}"]),
            "us.ssn": (fakes["en_US"].ssn, ["SSN {}", "social security number: {}"]),
            "tw.national-id": (self.taiwan_id, ["台灣身分證字號{}", "身分證字號：{}"]),
            "hk.identity-card": (self.hong_kong_id, ["香港身份证{}", "HKID: {}", "香港身份證號碼：{}"]),
            "cn.residence-permit": (lambda: self.resident_number(self.draw.choice(["810000", "820000", "830000"])), ["居住证{}", "港澳台居民居住证：{}"]),
            "imei": (self.imei, ["IMEI {}", "imei={}", "手机串号：{}"]),
            "cn.passport": (lambda: self.draw.choice(["E", "G"]) + self.digits(8), ["护照{}", "passport no. {}", "护照号码：{}"]),
            "cn.qq": (lambda: str(self.draw.randrange(10**7, 10**10)), ["QQ：{}", "qq号{}", "QQ {}"]),
            "cn.wechat": (lambda: "wxid_" + "".join(self.draw.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=14)), ["微信{}", "{}", "WeChat: {}"]),
            "ipv6-address": (self.en.ipv6, ["from {} to", "IP：{}", "{}"]),
            "eu.iban": (lambda: fakes[self.draw.choice(["de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL"])].iban(), ["IBAN {}", "{}"]),
        }

    # What only looks like one.

    def negatives(self):
        draw = self.draw
        day = lambda: f"{draw.randint(1990, 2026)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"
        return {
            "order": lambda: "订单号" + self.digits(18),
            "order_en": lambda: f"order no. {self.digits(16)}",
            "number": lambda: str(draw.randrange(10**15, 10**19)),
            "number_18": lambda: day()[:4] + self.digits(14),
            "no_luhn": lambda: self.luhn_fails(draw.choice([16, 19])),
            "stamp": lambda: str(1_500_000_000_000 + draw.randrange(3 * 10**11)),
            "seconds": lambda: str(1_500_000_000 + draw.randrange(3 * 10**8)),
            "day_stamp": lambda: day() + self.digits(6),
            "day_number": lambda: day() + self.digits(10),
            "hash": lambda: hashlib.md5(self.digits(9).encode()).hexdigest(),
            "sha": lambda: hashlib.sha256(self.digits(9).encode()).hexdigest(),
            "sku": lambda: f"SKU-1{draw.randint(3, 9)}{self.digits(9)}",
            "sku_plain": lambda: f"SKU: 1{draw.randint(3, 9)}{self.digits(9)}",
            "version": lambda: f"版本 {draw.randint(0, 9)}.{draw.randint(0, 99)}.{draw.randint(0, 99)}",
            "version_long": lambda: f"v1.{draw.randint(30, 99)}.{self.digits(4)}.{self.digits(4)}",
            "fraction": lambda: f"{draw.random():.12f}",
            "name": lambda: f"let x = foo_{draw.randrange(10**9)}(bar);",
            "uuid": lambda: str(self.cn.uuid4(cast_to=str)),
            "sentence": self.cn.sentence,
            "price": lambda: f"单价{draw.randint(1, 9999)}.{draw.randint(0, 99):02}元",
            "style": lambda: f"@media screen {{ width: {draw.randint(1, 2000)}px }}",
            "time": lambda: f"{day()[:4]}-0{draw.randint(1, 9)}-{draw.randint(10, 28)}T{draw.randint(10, 23)}:{draw.randint(10, 59)}:07.{self.digits(6)}+0800",
            "order_11": lambda: "订单 " + str(draw.randrange(10**10, 10**11)),
            "waybill": lambda: f"运单SF{self.digits(13)}",
            "trace": lambda: f"trace_id={draw.getrandbits(128):032x} span={draw.getrandbits(64):016x}",
            "upper_hex": lambda: f"{draw.getrandbits(72):018X}",
            "part": lambda: f"P/N {''.join(draw.choices('ABCDEFGH0123456789', k=18))}",
            "cost": lambda: f"size={draw.randrange(10**11)} took={draw.randrange(10**6)}us",
        }

    # Texts.

    def prose(self, items, kinds, positives=0.5, negatives=None):
        """Items behind each other, as many of which are to be found."""
        text = Text()
        negatives = list((negatives or self.negatives()).values())
        names = list(kinds)
        for _ in range(items):
            if self.draw.random() >= positives:
                text.add(self.draw.choice(negatives)())
                text.add(self.draw.choice(["\n", "\n", " ", "，", "；"]))
                continue
            kind = self.draw.choice(names)
            make, templates = kinds[kind]
            front, back = self.draw.choice(templates).split("{}")
            text.add(front)
            text.add(make(), kind)
            text.add(back + self.draw.choice(["\n", "\n", "\n", "，", "；"]))
        return text.done()

    CHINESE_HEADS = {
        "cn.resident-id": ["证件号码", "身份证号", "身份证"], "cn.mobile": ["手机", "手机号", "联系电话"], "payment-card": ["卡号", "银行卡号", "账号"],
        "e-mail": ["邮箱", "电子邮件"], "cn.plate": ["车牌", "车牌号"], "ip-address": ["登录IP", "IP地址"], "cn.social-credit-code": ["信用代码", "税号"],
        "eu.iban": ["IBAN"],
        "name": ["姓名", "客户姓名", "联系人"], "address": ["地址", "住址", "家庭住址"],
        "order": ["订单号", "订单编号"], "stamp": ["时间戳"], "sku": ["SKU", "商品条码"], "price": ["金额"], "company": ["公司"], "job": ["职业"], "uuid": ["uuid"],
        "no_luhn": ["流水号"], "note": ["备注"],
    }
    SNAKE_HEADS = {
        "cn.resident-id": ["id_no", "id_card", "identity_number"], "cn.mobile": ["phone", "mobile", "phone_number"], "payment-card": ["card_no", "bank_card", "card_number"],
        "e-mail": ["email", "mail"], "cn.plate": ["plate", "license_plate"], "ip-address": ["ip", "last_ip"], "cn.social-credit-code": ["uscc", "credit_code"],
        "eu.iban": ["iban"],
        "name": ["name", "full_name", "customer_name"], "address": ["address", "home_address"],
        "order": ["order_id", "order_no"], "stamp": ["created_at", "ts"], "sku": ["sku"], "price": ["amount"], "company": ["company"], "job": ["job"], "uuid": ["uuid"],
        "no_luhn": ["serial_no", "txn_id"], "note": ["note"],
    }

    def cells(self):
        makes = {kind: make for kind, (make, _) in self.values().items()}
        return makes | {
            "name": self.cn.name, "address": self.cn.address, "order": lambda: self.digits(18), "stamp": lambda: str(1_600_000_000_000 + self.draw.randrange(10**11)),
            "sku": lambda: f"1{self.draw.randint(3, 9)}{self.digits(9)}", "price": lambda: f"{self.draw.randrange(10**6) / 100:.2f}", "company": self.cn.company,
            "job": self.cn.job, "uuid": lambda: str(self.cn.uuid4(cast_to=str)), "no_luhn": lambda: self.luhn_fails(16), "note": lambda: self.cn.sentence(nb_words=3),
        }

    def heads(self, heads, without=()):
        """Columns in some order, with what stands at their heads."""
        kinds = [kind for kind in heads if kind not in without and self.draw.random() < 0.7]
        self.draw.shuffle(kinds)
        return [(kind, self.draw.choice(heads[kind])) for kind in kinds or ["cn.mobile"]]

    def table(self, rows, heads, delimiter=",", has_header=True):
        # Without a header nothing tells such a number from one of a telephone.
        columns = self.heads(heads, () if has_header else ("sku",))
        cells, text = self.cells(), Text()
        if has_header:
            text.add(delimiter.join(head for _, head in columns) + "\n")
        for _ in range(rows):
            for at, (kind, _) in enumerate(columns):
                text.add(delimiter if at else "")
                text.add(cells[kind](), kind if "." in kind or "-" in kind else None)
            text.add("\n")
        return text.done(), [(at + 1, f"cn.{kind}") for at, (kind, _) in enumerate(columns) if kind in ("name", "address")]

    def camel(self, word):
        first, *rest = word.split("_")
        return first + "".join(part.capitalize() for part in rest)

    def records(self, rows, form):
        """JSON lines, a JSON array, INSERT statements or lines of a log."""
        columns = self.heads(self.SNAKE_HEADS, ("cn.plate",))
        cells, text = self.cells(), Text()
        if form == "array":
            text.add("[\n")
        for row in range(rows):
            if form == "sql":
                text.add(f"INSERT INTO `t_user` (`id`, {', '.join(f'`{head}`' for _, head in columns)}) VALUES ({row}, ")
            elif form == "log":
                text.add(f"2026-03-0{self.draw.randint(1, 9)} 12:{self.draw.randint(10, 59)}:{self.draw.randint(10, 59)}.{self.digits(3)} INFO [http-{row % 17}] c.e.Service - ")
            else:
                text.add("  {" if form == "array" else "{")
            for at, (kind, head) in enumerate(columns):
                is_number = kind in ("stamp", "price")
                if form == "sql":
                    front, back = ("", "") if is_number else ("'", "'")
                elif form == "log":
                    front, back = f"{head}=", ""
                else:
                    key = self.camel(head) if form == "camel" else head
                    front, back = (f'"{key}": ', "") if is_number else (f'"{key}": "', '"')
                text.add((", " if form != "log" and at else " " if at else "") + front)
                text.add(cells[kind](), kind if "." in kind or "-" in kind else None)
                text.add(back)
            text.add({"sql": ");\n", "log": "\n", "array": "},\n" if row + 1 < rows else "}\n"}.get(form, "}\n"))
        if form == "array":
            text.add("]\n")
        return text.done()

    def column_table(self, rows):
        """A small table of columns that look like names and addresses, or are: those that are, and the whole."""
        draw, cn = self.draw, self.cn
        west = self.fakes[draw.choice(["en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL"])]
        flat = lambda value: value.replace("\n", " ").replace(",", "")
        chinese = {
            "cn.name": (cn.name, ["姓名", "客户姓名", "联系人", "name", None]), "cn.address": (cn.address, ["地址", "住址", "address", None]),
            "company": (cn.company, ["公司", "企业名称", None]), "job": (cn.job, ["职业", None]), "city": (cn.city, ["城市", None]),
            "word": (lambda: cn.word(), ["标签", None]), "note": (lambda: cn.sentence(nb_words=4), ["备注", None]),
            "goods": (lambda: draw.choice(["黑色", "白色", "大号", "小号", "金色"]) + draw.choice(["水杯", "手机壳", "键盘", "书包", "台灯"]), ["商品名称", "品名", None]),
        }
        western = {
            "name": (west.name, ["name", "full_name", "customer name", "Name"]), "first": (west.first_name, ["first_name", "firstName", "Vorname", "prénom", "nombre"]),
            "last": (west.last_name, ["last_name", "lastName", "surname", "Nachname", "apellido"]),
            "address": (lambda: flat(west.street_address()), ["address", "street", "street_address", "Adresse"]),
            "company": (lambda: flat(west.company()), ["company", "Firma"]), "job": (lambda: flat(west.job()), ["job", "title"]), "city": (west.city, ["city", "Stadt"]),
            "file": (lambda: west.file_name(), ["file_name", "filename"]), "host": (west.hostname, ["hostname", "host_name"]), "user": (west.user_name, ["username", "user_name"]),
            "word": (lambda: west.word(), ["product_name", "tag"]),
        }
        kinds, true = (chinese, {"cn.name": "cn.name", "cn.address": "cn.address"})
        if draw.random() < 0.5:
            kinds, true = western, {"name": "name", "first": "name", "last": "name", "address": "address"}
        columns = draw.sample(list(kinds), draw.randint(3, min(6, len(kinds))))
        heads = [draw.choice(kinds[kind][1]) for kind in columns]
        lines = [] if None in heads else [",".join(heads)]
        lines += [",".join(str(kinds[kind][0]()) for kind in columns) for _ in range(rows)]
        return "\n".join(lines) + "\n", {(at + 1, true[kind]) for at, kind in enumerate(columns) if kind in true}


def as_json(value):
    return json.dumps(value, ensure_ascii=False)
