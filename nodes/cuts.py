"""Who cuts which links of the network: the books of a switch, whatever carries it out."""

from collections.abc import Collection

from harness.errors import HarnessError
from harness.machine import Link


class Cuts:
    """The cuts in force, by key: a link is cut as long as any key cuts it."""

    def __init__(self, places: Collection[str]) -> None:
        self._places = frozenset(places)
        self._by_key: dict[str, frozenset[Link]] = {}

    @property
    def links(self) -> frozenset[Link]:
        """Return all links that are to be cut now."""
        return frozenset[Link]().union(*self._by_key.values())

    def add(self, key: str, links: Collection[Link]) -> None:
        """Cut more links under a key; raises HarnessError for a link between places that do not exist."""
        unknown = sorted({place for link in links for place in link} - self._places)
        if unknown:
            raise HarnessError(f"no such place on the network: {', '.join(unknown)}")
        self._by_key[key] = self._by_key.get(key, frozenset()) | frozenset(links)

    def remove(self, key: str) -> None:
        """Withdraw what a key cut. Safe to call twice."""
        self._by_key.pop(key, None)

    def clear(self) -> None:
        """Withdraw everything."""
        self._by_key.clear()
