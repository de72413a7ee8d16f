"""The tables that a person reads."""

from typing import Any

OURS, FLOOR = "stepgrad", "floor: C tape"
NODES = 100_000


def text(figures: dict[str, Any]) -> str:
    """Return everything that was measured."""
    results = figures["engines"]
    parts = [machine(figures["machine"])]
    if any("step_ms" in r for r in results.values()):
        parts += [steps(results), layers(results)]
    if any("sizes" in r or "deep" in r for r in results.values()):
        parts.append(nodes(results))
    parts += [training(rows) for rows in by_network(figures["training"]).values()]
    if figures["compiling"]:
        parts.append(compiling(figures["compiling"]))
    if figures["left_out"]:
        parts.append("\n".join(f"Left out: {e}: {why}" for e, why in figures["left_out"].items()))
    return "\n\n".join(parts)


def machine(description: dict[str, Any]) -> str:
    """Describe the machine."""
    load = description["load"]
    busy = "" if load is None else f"; load {load:.1f} at the start"
    return (
        f"{description['processor']}, {description['cores']} cores, {description['pinned']}{busy}\n"
        f"{description['system']}; {description['python']}, {description['python_compiler']}; "
        "medians of CPU time"
    )


def steps(results: dict[str, Any]) -> str:
    """Return the table of the demo's step."""
    taken = {engine: r["step_ms"] for engine, r in results.items()}
    for engine in (OURS, f"{OURS}, plain Python"):
        if engine in results:
            taken[f"{engine}: nn.MLP, losses"] = results[engine]["modules_ms"]
    ours, least = taken.get(OURS), taken.get(FLOOR)
    lines = [
        "One training step of micrograd's demo: 2-16-16-1 ReLU network, 100 points, 65,077 "
        "operations",
        f"{'':<40}{'ms':>9}{'stepgrad is':>18}{'of the floor':>15}",
    ]
    for engine, milliseconds in sorted(taken.items(), key=lambda entry: entry[1]):
        times = "" if ours is None else f"{milliseconds / ours:.2f} x as fast"
        of_floor = "" if least is None else f"{milliseconds / least:.1f} x"
        lines.append(f"{engine:<40}{milliseconds:>9.2f}{times:>18}{of_floor:>15}")
    return "\n".join(lines)


def layers(results: dict[str, Any]) -> str:
    """Return the table of layers."""
    lines = ["A call of a Layer with ReLU, forward", f"{'':<30}{'µs':>9}{'ns a weight':>14}"]
    for engine, r in results.items():
        for layer in r.get("layers", []):
            name = f"{engine}: {layer['inputs']} to {layer['outputs']}"
            weight = layer["microseconds"] * 1e3 / (layer["inputs"] * layer["outputs"])
            lines.append(f"{name:<30}{layer['microseconds']:>9.1f}{weight:>14.0f}")
    return "\n".join(lines)


def nodes(results: dict[str, Any]) -> str:
    """Return the table of what one operation costs, and of the deep chain."""
    lines = [
        f"Per operation (* + relu, a graph of {NODES:,}, the collector as it is), and a chain "
        "of 1,000,000",
        f"{'':<28}{'forward ns':>11}{'backward ns':>13}{'bytes':>8}   the chain",
    ]
    for engine, r in results.items():
        at = next((s for s in r.get("sizes", []) if s["operations"] == NODES), None)
        forward, backward = (f"{at['forward']:.0f}", f"{at['backward']:.0f}") if at else ("", "")
        deep = r.get("deep", {})
        room = f"{deep['bytes']:.0f}" if "bytes" in deep else ""
        lines.append(f"{engine:<28}{forward:>11}{backward:>13}{room:>8}   {survival(deep)}")
    return "\n".join(lines)


def survival(deep: dict[str, Any]) -> str:
    """Say how an engine fared with the deep chain."""
    if "error" in deep:
        return str(deep["error"])
    if "backward" not in deep:
        return ""
    return f"{deep['forward']:.2f} + {deep['backward']:.2f} s, {deep['megabytes']:.0f} MB"


def by_network(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return what was measured of training, network by network."""
    networks: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        networks.setdefault(row["network"], []).append(row)
    return networks


def by_engine(rows: list[dict[str, Any]]) -> dict[str, dict[int, float]]:
    """Return each engine's microseconds by size of batch, the fastest engine first.

    The fastest is who is so for the batch in the middle.
    """
    engines: dict[str, dict[int, float]] = {}
    for row in rows:
        engines.setdefault(row["engine"], {})[row["batch"]] = row["microseconds"]
    batches = sorted({row["batch"] for row in rows})
    middle = batches[len(batches) // 2]
    return dict(sorted(engines.items(), key=lambda entry: entry[1].get(middle, float("inf"))))


def training(rows: list[dict[str, Any]]) -> str:
    """Return the table of a network's training step."""
    engines = by_engine(rows)
    ours = engines.get(OURS, {})
    batches = sorted({row["batch"] for row in rows})
    lines = [
        f"A training step of the {rows[0]['network']} network: microseconds, and times {OURS}'s; "
        "by samples in the batch",
        f"{'':<30}" + "".join(f"{batch:>8,}{'':<6}" for batch in batches).rstrip(),
    ]
    for engine, taken in engines.items():
        cells = [cell(taken.get(batch), ours.get(batch)) for batch in batches]
        lines.append(f"{engine:<30}{''.join(cells)}".rstrip())
    return "\n".join(lines)


def cell(microseconds: float | None, ours: float | None) -> str:
    """Return what stands in a column: the cost, and how many times ours."""
    if microseconds is None:
        return " " * 14
    times = "" if ours is None else f"{three_digits(microseconds / ours)}x"
    return f"{three_digits(microseconds):>8}{times:>6}"


def three_digits(number: float) -> str:
    """Return a number with as many decimals as matter."""
    decimals = 2 if number < 10.0 else 1 if number < 100.0 else 0
    return f"{number:.{decimals}f}"


def compiling(rows: list[dict[str, Any]]) -> str:
    """Return the table of compiling."""
    lines = [
        "Compiling a program: what its first training step takes longer than the others; "
        "batches of 256",
        f"{'':<30}{'operations':>11}{'compile s':>11}{'ns an operation and sample':>29}",
    ]
    for row in rows:
        name = f"{row['engine']}, {row['family']}"
        lines.append(
            f"{name:<30}{row['operations']:>11,}{row['seconds']:>11.2f}{row['nanoseconds']:>29.3f}"
        )
    return "\n".join(lines)
