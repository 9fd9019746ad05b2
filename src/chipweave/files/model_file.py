"""Models as YAML: layers with their loop bounds, and where each reads its input."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from chipweave.errors import InputError, did_you_mean
from chipweave.files.locate import load, locate
from chipweave.files.validate import LARGEST_COUNT, Location, Name, Problems, Spec, shown
from chipweave.files.yaml import dump_yaml
from chipweave.workload.layer import MOST_BITS, RIDERS, Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model, operand_problems, sharing_problems
from chipweave.workload.precision import FORMATS

INPUT = "input"
"""What `inputs` calls the network's own input."""

_LARGEST_BOUND = 2**31 - 1
Bound = Annotated[int, Field(ge=1, le=_LARGEST_BOUND)]
Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]


def _bits(value: Any) -> Any:
    """The name of a format stands for its bits."""
    if not isinstance(value, str):
        return value
    if value.lower() not in FORMATS:
        raise ValueError(f"{shown(value)} is no format{did_you_mean(value.lower(), FORMATS)}; give one, or bits")
    return FORMATS[value.lower()]


Bits = Annotated[
    float, Field(gt=0, le=MOST_BITS), BeforeValidator(_bits, json_schema_input_type=float | Literal[tuple(FORMATS)])
]
"""Of one element: a number, whole or not, or the name of a format."""


def _both_axes(value: Any) -> Any:
    """A number stands for both axes."""
    return [value, value] if type(value) is int else value


def _pair(least: int) -> Any:
    number = {"type": "integer", "minimum": least, "maximum": _LARGEST_BOUND}
    schema = {"anyOf": [number, {"type": "array", "items": number, "minItems": 2, "maxItems": 2}]}
    return Annotated[
        list[Annotated[int, Field(ge=least, le=_LARGEST_BOUND)]],
        Field(min_length=2, max_length=2),
        BeforeValidator(_both_axes),
        WithJsonSchema(schema),
    ]


class InputSpec(Spec):
    """One operand of a layer."""

    producer: str = Field(alias="from", description="Name of a layer listed before, or `input`: the network's own.")
    elements: Count | None = Field(
        None,
        description="Elements per sample that are read. Default: the producer's whole output "
        "(of the network's input, what the layer needs beside its other operands).",
    )
    reshape: bool = Field(False, description="true where the shapes are known not to chain (crops, region pooling).")


def _named(value: Any) -> Any:
    """A name stands for an operand with defaults."""
    return {"from": value} if isinstance(value, str) else value


Operand = Annotated[
    InputSpec,
    BeforeValidator(_named, json_schema_input_type=str | InputSpec),
]


class LayerSpec(Spec):
    """One operator, for one sample. Pairs are one number for both axes, or [vertical, horizontal]."""

    name: Name = Field(description="Unique in the model; not `input`.")
    op: Annotated[Op, Field(strict=False)] = Field(
        description="conv, dwconv (depthwise), upconv (transposed), gemm, matmul (activation x activation), pool, "
        "elementwise or upsample."
    )
    K: Bound | None = Field(
        None, description="Output channels. Default: C for dwconv, pool, elementwise and upsample; else required."
    )
    C: Bound = Field(description="Input channels, all groups together (matmul: groups x inner size).")
    Y: Bound = Field(description="Input height without padding (gemm and matmul: rows, that is tokens).")
    X: Bound = Field(1, description="Input width without padding.")
    R: Bound = Field(1, description="Filter (or window) height.")
    S: Bound = Field(1, description="Filter (or window) width.")
    N: Bound = Field(1, description="Copies in one sample, such as regions of interest; the batch is the scenario's.")
    stride: _pair(1) = Field([1, 1], description="Stride; upsample: the factor.")  # type: ignore[valid-type]
    padding: _pair(0) = Field([0, 0], description="Padding on each side, elements.")  # type: ignore[valid-type]
    dilation: _pair(1) = Field([1, 1], description="Dilation of the filter.")  # type: ignore[valid-type]
    groups: Bound | None = Field(
        None, description="Groups (matmul: heads). Default: C for dwconv, pool, elementwise and upsample; else 1."
    )
    out_y: Bound | None = Field(None, description="Output height. Default: the usual convolution arithmetic.")
    out_x: Bound | None = Field(None, description="Output width. Default: the usual convolution arithmetic.")
    shares: Name | None = Field(
        None,
        description="Name of a layer listed before whose weights this one uses too: the model's total counts them "
        "once, and a stage that holds both loads and holds them once. Default: weights of its own.",
    )
    weight_bits: Bits | None = Field(
        None, description="Of one weight, as `weight_bits` of the model. Default: the model's."
    )
    inputs: list[Operand] | None = Field(
        None,
        min_length=1,
        description="What the layer reads: names of layers or `{from, elements, reshape}`. "
        "Default: the layer before (the first layer: `input`).",
    )


class ModelSpec(Spec):
    """A network: layers in topological order."""

    name: Name = Field(description="What results call it.")
    source: str = Field("", description="Where the figures come from.")
    bytes_per_element: Count = Field(
        1, description="Bytes of a weight or activation, where no bits are given; the papers use 1."
    )
    weight_bits: Bits | None = Field(
        None,
        description="Of one weight, scales of blocks included: a number such as 4.25, or a format such as mxfp4. "
        "Default: `bytes_per_element`.",
    )
    activation_bits: Bits | None = Field(
        None, description="Of one element of any other tensor, likewise. Default: `bytes_per_element`."
    )
    sum_bits: Bits | None = Field(
        None,
        description="Of a partial sum that leaves a chiplet to be added to those of others, likewise, at least as wide "
        "as an activation. Default: as wide.",
    )
    input_elements: Count | None = Field(
        None, description="Elements of the network's input per sample. Default: the largest operand that reads it."
    )
    layers: list[LayerSpec] = Field(min_length=1, description="Every layer after those that it reads.")


def load_model(path: str | Path) -> Model:
    """The model in a YAML file.

    Raises:
        InputError: every problem of the file, one line each.
    """
    return model_from_dict(load(path, "model"), str(path))


def resolve_model(
    name_or_path: str | Path, parameters: Mapping[str, int] | None = None, *, folder: Path = Path()
) -> Model:
    """The model of a built-in name (with its `parameters`) or of a YAML file (relative ones start at `folder`).

    Raises:
        InputError: neither a name nor a file, parameters that the model does not have, or what `load_model` refuses.
    """
    from chipweave.workload.zoo import MODELS, build_model

    path = locate(str(name_or_path), "model", MODELS, folder)
    if path is None:
        return build_model(str(name_or_path), **parameters or {})
    if parameters:
        raise InputError(f"{path}: a model from a file has no parameters; leave out '{', '.join(parameters)}'")
    return load_model(path)


def model_from_dict(data: Any, path: str = "model") -> Model:
    """The model that JSON-able data describes (read from YAML, messages carry lines); `path` names it in messages.

    Raises:
        InputError: every problem of the data, one line each.
    """
    problems = Problems(path, data)
    model = read_model(data, problems, ())
    problems.raise_any()
    assert model is not None
    return model


def read_model(data: Any, problems: Problems, location: Location) -> Model | None:
    """The model at `location` of the data that `problems` is about; None with the problems added."""
    before = len(problems.found)
    head = problems.check(ModelSpec, data, location)
    if head is not None:
        specs: list[LayerSpec | None] = list(head.layers)
    else:  # go on with the layers that are sound, so that their problems show at the same time
        quiet = Problems("", None)
        raw = data.get("layers") if isinstance(data, dict) else None
        specs = [quiet.check(LayerSpec, item) for item in raw] if isinstance(raw, list) else []
    layers = [
        _layer(spec, problems, (*location, "layers", i)) if spec is not None else None for i, spec in enumerate(specs)
    ]
    edges = _edges(data, specs, layers, problems, (*location, "layers"))
    if None not in layers:
        for position, problem in sharing_problems([layer for layer in layers if layer is not None]):
            problems.add((*location, "layers", position, "shares"), problem)
    if len(problems.found) > before or head is None:
        return None
    try:
        return Model(
            name=head.name,
            layers=tuple(layer for layer in layers if layer is not None),
            edges=tuple(edges),
            bytes_per_element=head.bytes_per_element,
            input_elements=head.input_elements or 0,
            source=head.source,
            weight_bits=head.weight_bits or 0.0,
            activation_bits=head.activation_bits or 0.0,
            sum_bits=head.sum_bits or 0.0,
        )
    except InputError as error:
        problems.refuse(location, error)
        return None


def _layer(spec: LayerSpec, problems: Problems, location: Location) -> Layer | None:
    per_channel = spec.op in RIDERS or spec.op is Op.DEPTHWISE
    if spec.name == INPUT:
        problems.add((*location, "name"), "'input' is the network's own input; call the layer something else")
    if spec.K is None and not per_channel:
        problems.add((*location, "K"), f"is missing; a {spec.op.value} layer needs its output channels")
        return None
    try:
        layer = Layer(
            name=spec.name,
            op=spec.op,
            K=spec.K or spec.C,
            C=spec.C,
            Y=spec.Y,
            X=spec.X,
            R=spec.R,
            S=spec.S,
            N=spec.N,
            out_y=spec.out_y or 0,
            out_x=spec.out_x or 0,
            stride=(spec.stride[0], spec.stride[1]),
            padding=(spec.padding[0], spec.padding[1]),
            dilation=(spec.dilation[0], spec.dilation[1]),
            groups=spec.groups or (spec.C if per_channel else 1),
            shares=spec.shares or "",
            weight_bits=spec.weight_bits or 0.0,
        )
    except InputError as error:
        problems.refuse(location, error)
        return None
    counts = {"reads": layer.input_elements, "makes": layer.output_elements, "weighs": layer.weight_elements}
    what = max(counts, key=lambda each: counts[each])
    if counts[what] > LARGEST_COUNT:
        most = f"more than the {LARGEST_COUNT} that can be counted"
        problems.add(location, f"{what} {counts[what]} elements, {most}; make it several layers, or correct its sizes")
        return None
    return layer


Operands = list[tuple[int, InputSpec]]
"""What one layer reads: positions of layers (or NETWORK_INPUT), with sizes."""


def _edges(
    data: Any,
    specs: Sequence[LayerSpec | None],
    layers: Sequence[Layer | None],
    problems: Problems,
    location: Location,
) -> list[Edge]:
    """Every operand of every layer, checked as far as the layers themselves are sound."""
    names = _names(data, problems, location)
    operands = [
        _operands(spec, i, names, problems, (*location, i)) if spec is not None else None
        for i, spec in enumerate(specs)
    ]
    late = _order_problems(operands, names, problems, location)
    edges: list[Edge] = []
    for consumer, (spec, layer, inputs) in enumerate(zip(specs, layers, operands, strict=True)):
        if spec is None or layer is None or inputs is None or consumer in late:
            continue
        if all(producer == NETWORK_INPUT or layers[producer] for producer, _ in inputs):
            found = _sized(layers, layer, consumer, inputs)
            for problem in operand_problems(layers, layer, found):
                problems.add((*location, consumer, *(["inputs"] if spec.inputs else [])), problem)
            fault = layer.output_fault(any(edge.reshape for edge in found))
            if fault is not None:
                problems.add((*location, consumer, fault[0]), fault[1])
            edges += found
    return edges


def _names(data: Any, problems: Problems, location: Location) -> dict[str, int]:
    """Position of each layer name, of unsound layers too; repeated names are problems."""
    names: dict[str, int] = {}
    raw = data.get("layers") if isinstance(data, dict) else None
    for i, item in enumerate(raw if isinstance(raw, list) else []):
        name = item.get("name") if isinstance(item, dict) else None
        if isinstance(name, str) and names.setdefault(name, i) != i:
            problems.add((*location, i, "name"), f"is also the name of layers[{names[name]}]; names must differ")
    return names


def _operands(
    spec: LayerSpec, position: int, names: dict[str, int], problems: Problems, location: Location
) -> Operands | None:
    """None, with the problem added, where an operand dangles."""
    if spec.inputs is None:
        return [(position - 1 if position else NETWORK_INPUT, InputSpec.model_validate({"from": INPUT}))]
    found = []
    for i, operand in enumerate(spec.inputs):
        producer = NETWORK_INPUT if operand.producer == INPUT else names.get(operand.producer)
        if producer is None:
            near = did_you_mean(operand.producer, [INPUT, *names]) or "; name a layer of this model"
            problems.add((*location, "inputs", i), f"{shown(operand.producer)} is no layer{near}")
        else:
            found.append((producer, operand))
    return found if len(found) == len(spec.inputs) else None


def _order_problems(
    operands: Sequence[Operands | None], names: dict[str, int], problems: Problems, location: Location
) -> set[int]:
    """Add operands that are listed too late or close a cycle; return the layers that have one."""
    name_of = {i: name for name, i in names.items()}
    late = [
        (consumer, i, producer)
        for consumer, inputs in enumerate(operands)
        for i, (producer, _) in enumerate(inputs or [])
        if producer >= consumer
    ]
    for consumer, i, producer in late:
        name, way = shown(name_of[producer]), _way(operands, consumer, producer)
        if way:
            words = " -> ".join(shown(name_of.get(position, "…")) for position in _shortened([*way, consumer]))
            text = f"{name} closes the cycle {words}; a network cannot feed back, remove one of these edges"
        else:
            text = f"{name} is listed after this layer; move it before (there is no cycle)"
        problems.add((*location, consumer, "inputs", i), text)
    return {consumer for consumer, _, _ in late}


def _way(operands: Sequence[Operands | None], start: int, end: int) -> list[int]:
    """The shortest way that data takes from layer `start` to layer `end`, both included; empty if there is none."""
    reader: dict[int, int | None] = {end: None}
    queue = deque([end])
    while queue:
        at = queue.popleft()
        if at == start:
            break
        for producer, _ in operands[at] or []:
            if producer != NETWORK_INPUT and producer not in reader:
                reader[producer] = at
                queue.append(producer)
    way: list[int] = []
    step = start if start in reader else None
    while step is not None:
        way.append(step)
        step = reader[step]
    return way


def _shortened(circle: list[int]) -> list[int]:
    return circle if len(circle) <= 8 else [*circle[:4], NETWORK_INPUT, *circle[-3:]]


def _sized(layers: Sequence[Layer | None], layer: Layer, consumer: int, inputs: Operands) -> list[Edge]:
    """Edges with their default sizes filled in."""
    whole = {p: found.output_elements for p, _ in inputs if p != NETWORK_INPUT and (found := layers[p]) is not None}
    beside = sum(i.elements or whole.get(p, 0) for p, i in inputs)
    needed = layer.input_elements
    rest = needed if layer.op is Op.ELEMENTWISE or beside >= needed else needed - beside
    return [Edge(p, consumer, i.elements or whole.get(p, rest), i.reshape) for p, i in inputs]


_DEFAULTS = {f.name: f.default for f in fields(Layer) if f.default is not MISSING}


def model_to_dict(model: Model) -> dict[str, Any]:
    """JSON-able data that `model_from_dict` reads back as an equal model; what equals a default is left out."""
    data: dict[str, Any] = {"name": model.name}
    if model.source:
        data["source"] = model.source
    data["bytes_per_element"] = model.bytes_per_element
    data |= {key: bits for key in ("weight_bits", "activation_bits", "sum_bits") if (bits := getattr(model, key))}
    if model.input_elements != max((edge.elements for edge in model.input_readers), default=0):
        data["input_elements"] = model.input_elements
    data["layers"] = [_layer_to_dict(model, i) for i in range(len(model.layers))]
    return data


def _layer_to_dict(model: Model, position: int) -> dict[str, Any]:
    layer = model.layers[position]
    per_channel = layer.rides or layer.op is Op.DEPTHWISE
    defaults: dict[str, Any] = _DEFAULTS | _default_output(layer)
    if per_channel:
        defaults |= {"K": layer.C, "groups": layer.C}
    data: dict[str, Any] = {"name": layer.name, "op": layer.op.value}
    for key in ("K", "C", "Y", "X", "R", "S", "N", "stride", "padding", "dilation", "groups", "out_y", "out_x"):
        value = getattr(layer, key)
        if value != defaults.get(key):
            data[key] = value if isinstance(value, int) else value[0] if value[0] == value[1] else list(value)
    if layer.shares:
        data["shares"] = layer.shares
    if layer.weight_bits:
        data["weight_bits"] = layer.weight_bits
    edges = model.operands[position]
    inputs = [_input_to_dict(model, layer, edge, edges) for edge in edges]
    if inputs != [model.layers[position - 1].name if position else INPUT]:
        data["inputs"] = inputs
    return data


def _default_output(layer: Layer) -> dict[str, Any]:
    out_y, out_x = layer.usual_output(0), layer.usual_output(1)
    if min(out_y, out_x) < 1:  # the arithmetic gives no size at all here, the layer states its own
        return {}
    return {"out_y": out_y, "out_x": out_x}


def _input_to_dict(model: Model, layer: Layer, edge: Edge, edges: Sequence[Edge]) -> Any:
    if edge.producer == NETWORK_INPUT:
        name, alone = INPUT, len(edges) == 1
        whole = layer.input_elements if alone else 0  # beside other operands, say how much
    else:
        name, whole = model.layers[edge.producer].name, model.layers[edge.producer].output_elements
    if edge.elements == whole and not edge.reshape:
        return name
    data: dict[str, Any] = {"from": name}
    if edge.elements != whole:
        data["elements"] = edge.elements
    if edge.reshape:
        data["reshape"] = True
    return data


def dump_model(model: Model) -> str:
    """YAML text that `load_model` reads back as an equal model."""
    return dump_yaml(model_to_dict(model))
