"""The user's own measured products: read whole or refused, and held against the model as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from chipweave.cli.main import run
from chipweave.errors import InputError
from chipweave.validation import tpu_gemm
from chipweave.validation.published import published
from chipweave.validation.spans_file import MeasuredProduct, load_spans


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "spans.csv"
    path.write_text(text)
    return path


def test_products_are_read_as_they_stand(tmp_path: Path) -> None:
    path = written(tmp_path, "M, N ,K,device_us\n1,389,3108,4.1183\n\n9,3964,1425,3.5e0\n")
    assert load_spans(path) == [MeasuredProduct(1, 389, 3108, 4.1183), MeasuredProduct(9, 3964, 1425, 3.5)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3,4\n", ":1: is no header"),
        ("M,N,K,device_us\n", "has 0 products"),
        ("M,N,K,device_us\n1,2,3\n", ":2: has 3 values"),
        ("M,N,K,device_us\n1,0,3,4\n", ":2: N is '0'"),
        ("M,N,K,device_us\n1,2,99999999999,4\n", ":2: K is"),
        ("M,N,K,device_us\n1,2,3,nan\n", ":2: device_us is"),
        ("M,N,K,device_us\n1,2,3,4\n1,2,x,0\n1,2,3,0\n", ":4: device_us is"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_spans(path)
    assert f"{path}{said}" in str(caught.value) or said in str(caught.value)
    assert str(path) in str(caught.value)


def test_they_are_held_out_and_predicted_as_the_shipped_ones() -> None:
    """Twice the measured span halves the ratio, and sets no parameter."""
    shipped = tpu_gemm.validate().points[:3]
    rows = [MeasuredProduct(*row) for row in published("tpu_gemm")["gemms"][:3]]
    own = tpu_gemm.validate([row._replace(span_us=2 * row.span_us) for row in rows]).points
    assert all(point.held_out for point in own)
    assert [point.predicted for point in own] == [point.predicted for point in shipped]
    assert [point.ratio for point in own] == pytest.approx([(point.ratio or 0) / 2 for point in shipped])


def test_only_one_validation_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "M,N,K,device_us\n1,2,3,4\n")
    assert run(["validate", "xrbench", "--measured", str(path)]) == 2
    assert "tpu-gemm alone" in capsys.readouterr().err
