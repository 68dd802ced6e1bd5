"""Iceberg's runtime for Spark, where AWS Glue's `--datalake-formats iceberg` is not to be had.

A package brings the runtime's jar without the Jackson classes it expects under a name of its own. Spark has the same
classes under their usual name, so they are copied to that name, as Maven's shade plugin would: the names stand in a
class file's constant pool (Java Virtual Machine Specification, 4.4) and nowhere else.
"""

import importlib.util
import os
import struct
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

_PACKAGE = "snowpark_connect_deps_iceberg"
_USUAL = b"com/fasterxml/jackson/"
_SHADED = b"org/apache/iceberg/shaded/com/fasterxml/jackson/"
_SIZES = {3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5, 15: 4, 16: 3, 17: 5, 18: 5, 19: 3, 20: 3}
"""Tag of a constant → its bytes, the tag's own included; text (1) tells its own."""
_LONG, _DOUBLE, _TEXT = 5, 6, 1


def iceberg_jars() -> list[Path]:
    """The jars Spark needs for Iceberg; none where the package is not installed."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        return []
    folder = Path(found.submodule_search_locations[0]) / "jars"
    return [*sorted(folder.glob("iceberg-spark-runtime-3.5_2.12-*.jar")), _shaded_jackson()]


def _shaded_jackson() -> Path:
    """Made once, in the user's temporary folder."""
    target = Path(tempfile.gettempdir()) / f"lakeferry-shaded-jackson-{version('pyspark')}-{os.getuid()}.jar"
    if not target.exists():
        # found without being imported, which costs a fifth of a second and is the job's to pay
        spark = importlib.util.find_spec("pyspark")
        jars = Path(str(spark and spark.origin)).parent / "jars"
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file, zipfile.ZipFile(file, "w") as out:
            for name in ("core", "databind", "annotations"):
                (jar,) = jars.glob(f"jackson-{name}-2.*.jar")
                _copy(jar, out)
        Path(file.name).replace(target)
    return target


def _copy(jar: Path, out: zipfile.ZipFile) -> None:
    with zipfile.ZipFile(jar) as source:
        for name in source.namelist():
            if name.endswith(".class") and name.startswith(_USUAL.decode()):
                out.writestr(name.replace(_USUAL.decode(), _SHADED.decode()), relocated(source.read(name)))


def relocated(code: bytes) -> bytes:
    """A class file in which Jackson's classes have their shaded names."""
    (count,) = struct.unpack(">H", code[8:10])
    parts, at, index = [code[:10]], 10, 1
    while index < count:
        tag = code[at]
        if tag == _TEXT:
            (length,) = struct.unpack(">H", code[at + 1 : at + 3])
            text = code[at + 3 : at + 3 + length].replace(_USUAL, _SHADED)
            text = text.replace(_USUAL.replace(b"/", b"."), _SHADED.replace(b"/", b"."))
            parts += [bytes([tag]), struct.pack(">H", len(text)), text]
            at += 3 + length
        else:
            parts.append(code[at : at + _SIZES[tag]])
            at += _SIZES[tag]
            index += tag in (_LONG, _DOUBLE)  # these two take two places
        index += 1
    return b"".join([*parts, code[at:]])
