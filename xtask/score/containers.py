"""Puts rows and texts into files that are no plain text."""

import gzip
import io
import zipfile
from email.message import EmailMessage

import docx
import openpyxl
import pyarrow
import pyarrow.parquet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas


def saved(document):
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def xlsx(heads, rows):
    book = openpyxl.Workbook()
    for row in [[head for _, head in heads], *rows]:
        book.active.append(row)
    return saved(book)


def parquet(heads, rows, compression="snappy"):
    file = io.BytesIO()
    columns = {head: [row[at] or None for row in rows] for at, (_, head) in enumerate(heads)}
    pyarrow.parquet.write_table(pyarrow.table(columns), file, compression=compression, use_dictionary=compression != "zstd", row_group_size=500)
    return file.getvalue()


def word(heads, rows):
    document = docx.Document()
    table = document.add_table(rows=0, cols=len(heads))
    for row in [[head for _, head in heads], *rows]:
        for cell, value in zip(table.add_row().cells, row):
            cell.text = value
    return saved(document)


def word_text(text):
    document = docx.Document()
    for line in text.split("\n"):
        document.add_paragraph(line)
    return saved(document)


def pdf(text):
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    file = io.BytesIO()
    page = canvas.Canvas(file, pagesize=(3000, 842))
    for at, line in enumerate(text.split("\n")):
        if at % 50 == 0:
            if at:
                page.showPage()
            page.setFont("STSong-Light", 10)
        page.drawString(40, 800 - at % 50 * 14, line)
    page.save()
    return file.getvalue()


def mail(text, encoding):
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "记录", "a@localhost", "b@localhost"
    message.set_content(text, charset=encoding, cte="base64")
    return message.as_bytes()


def attached(data, name):
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "x", "a@localhost", "b@localhost"
    message.set_content("see there\n")
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def zipped(data, name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


packed = gzip.compress
