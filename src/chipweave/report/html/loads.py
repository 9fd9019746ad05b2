"""How busy each link, port and memory interface is at least in a window: its bytes over what it can move meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.report.palette import HEAT_LIMITS
from chipweave.results.result import Result


@dataclass(frozen=True)
class Load:
    """Bytes, and their share of what the place can move in the window."""

    bytes_: float
    share: float

    @property
    def step(self) -> int | None:
        """The step of the colour scale; None where nothing moves."""
        if not self.bytes_:
            return None
        return next((step for step, limit in enumerate(HEAT_LIMITS) if self.share <= limit), len(HEAT_LIMITS) - 1)


@dataclass(frozen=True)
class Loads:
    """Of one window: by directed link, by chiplet (what it sends and receives), by chiplet with an interface."""

    links: dict[tuple[int, int], Load]
    out: tuple[Load, ...]
    into: tuple[Load, ...]
    interfaces: dict[int, Load]

    def port(self, chiplet: int) -> Load:
        """The busier way."""
        return max(self.out[chiplet], self.into[chiplet], key=lambda load: (load.share, load.bytes_))


def loads(result: Result) -> tuple[Loads, ...]:
    """Per window."""
    package, found = result.problem.package, []
    for window, moved in zip(result.evaluation.windows, result.traffic, strict=True):
        can_links = (package.wiring.bytes_s * window.latency_s).tolist()
        can_ports = [[each * window.latency_s for each in package.port_bytes_s(c)] for c in range(len(moved.out))]
        can_dram = {each: rate * window.latency_s for each, rate in package.interface_bytes_s.items()}

        def load(bytes_: float, can: float) -> Load:
            return Load(float(bytes_), float(bytes_) / can if can else 0.0)

        found.append(
            Loads(
                {
                    link: load(bytes_, can)
                    for link, bytes_, can in zip(package.directed_links, moved.links, can_links, strict=True)
                },
                tuple(load(bytes_, can) for bytes_, (can, _) in zip(moved.out, can_ports, strict=True)),
                tuple(load(bytes_, can) for bytes_, (_, can) in zip(moved.into, can_ports, strict=True)),
                {chiplet: load(bytes_, can_dram[chiplet]) for chiplet, bytes_ in sorted(moved.dram.items())},
            )
        )
    return tuple(found)
