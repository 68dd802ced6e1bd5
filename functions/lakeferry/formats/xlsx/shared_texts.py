"""The texts that cells share, each once: in memory as a whole, in as few bytes as they have in the file."""

from array import array
from collections.abc import Callable, Mapping

from lakeferry.formats.xlsx.cells import plain_text
from lakeferry.formats.xlsx.parts import Attributes, BrokenError, Runs


class SharedTexts(Runs):
    """Texts by their number: UTF-8 one behind the other, since ten million strings of Python take a gigabyte."""

    root = frozenset({"sst"})

    def __init__(self) -> None:
        super().__init__()
        self._data = bytearray()
        self._ends_at = array("I")

    def __len__(self) -> int:
        return len(self._ends_at)

    def __getitem__(self, index: int) -> str:
        """
        Raises:
            BrokenError: there is no text of that number.
        """
        if not 0 <= index < len(self._ends_at):
            raise BrokenError(f"a cell has the shared text {index}, and there are {len(self._ends_at)}")
        start = self._ends_at[index - 1] if index else 0
        return self._data[start : self._ends_at[index]].decode()

    def starts(self) -> Mapping[str, Callable[[Attributes], object]]:
        return {**super().starts(), "si": lambda _: self.begin_runs()}

    def ends(self) -> Mapping[str, Callable[[], object]]:
        return {**super().ends(), "si": self._end_item}

    def _end_item(self) -> None:
        self._data += plain_text(self.take_runs()).encode()
        self._ends_at.append(len(self._data))
