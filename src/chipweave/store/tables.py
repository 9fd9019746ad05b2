"""The tables of a store, with the meaning and unit of every column (`comment`), from which docs/sweeps.md is checked.

All rows but those of `claims` are written once and never changed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

SCHEMA_VERSION = 2
"""Of the tables below. Whoever changes them counts on, and adds the step to `chipweave.store.migration`."""

METADATA = MetaData()


def _column(name: str, kind: Any, comment: str, *more: Any, null: bool = False, key: bool = False) -> Column[Any]:
    return Column(name, kind, *more, nullable=null, primary_key=key, autoincrement=False, comment=comment)


META = Table("meta", METADATA, _column("schema_version", Integer, "number of this layout of tables"))

DOCUMENTS = Table(
    "documents",
    METADATA,
    _column("hash", Text, "name by content, `sha256:` and 64 digits", key=True),
    _column("kind", Text, "`scenario` or `package`"),
    _column("name", Text, "what the document calls itself"),
    _column("body", LargeBinary, "the document as JSON, compressed by zlib"),
)

CASES = Table(
    "cases",
    METADATA,
    _column("key", Text, "name by content of all that decides the answer", key=True),
    _column("scenario", Text, "its name"),
    _column("scenario_hash", Text, "its document", ForeignKey("documents.hash")),
    _column("package", Text, "its name"),
    _column("package_hash", Text, "its document", ForeignKey("documents.hash")),
    _column("scheduler", Text, "who searches"),
    _column("objective", Text, "what is minimised: a name or an expression"),
    _column("cost_model", Text, "its name"),
    _column("fidelity", Text, "`paper` or `detailed`"),
    _column("seed", BigInteger, "of anything random"),
    _column("document", Text, "all that decides the answer, as JSON"),
)

RESULTS = Table(
    "results",
    METADATA,
    _column("key", Text, "the case", ForeignKey("cases.key"), key=True),
    _column("latency_s", Double, "of the schedule, s"),
    _column("energy_j", Double, "of the schedule, J"),
    _column("edp_js", Double, "energy-delay product, J s"),
    _column("power_w", Double, "mean over the schedule, W"),
    _column("value", Double, "of the objective, in its own unit", null=True),
    _column("lower_bound", Double, "of the objective: proven that no schedule goes below", null=True),
    _column("gap", Double, "how far the value may be from the best, as a fraction of it", null=True),
    _column("throughput_samples_s", Double, "samples of all models per second, 1/s"),
    _column("windows", Integer, "windows of the schedule"),
    _column("evaluated", BigInteger, "candidates that the search scored", null=True),
    _column("complete", Boolean, "false where a time limit ended the search", null=True),
    _column("chiplets", Integer, "chiplets of the package"),
    _column("pes", BigInteger, "processing elements of all chiplets"),
    _column("l2_bytes", BigInteger, "L2 of all chiplets, bytes"),
    _column("peak_macs_s", Double, "multiply-accumulates a second of all chiplets, every lane busy, 1/s"),
    _column(
        "price_usd",
        Double,
        "to make a package on an organic substrate, US dollars; null where no price is known",
        null=True,
    ),
    _column(
        "area_mm2",
        Double,
        "of all dies with the ports of their links, mm2; null of what was answered before this column was there",
        null=True,
    ),
    _column("seconds", Double, "wall time of the case, s"),
    _column("worker", Text, "host and process that ran it"),
    _column("version", Text, "of chipweave"),
    _column("finished_at", Text, "UTC, ISO 8601"),
)

SCHEDULES = Table(
    "schedules",
    METADATA,
    _column("key", Text, "the case", ForeignKey("results.key"), key=True),
    _column(
        "body",
        LargeBinary,
        "its `schedule.json` without the scenario and the package, which are in `documents`; compressed by zlib",
    ),
)
"""Apart from `results`, which are then short to read."""

FAILURES = Table(
    "failures",
    METADATA,
    Column("id", Integer, primary_key=True, comment="counts them"),
    _column("key", Text, "the case", ForeignKey("cases.key")),
    _column("kind", Text, "`infeasible`, `input`, `killed` or `internal`"),
    _column("reason", Text, "in words"),
    _column("seconds", Double, "wall time until then, s"),
    _column("worker", Text, "host and process that ran it"),
    _column("version", Text, "of chipweave"),
    _column("at", Text, "UTC, ISO 8601"),
    Index("failures_by_key", "key"),
)

CLAIMS = Table(
    "claims",
    METADATA,
    _column("key", Text, "the case that somebody works on", key=True),
    _column("owner", Text, "who"),
    _column("expires_at", Text, "UTC, ISO 8601: from then on others may take it"),
)

SWEEPS = Table(
    "sweeps",
    METADATA,
    _column("name", Text, "what its file calls it", key=True),
    _column("document", Text, "its file, as text"),
    _column("created_at", Text, "UTC, ISO 8601"),
)

POINTS = Table(
    "points",
    METADATA,
    _column("sweep", Text, "its name", ForeignKey("sweeps.name"), key=True),
    _column("position", BigInteger, "of the point in the sweep, from 0", key=True),
    _column("key", Text, "the case that the point is", ForeignKey("cases.key")),
    _column("axes", Text, "the value of every axis there, by its path, as JSON"),
    Index("points_by_key", "key"),
)
