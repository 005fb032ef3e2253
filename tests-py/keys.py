"""Keys that must arrive: those that clouds and copy tools lose."""

PLAIN = [
    "//", "//a", "/", "/leading", "a//b", "a/./b", "a/../b", "./a", "../a", "..", ".", "a/.", "a/..",
    "folder/", "folder-with-body/", "node", "node/child",
    "caf\u00e9.txt", "cafe\u0301.txt", "Case.txt", "case.txt", "CASE.TXT",
    "k" * 1024, "\u6587" * 341, "s" * 300 + "/" + "t" * 300,
    "a+b", "a%25b", "%zz", "a%2Fb", "%", "a&b", "a&amp;b", "a<b>c", "a#b", "a?b", "?", "a=b&c=d", "a;b", "a:b", "a*b", "a\\b", "a|b", "a\"b'c", "~a", "a~b",
    " leading blank", "trailing blank ", " ", "  two  blanks  ", ".leading-dot", "trailing-dot.", "trailing-dots...",
    "\U0001f600/\U0001f3f3\ufe0f\u200d\U0001f308.txt", "\u6587\u6863/\u4e2d\u6587.html", "\uff46\uff55\uff4c\uff4c\uff0f\uff57\uff49\uff44\uff54\uff48",
    "no-extension", "empty", "\u00a0nbsp", "\u2028line-separator", "zero\u200bwidth", "\u202eright-to-left", "\ufffdreplacement", "\ufeffbom",
]
CONTROL = ["new\nline", "\n", "carriage\rreturn", "\r\n", "tab\there", "\t", "bell\x07", "escape\x1b[0m", "\x01", "\x1f", "delete\x7f", "c1\x85control", "\ufffe", "\uffff"]
ALL = PLAIN + CONTROL


def body_of(key):
    """A body that tells the key; some are empty, as real ones are."""
    return b"" if key in ("folder/", "empty", "/", "\n") else ("body of " + key).encode()
