"""Names of Java, asked for once.

PySpark writes `jvm.functions.col(...)`, and for each Py4J asks Java what `functions` is and what its `col`. Java looks
for a class of that name in every package that is imported, and where there is none, through each of Spark's 300 jars:
an eighth of a tiny partition's CPU time (docs/decisions.md). The answers hold for as long as Java runs.
"""

from typing import Any

from py4j.java_gateway import JavaClass, JavaMember, JavaPackage, JVMView

_USED = ("functions", "PythonUtils", "SparkSession", "SparkSession$", "org", "java", "py4j")
"""What PySpark names for each column, list, and error; the last three are packages, with all that is in them."""


def remember_names(jvm: JVMView) -> None:
    """Keeps what the names stand for that are used for each partition."""
    for name in _USED:
        if not isinstance(vars(jvm).get(name), _Class | _Package):
            setattr(jvm, name, _kept(getattr(jvm, name)))


class _Class(JavaClass):  # type: ignore[misc]  # Py4J has no types
    """A class whose methods are looked up once. Fields are values and may change: each use reads them."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever Java has by that name)
        found = super().__getattr__(name)
        if isinstance(found, JavaMember):
            setattr(self, name, found)
        return found


class _Package(JavaPackage):  # type: ignore[misc]
    """A package whose classes and packages are looked up once."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        found = _kept(super().__getattr__(name))
        # what Java does not know counts as a package, too: a class may still be loaded
        if isinstance(found, _Class) or (isinstance(found, _Package) and name.islower()):
            setattr(self, name, found)
        return found


def _kept(found: Any) -> Any:  # noqa: ANN401
    if type(found) is JavaClass:
        return _Class(found._fqn, found._gateway_client)
    if type(found) is JavaPackage:
        return _Package(found._fqn, found._gateway_client, found._jvm_id)
    return found
