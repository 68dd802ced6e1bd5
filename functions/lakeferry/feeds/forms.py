"""What a text of a feed document has to look like, in words: for each regular expression of the schema, its meaning.

A regular expression is for programs. `tests/unit/test_words.py` holds this table to `feed_schema.json`.
"""

from collections.abc import Mapping

FORMS: Mapping[str, str] = {
    "^[a-z][a-z0-9]{1,30}$": "2 to 31 lowercase letters and digits, beginning with a letter, such as acme",
    "^[a-z][a-z0-9_]{1,46}$": (
        "2 to 47 lowercase letters, digits and underscores, beginning with a letter, such as daily_sales"
    ),
    "^[a-z][a-z0-9_]{0,60}$": (
        "1 to 61 lowercase letters, digits and underscores, beginning with a letter, such as sales"
    ),
    "^[a-z][a-z0-9_]*$": "lowercase letters, digits and underscores, beginning with a letter, such as net_amount",
    "^(cron|rate)\\(.+\\)$": "cron(0 6 * * ? *) or rate(2 hours), as EventBridge writes schedules",
    "^lakeferry/[A-Za-z0-9/_+=.@-]+$": "the name of a secret, lakeferry/<tenant>/<name>, not the secret itself",
    "^(@cert-authority )?[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?$": (
        "the type of a host key and the key, such as ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…; "
        "`ssh-keyscan` prints it behind the server's name"
    ),
    "-----BEGIN CERTIFICATE-----": "certificates in PEM, which begin with a line BEGIN CERTIFICATE",
    "-----BEGIN PGP PUBLIC KEY BLOCK-----": (
        "a public key of OpenPGP in armor, which begins with a line BEGIN PGP PUBLIC KEY BLOCK"
    ),
    "^[A-Za-z]{3,4}( [ -~]+)?$": "a command of FTP in one line, such as SITE LISTFMT 1",
    "^[a-z0-9@.-]+$": "the name of an SSH algorithm, such as diffie-hellman-group14-sha1",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": 'a date in quotes, "YYYY-MM-DD"',
    "^(string|int64|float64|bool|date|timestamp|decimal\\(([1-9]|[12][0-9]|3[0-8]),([0-9]|[12][0-9]|3[0-8])\\))$": (
        'string, int64, float64, bool, date, timestamp or "decimal(12,2)" (up to 38 digits, how many of them after '
        "the point)"
    ),
    "^([01][0-9]|2[0-3]):[0-5][0-9]$": 'a local time of two digits each in quotes, "06:30"',
    "^(-?[1-5])(MON|TUE|WED|THU|FRI|SAT|SUN)$": "which weekday of the month, such as 1MON (first) or -1FRI (last)",
    "^[A-Z]{2}(-[A-Z0-9]{1,4})?$": (
        "a country of two capital letters, such as US, with a subdivision or without (US-NY), in quotes"
    ),
    "^[A-Z]{2}$": 'a country of two capital letters in quotes, such as "US"',
    "^[A-Z0-9]{1,4}$": "a subdivision of up to 4 capital letters and digits, such as NY",
    "^[A-Z]{2,6}$": "a market of capital letters, such as NYSE",
    "^[A-Za-z_][A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]+|\\[[0-9]+\\])+$": (
        "a column of JSON and the way to a value in it: customer.address.city, or items[0].sku"
    ),
    "^[^\\x00-\\x5e\\x60\\x7b-\\x7f][^\\x00-\\x2f\\x3a-\\x5e\\x60\\x7b-\\x7f]*$": (
        "the name of a column as the curated table has it: lowercase letters, digits and underscores, no digit first"
    ),
    "^[^\\x00-\\x5e\\x60\\x7b-\\x7f][^\\x00-\\x2f\\x3a-\\x5e\\x60\\x7b-\\x7f]*( (asc|desc))?$": (
        "the name of a column as the curated table has it, alone or with asc or desc, such as sold_at desc"
    ),
    "^[A-Za-z0-9][A-Za-z0-9._-]*$": "letters, digits, points, underscores and hyphens, such as 2026-11",
    "^[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+([.][A-Za-z0-9!#$%&'*+/=?^_{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])"
    "?[.])+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])$": "a mail address, such as data@acme.example",
}

TYPES: Mapping[str, str] = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "settings of its own",
    "null": "nothing",
}

COLUMN_TYPES: Mapping[str, str] = {
    "int": "int64", "integer": "int64", "bigint": "int64", "long": "int64", "int32": "int64", "smallint": "int64",
    "float": "float64", "double": "float64", "real": "float64", "float32": "float64",
    "str": "string", "text": "string", "varchar": "string", "char": "string", "uuid": "string",
    "boolean": "bool", "datetime": "timestamp", "timestamptz": "timestamp", "timestamp_ntz": "timestamp",
    "decimal": '"decimal(12,2)"', "numeric": '"decimal(12,2)"', "number": '"decimal(12,2)"', "money": '"decimal(12,2)"',
}  # fmt: skip
"""Types of databases and languages, and the feed's."""

SIGNS: Mapping[str, str] = {
    "\\t": '"\\t"', "\\\\t": '"\\t"', "tab": '"\\t"', "comma": '","', "semicolon": '";"', "pipe": '"|"',
    "space": '" "', "blank": '" "',
}  # fmt: skip
"""What people write for a character that is hard to see."""

ELSEWHERE: Mapping[str, str] = {
    "password": "a secret never stands in a feed; put it into the secret that `server.secret` names",
    "passphrase": "a secret never stands in a feed; put it into the secret that `server.secret` names",
    "private_key": "a secret never stands in a feed; put it into the secret that `server.secret` names",
    "user": "it is called `username`",
    "hostname": "it is called `host`",
    "path": "the folder is `files.directory`, names are `files.pattern`",
    "separator": "it is called `delimiter`",
    "nullable": "a column may be empty unless it has `required: true`",
    "url": "put the URL into the feed's secret, and the name of its field into `url_secret`",
}
"""Settings that are none, and where what they say belongs."""
