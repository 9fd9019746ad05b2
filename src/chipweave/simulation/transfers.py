"""What the transfers of a stage put on every resource (docs/regions.md, "A transfer"; docs/simulation.md, "Resources").

Who owns and who wants what is the evaluator's (`StageWork`); here it becomes bytes on the DRAM, ports and links in the
order in which they are passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from chipweave.evaluation.exact.demand import StageWork
from chipweave.evaluation.exact.split import users, weight_shares
from chipweave.evaluation.exact.sums import reduction
from chipweave.evaluation.exact.tensors import Moved, total
from chipweave.evaluation.exact.transfer import together, transfer
from chipweave.evaluation.record import Transfer
from chipweave.hardware.package import Delivery, Interfaces, Package
from chipweave.ndarrays import Floats
from chipweave.simulation.machine import Machine, MemoryPort
from chipweave.simulation.operations import Route


@dataclass(frozen=True)
class Floor:
    """The resources of a package: the DRAM is 0, then interfaces, links, out ports, in ports.

    Args:
        names: what reports call each; kinds: dram, interface, link, port.
        bytes_s: bandwidths.
        interface: number of each interface's own resource, where it has one.
        links, out, into: number of the first one of each.
        standard_bytes_s: of the package's standard link.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    bytes_s: tuple[float, ...]
    interface: Mapping[int, int]
    links: int
    out: int
    into: int
    standard_bytes_s: float


def floor_of(package: Package, machine: Machine) -> Floor:
    """The resources of a package under a machine's conventions."""
    dram, ports = float(package.dram_bandwidth_bytes_s), map(package.port_bytes_s, range(len(package.chiplets)))
    out_bytes_s, into_bytes_s = zip(*ports, strict=True)
    inside = *package.wiring.bytes_s.tolist(), *out_bytes_s, *into_bytes_s
    shares = _shares_s(package, machine)
    interfaces = sorted(shares)
    links, count = package.directed_links, len(package.chiplets)
    first = 1 + len(interfaces)
    return Floor(
        names=(
            "DRAM",
            *(f"interface of chiplet {each}" for each in interfaces),
            *(f"link from chiplet {a} to {b}" for a, b in links),
            *(f"port out of chiplet {each}" for each in range(count)),
            *(f"port into chiplet {each}" for each in range(count)),
        ),
        kinds=("dram", *["interface"] * len(interfaces), *["link"] * len(links), *["port"] * 2 * count),
        bytes_s=(dram, *(shares[each] for each in interfaces), *inside),
        interface={each: 1 + number for number, each in enumerate(interfaces)},
        links=first,
        out=first + len(links),
        into=first + len(links) + count,
        standard_bytes_s=package.wiring.standard.bandwidth_bytes_s,
    )


def _shares_s(package: Package, machine: Machine) -> dict[int, float]:
    """Bytes per second of each memory interface that has its own: the package's, or even ones where the machine splits
    what the package shares."""
    if package.interface_bandwidth is Interfaces.SPLIT:
        return dict(package.interface_bytes_s)
    if machine.interfaces is Interfaces.SPLIT:
        return dict.fromkeys(package.interfaces, float(package.dram_bandwidth_bytes_s) / len(package.interfaces))
    return {}


class Way(Enum):
    """Where a transfer goes."""

    FROM_DRAM = 1
    TO_DRAM = 2
    BOTH = 3
    PACKAGE = 4


@dataclass(frozen=True, eq=False)
class Carried:
    """A transfer of a full micro-batch, or of all of a stage's weights of a kind.

    Args:
        bytes_: on the resource that carries most; route: the shares of it on all that it passes.
        alone_s: without latency, as the formulas time it: by the DRAM's bytes, or those of the busiest link or port.
        latency_s: behind its last byte.
        dram: it goes to or from DRAM.
    """

    bytes_: float
    route: Route
    alone_s: float
    latency_s: float
    dram: bool


@dataclass(frozen=True)
class Carrier:
    """Makes the transfers of one stage."""

    work: StageWork
    floor: Floor
    machine: Machine

    def loads(self) -> Carried | None:
        """Activations from DRAM, of a micro-batch, at once from all interfaces at which they lie."""
        work, moves, memory, late_s = self.work, [], [], 0.0
        for source in work.sources:
            parts = [(work.arriving(each), work.micro_batch * each.bytes_) for each in source.tensors]
            read, moved = self._read(parts, source.interface)
            moves.append(moved)
            memory.append((source.interface, read))
            if read and len(work.sources) > 1:
                rates = work.setting.ready.rates_at(source.interface)
                late_s = max(late_s, moved.hops * rates.hop_s + rates.dram_s + rates.delta_s)
        made = self._carried(self._sum(moves), Way.FROM_DRAM, memory)
        return made if made is None or not late_s else replace(made, latency_s=late_s)

    def stores(self) -> Carried | None:
        """Activations to DRAM, of a micro-batch."""
        leaving = [self.work.leaving(each) for each in self.work.moved.to_dram]
        bytes_ = float(self.work.micro_batch * total(self.work.moved.to_dram))
        return self._carried(self._sum(map(self._to_interface, leaving)), Way.TO_DRAM, self._own(bytes_))

    def spills(self, wrote: float, back: float) -> Carried | None:
        """So many bytes from the region's L2s to DRAM, and so many back."""
        chiplets = len(self.work.stage.chiplets)
        leaving = self._to_interface(np.full(chiplets, wrote / chiplets))
        back_, coming = self._to_region(np.full(chiplets, back / chiplets), back)
        return self._carried(self._sum([leaving, coming]), Way.BOTH, self._own(wrote + back_))

    def spread(self, bytes_: float) -> Carried | None:
        """So many bytes from DRAM, a share to each chiplet of the region."""
        chiplets = len(self.work.stage.chiplets)
        return self._from_dram([(np.full(chiplets, bytes_ / chiplets), bytes_)])

    def weights(self, copied: bool) -> Carried | None:
        """All weights of which the chiplets have parts, or all those that they all have."""
        work, model = self.work, self.work.setting.model
        by_shares: dict[tuple[float, ...], float] = {}
        for layer, whole in zip(work.stage.layers, work.need.copied, strict=True):
            shape = model.layers[layer]
            bytes_ = float(model.weight_bytes[layer])
            if bytes_ and bool(whole) is copied:
                own = weight_shares(shape, work.setting.cuts.splits[layer], len(work.stage.chiplets))
                shares = tuple(own.tolist())
                by_shares[shares] = by_shares.get(shares, 0.0) + bytes_
        return self._from_dram((bytes_ * np.array(shares), bytes_) for shares, bytes_ in by_shares.items())

    def between(self, target: int, tensors: Iterable[Moved]) -> Carried | None:
        """Tensors of a micro-batch to stage `target`, or to the stage's own layers."""
        work, setting = self.work, self.work.setting
        owners, readers = work.stage.chiplets, setting.pipeline.stages[target].chiplets
        if len(owners) == len(readers) == 1:
            wanted = np.array([[float(work.micro_batch * total(tensors))]])
            return self._carried(self._move(owners, readers, wanted, wanted[0]), Way.PACKAGE)

        def move(tensor: Moved) -> Transfer:
            entry, held = setting.entry_bytes(tensor), setting.held(work.number, tensor.tensor)
            wanted = entry * setting.wanted(target, tensor.tensor).held_by(held.boxes)
            return self._move(owners, readers, wanted, entry * held.sizes)

        return self._carried(self._sum(map(move, tensors)), Way.PACKAGE)

    def sums(self, layer: int) -> Carried | None:
        """Partial sums of a `reduced` layer of a micro-batch, to the chiplets that keep the sums."""
        work, setting = self.work, self.work.setting
        unicast = work.unicast or self.machine.delivery is Delivery.UNICAST
        held, back = setting.held(work.number, layer), setting.ready.network_back
        made = reduction(back, work.stage.chiplets, held, setting.sum_bytes(layer), unicast)
        return self._carried(made, Way.PACKAGE)

    def gathers(self, bytes_: float) -> Carried | None:
        """So many distinct bytes of weights, which wait once in the region, from all mates to all that run a part."""
        work, setting, rates = self.work, self.work.setting, self.work.rates
        chiplets, every = work.stage.chiplets, sum(work.need.copied)
        moves = []
        for layer, whole in zip(work.stage.layers, work.need.copied, strict=True):
            if whole:
                some = users(setting.model.layers[layer], setting.cuts.splits[layer], chiplets)
                share = np.full(len(chiplets), bytes_ * whole / every / len(chiplets))
                moves.append(self._move(chiplets, some, np.repeat(share[:, None], len(some), axis=1), share))
        layers = sum(1 for whole in work.need.copied if whole)
        made = self._carried(self._sum(moves), Way.PACKAGE)
        if made is None:
            return None
        alone_s = work.region.slow * (bytes_ * (len(chiplets) - 1) / len(chiplets) / rates.link_bytes_s)
        latency_s = layers * (work.region.span * rates.hop_s + rates.delta_s)
        return Carried(made.bytes_, made.route, alone_s, latency_s, False)

    def _from_dram(self, parts: Iterable[tuple[Floats, float]]) -> Carried | None:
        """(what each chiplet of the region wants, distinct bytes) per tensor."""
        read, moved = self._read(parts, self.work.region.interface)
        return self._carried(moved, Way.FROM_DRAM, self._own(read))

    def _read(self, parts: Iterable[tuple[Floats, float]], interface: int) -> tuple[float, Transfer]:
        """Bytes that are read at an interface, and their way."""
        read, moves = 0.0, []
        for wanted, bytes_ in parts:
            own, moved = self._to_region(wanted, bytes_, interface)
            read += own
            moves.append(moved)
        return read, self._sum(moves)

    def _own(self, bytes_: float) -> list[tuple[int, float]]:
        """So many bytes at the region's own interface."""
        return [(self.work.region.interface, bytes_)]

    def _to_region(self, wanted: Floats, bytes_: float, interface: int | None = None) -> tuple[float, Transfer]:
        """Bytes that are read, and their way: each once, or once for every chiplet that wants it."""
        read = self.work.read(wanted, bytes_)
        if self.machine.delivery is Delivery.UNICAST and not self.work.unicast:
            read = float(wanted.sum())
        interface = self.work.region.interface if interface is None else interface
        chiplets = self.work.stage.chiplets
        return read, self._move((interface,), chiplets, wanted[None, :], np.array([float(read)]))

    def _to_interface(self, bytes_: Floats) -> Transfer:
        return self._move(self.work.stage.chiplets, (self.work.region.interface,), bytes_[:, None], bytes_)

    def _move(self, owners: tuple[int, ...], readers: tuple[int, ...], wanted: Floats, owned: Floats) -> Transfer:
        unicast = self.work.unicast or self.machine.delivery is Delivery.UNICAST
        return transfer(self.work.setting.ready.network, owners, readers, wanted, owned, unicast)

    def _sum(self, transfers: Iterable[Transfer]) -> Transfer:
        return together(self.work.setting.ready.network, transfers)

    def _carried(self, moved: Transfer, way: Way, dram: Sequence[tuple[int, float]] = ()) -> Carried | None:
        """The transfer on its route, with the bytes that pass each memory interface; None where no bytes move."""
        floor, rates, all_at = self.floor, self.work.rates, self.work.setting.ready.rates_at
        every = sum(bytes_ for _, bytes_ in dram)
        memory = [(0, every)] if every else []
        memory += [(floor.interface[at], bytes_) for at, bytes_ in dram if bytes_ and at in floor.interface]
        inside = [
            *_numbered(floor.out, moved.out),
            *_numbered(floor.links, moved.links),
            *_numbered(floor.into, moved.into),
        ]
        if way is not Way.PACKAGE and self.machine.memory_port is MemoryPort.OWN:
            ports = [first + at for at, _ in dram for first in (floor.out, floor.into)]
            inside = [each for each in inside if each[0] not in ports]
        passed = [*inside, *reversed(memory)] if way is Way.TO_DRAM else [*memory, *inside]
        most = max((bytes_ for _, bytes_ in passed), default=0.0)
        if most == 0.0:
            return None
        latency_s = moved.hops * rates.hop_s + rates.delta_s
        if way is not Way.PACKAGE:
            latency_s += rates.dram_s
        if way is Way.BOTH:
            latency_s = self.work.region.dram_hops * rates.hop_s + rates.delta_s + rates.dram_s
        alone_s = max((bytes_ / all_at(at).dram_bytes_s for at, bytes_ in dram), default=0.0)
        if way is Way.PACKAGE:
            alone_s = max(bytes_ / floor.bytes_s[resource] for resource, bytes_ in passed)
        route = tuple((resource, bytes_ / most) for resource, bytes_ in passed)
        return Carried(most, route, alone_s, latency_s, way is not Way.PACKAGE)


def _numbered(first: int, bytes_: Floats) -> list[tuple[int, float]]:
    return [(first + int(place), float(bytes_[place])) for place in np.flatnonzero(bytes_)]
