"""The notebooks are run, and what they show is compared with the outputs they were committed with.

Run as a program, this file runs the notebooks and writes their outputs into them:

    .venv/bin/python tests/test_notebooks.py
"""

import argparse
import base64
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SECONDS = 120  # for one cell
VARIES = {"tags": ["varies"]}  # the metadata of a cell whose numbers differ between processors
LETTERS = 140_000  # for one output: about 100 kB of an image in base64


# Running: in a process of its own, because Jupyter's warnings are not ours ---------------------


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Run notebooks and write their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, default=NOTEBOOKS)
    parser.add_argument("--to", type=Path, help="a folder to write to, instead of in place")
    options = parser.parse_args(arguments)
    # The kernels start without the reader's own settings, and find this checkout.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["IPYTHONDIR"] = folder
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        os.environ["PYTHONPATH"] = str(ROOT)
        os.environ.pop("PYTHONWARNINGS", None)
        import matplotlib.font_manager  # noqa: F401  (its first import prints that it is slow)

        for path in options.notebooks:
            run(path, (options.to or path.parent) / path.name, Path(folder))


def run(source: Path, target: Path, folder: Path) -> None:
    """Run a notebook, with this very Python, in a folder of no importance."""
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    committed = nbformat.read(source, as_version=4)
    executed = nbformat.read(source, as_version=4)
    no_installed_kernels = KernelSpecManager(kernel_dirs=[])
    NotebookClient(
        executed,
        km=AsyncKernelManager(kernel_spec_manager=no_installed_kernels),
        timeout=SECONDS,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute(cleanup_kc=True)
    for old, new in zip(committed.cells, executed.cells, strict=True):
        new.metadata = VARIES if varies(old) else {}
        if new.cell_type == "code" and not varies(old) and shown(old) == shown(new):
            new.outputs = old.outputs  # no change that is none
    executed.metadata = METADATA
    target.write_text(nbformat.writes(executed) + "\n", encoding="utf-8")


# Comparing -------------------------------------------------------------------------------------


def varies(cell: Any) -> bool:
    """Whether a cell says what thousands of compiled steps make of the last digits."""
    return "varies" in cell["metadata"].get("tags", [])


def shown(cell: Any) -> list[str]:
    """What a reader sees below a cell, line by line, without what differs between machines."""
    if varies(cell):
        return [output["output_type"] for output in cell["outputs"]]
    return [line for output in cell["outputs"] for line in lines_of(output)]


def lines_of(output: Any) -> list[str]:
    kind = output["output_type"]
    if kind == "stream":
        return [f"[{output['name']}]", *normalised(output["text"])]
    if kind == "error":
        return ["[error]", *normalised(f"{output['ename']}: {output['evalue']}")]
    told = output.get("metadata", {})
    return [
        line
        for mime, content in sorted(output["data"].items())
        for line in (f"[{mime}]", *told.get(mime, {}).values(), *lines_of_data(mime, content))
    ]


def lines_of_data(mime: str, content: Any) -> list[str]:
    if mime == "image/svg+xml":
        return words(joined(content))
    if mime.startswith("image/"):
        return ["an image"]
    if mime == "text/html":
        content = re.sub('data-stepper="[0-9a-f]+"', "data-stepper=TOKEN", joined(content))
        content = re.sub(r'"data:image/svg\+xml;base64,(.*?)"', words_inside, content)
    return normalised(content)


def words(svg: str) -> list[str]:
    """The texts of a drawing: where they stand differs from one Graphviz to the next."""
    texts = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return [line for text in texts for line in normalised("".join(text.itertext()))]


def words_inside(image: re.Match[str]) -> str:
    return "\n".join(words(base64.b64decode(image[1]).decode()))


def normalised(text: str | list[str]) -> list[str]:
    """Without addresses and times, with floats to seven digits of what exceeds 1e-9."""
    text = re.sub(r"\b0x[0-9a-f]+", "ADDRESS", joined(text))
    text = re.sub(r"\b\d+(\.\d+)? ?(ns|µs|ms|s)\b", "TIME", text)
    text = re.sub(r"-?\b\d+(\.\d+(e[+-]?\d+)?|e[+-]?\d+)\b", rounded, text)
    return [" ".join(line.split()) for line in text.splitlines()]


def rounded(number: re.Match[str]) -> str:
    return format(round(float(number[0]), 9) + 0.0, ".7g")


def joined(text: str | list[str]) -> str:
    """A file keeps a text as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def differences(committed: Any, executed: Any) -> list[str]:
    """A diff for each cell that shows something else than it did."""
    found = []
    for number, (old, new) in enumerate(
        zip(committed["cells"], executed["cells"], strict=True), start=1
    ):
        if old["cell_type"] == "code" and shown(old) != shown(new):
            diff = difflib.unified_diff(shown(old), shown(new), "committed", "now", lineterm="")
            heading = f"cell {number} ({old['id']}):\n{joined(old['source'])}\n"
            found.append("\n".join([heading, *diff]))
    return found


# Tests -----------------------------------------------------------------------------------------


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def executed(path: Path, folder: Path) -> Any:
    program = [sys.executable, __file__, str(path), "--to", str(folder)]
    done = subprocess.run(
        program, capture_output=True, text=True, encoding="utf-8", check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return read(folder / path.name)


def notebook(*cells: dict[str, Any]) -> Any:
    return {"cells": list(cells), "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": "a-cell",
        "metadata": {},
        "outputs": list(outputs),
        "source": source,
    }


def printed(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def displayed(mime: str, content: str) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {mime: content}}


def test_what_varies_is_not_compared_but_must_be_there() -> None:
    one, other = code("f()", printed("1.25")), code("f()", printed("1.5"))
    assert differences(notebook(one), notebook(other))
    one["metadata"] = other["metadata"] = VARIES
    assert differences(notebook(one), notebook(other)) == []
    assert differences(notebook(one), notebook({**other, "outputs": []}))


def test_the_notebooks_are_there() -> None:
    numbers = sorted(int(path.name.partition("_")[0]) for path in NOTEBOOKS)
    assert numbers == list(range(1, len(NOTEBOOKS) + 1))
    assert len(numbers) >= 10


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_those_committed(path: Path, tmp_path: Path) -> None:
    found = differences(read(path), executed(path, tmp_path))
    if found:
        again = "If that is meant: .venv/bin/python tests/test_notebooks.py"
        pytest.fail("\n\n".join([f"{path.name} shows something else now.", *found, again]))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_file_holds_nothing_of_one_run(path: Path) -> None:
    content = read(path)
    assert content["metadata"] == METADATA
    cells = content["cells"]
    assert all(cell["metadata"] in ({}, VARIES) for cell in cells)
    assert len({cell["id"] for cell in cells}) == len(cells)
    of_code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in of_code] == list(range(1, len(of_code) + 1))
    kinds = {output["output_type"] for cell in of_code for output in cell["outputs"]}
    assert "error" not in kinds
    assert "ipykernel" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_pictures_are_small(path: Path) -> None:
    for cell in read(path)["cells"]:
        for output in cell.get("outputs", []):
            for mime, content in output.get("data", {}).items():
                what = f"{cell['id']} shows {len(joined(content)):,} letters of {mime}"
                assert len(joined(content)) < LETTERS, what


def test_the_kernel_is_this_python_even_if_another_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    installed.parent.mkdir(parents=True)
    broken = {"argv": ["no-such-python"], "display_name": "Python 3", "language": "python"}
    installed.write_text(json.dumps(broken), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    path = tmp_path / "who.ipynb"
    source = "import sys, time, autograd\nprint(sys.executable, flush=True)\n"
    source += "time.sleep(0.5)  # else the lines may come as one\nprint(autograd.__file__)"
    path.write_text(json.dumps(notebook(code(source))), encoding="utf-8")
    (tmp_path / "out").mkdir()
    [output] = executed(path, tmp_path / "out")["cells"][0]["outputs"]
    assert joined(output["text"]).split("\n")[:2] == [
        sys.executable,
        str(ROOT / "autograd" / "__init__.py"),
    ]


def test_an_output_that_shows_the_same_is_kept_as_it_was(tmp_path: Path) -> None:
    same, other = printed("0.30000000000000004\n"), printed("an old line\n")
    path = tmp_path / "sum.ipynb"
    cells = code("print(0.1 + 0.2 + 1e-16)", same), {**code("print(1)", other), "id": "b"}
    path.write_text(json.dumps(notebook(*cells)), encoding="utf-8")
    first, second = executed(path, tmp_path)["cells"]
    assert joined(first["outputs"][0]["text"]) == "0.30000000000000004\n"
    assert joined(second["outputs"][0]["text"]) == "1\n"


def test_a_changed_output_is_shown_with_its_cell() -> None:
    [found] = differences(
        notebook(code("x.grad", printed("kept\n2.0\n"))),
        notebook(code("x.grad", printed("kept\n2.5\n"))),
    )
    assert found.startswith("cell 1 (a-cell):\nx.grad\n")
    assert "\n kept\n-2\n+2.5" in found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((printed("1.0\n"),), ()),
        ((printed("1.0\n"),), (printed("1.0\n"), printed("more\n"))),
        ((printed("1.000001\n"),), (printed("1.000002\n"),)),
        ((printed("1.0\n"),), ({**printed("1.0\n"), "name": "stderr"},)),
        ((printed("x.grad\n"),), (printed("w.grad\n"),)),
        ((printed("3.5\n"),), (printed("-3.5\n"),)),
        ((displayed("text/plain", "1"),), (displayed("text/latex", "1"),)),
    ],
)
def test_a_change_that_counts(old: tuple[Any, ...], new: tuple[Any, ...]) -> None:
    assert differences(notebook(code("", *old)), notebook(code("", *new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (printed("<Node at 0x7f12>"), printed("<Node at 0xabc>")),
        (printed("took 12.5 ms"), printed("took 9 ms")),
        (printed("0.1 off by 2.77556e-17"), printed("0.10000000000000002    off by 0")),
        (displayed("image/png", "iVBORw0K"), displayed("image/png", "iVBORw1L")),
    ],
)
def test_a_change_that_does_not_count(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert differences(notebook(code("", old)), notebook(code("", new))) == []


def svg(x: int, *texts: str) -> dict[str, Any]:
    inside = "".join(f'<text x="{x}">{text}</text>' for text in texts)
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg"><g>{inside}</g></svg>'
    return displayed("image/svg+xml", drawing)


def test_of_a_drawing_the_words_count_and_their_places_do_not() -> None:
    drawn = notebook(code("", svg(1, "x", "2.0")))
    assert differences(drawn, notebook(code("", svg(9, "x", "2.0")))) == []
    assert differences(drawn, notebook(code("", svg(1, "x", "3.0"))))
    assert differences(drawn, notebook(code("", svg(1, "x"))))


def stepper(token: str, x: int, *texts: str) -> dict[str, Any]:
    drawing = svg(x, *texts)["data"]["image/svg+xml"]
    image = base64.b64encode(drawing.encode()).decode()
    code = f"document.querySelector('[data-stepper=\"{token}\"]')"
    html = f'<div data-stepper="{token}"><img src="data:image/svg+xml;base64,{image}"></div>'
    return displayed("text/html", f"{html}<script>{code}</script>")


def test_of_a_stepper_its_token_does_not_count() -> None:
    shown = notebook(code("", stepper("0a1b", 1, "w")))
    assert differences(shown, notebook(code("", stepper("c2d3", 9, "w")))) == []
    assert differences(shown, notebook(code("", stepper("0a1b", 1, "b"))))


def test_make_notebook_opens_this_folder() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [folder] = re.findall(r"^notebook:.*\n\t@\S*jupyter lab (\S+)$", makefile, re.MULTILINE)
    assert ROOT / folder == NOTEBOOKS[0].parent


if __name__ == "__main__":
    main()
