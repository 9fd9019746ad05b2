"""MAESTRO's own figures (commit 4eb08d1 of maestro-project/maestro), and the mapping texts behind their short names.

`networks.csv.gz`: layers of published networks under the official mapping files; `random.csv.gz`: random mappings.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

from chipweave.cost.maestro.engine import Batch, layer_row, pack
from chipweave.cost.maestro.notation import parse_mapping, resolve

FOLDER = Path(__file__).parents[2] / "reference" / "maestro"
TENSORS = ("input", "filter", "output")


@dataclass(frozen=True)
class Reference:
    rows: list[dict[str, str]]
    texts: list[str]
    batch: Batch


def load(name: str) -> Reference:
    with gzip.open(FOLDER / name, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    texts, layers, mappings, hardware = [], [], [], []
    for row in rows:
        sizes = dims(row)
        text = row["mapping"] if "Map(" in row["mapping"] else official(row, sizes)
        texts.append(text)
        stride = int(row["stride"] or 1)
        layers.append(layer_row(row["type"], sizes, (stride, stride)))
        mappings.append(resolve(parse_mapping(text, "mapping"), sizes, "mapping"))
        hardware.append(
            [int(row[key]) for key in ("num_pes", "noc_bandwidth", "noc_latency", "offchip_bandwidth", "simd_lanes")]
        )
    return Reference(rows, texts, pack(layers, mappings, hardware))


def dims(row: dict[str, str]) -> dict[str, int]:
    return {part[0]: int(part[2:]) for part in row["dims"].split()}


def expected(row: dict[str, str]) -> dict[str, list[int]]:
    figures = {"cycles": [int(row["runtime_cycles"])], "macs": [int(row["macs"])]}
    for level in ("l1", "l2"):
        for access in ("read", "write"):
            figures[f"{level}_{access}"] = [int(row[f"{level}_{access}_{tensor}"]) for tensor in TENSORS]
    return figures


DEPTHWISE = "SpatialMap(1,1) C; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; "
DEPTHWISE += "TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;"


def official(row: dict[str, str], sizes: dict[str, int]) -> str:
    """The official text of a short name: `kcp_ws`, `dpt`, `*_yxp_os`, `rs`, `gnmt_nmk`."""
    name, kind, pes = row["mapping"], row["type"], int(row["num_pes"])
    batch = "TemporalMap(1,1) N; " if "N" in sizes and kind != "GEMM" else ""
    if name in ("nvdla", "nvdla_c16"):
        c = 16 if name == "nvdla_c16" else 64
        if kind == "GEMM":
            return (
                f"SpatialMap(1,1) N; TemporalMap({c},{c}) K; TemporalMap(1,1) M; Cluster({c}, P); "
                "SpatialMap(1,1) K; TemporalMap(1,1) M;"
            )
        if kind == "DSCONV":
            return batch + DEPTHWISE
        return (
            f"{batch}SpatialMap(1,1) K; TemporalMap({c},{c}) C; TemporalMap(Sz(R),Sz(R)) R; "
            f"TemporalMap(Sz(S),Sz(S)) S; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; Cluster({c}, P); "
            "SpatialMap(1,1) C; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; "
            "TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;"
        )
    if name in ("shi8", "shi_sq"):
        tile = 8 if name == "shi8" else {4096: 64, 256: 16}[pes]
        size = tile + sizes["S"] - 1
        size = size if name == "shi8" else min(size, sizes["X"])
        channels = "" if kind == "DSCONV" else "TemporalMap(1,1) K; "
        return (
            f"{batch}{channels}TemporalMap(1,1) C; SpatialMap(Sz(R),1) Y; TemporalMap({size},{tile}) X; "
            f"Cluster({tile}, P); SpatialMap(Sz(S),1) X; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;"
        )
    if name == "rs":
        if kind == "DSCONV":
            return batch + DEPTHWISE
        return (
            f"{batch}SpatialMap(1,1) Y'; TemporalMap(1,1) X'; TemporalMap(1,1) C; TemporalMap(16,16) K; "
            "TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S; Cluster(Sz(R),P); "
            "SpatialMap(1,1) Y; SpatialMap(1,1) R; TemporalMap(Sz(S),Sz(S)) S;"
        )
    assert name == "gemm_nmk64"
    return (
        "TemporalMap(1,1) N; SpatialMap(1,1) M; TemporalMap(64,64) K; Cluster(64, P); "
        "TemporalMap(1,1) N; TemporalMap(1,1) M; SpatialMap(1,1) K;"
    )
