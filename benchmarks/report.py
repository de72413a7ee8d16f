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
