"""The stepgrad command: explain, check, draw and step through an expression, train, see a demo."""

import argparse
import contextlib
import json
import math
import os
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, NoReturn

import autograd
from autograd.explanation import Explanation, Section, as_text
from autograd.expression import (
    Expression,
    ExpressionError,
    name_in_message,
    parse,
    quoted,
    suggestion,
)
from autograd.formula import Names, visible
from autograd.sweep import topological_order
from autograd.value import Value

PASSED, FAILED, WRONG_USE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141

_LONGEST_LINE = 1000
_DASK_TIMEOUT = 10  # seconds

NEURON = "n = x1*w1 + x2*w2 + b; tanh(n)"
NEURON_POINT = ("x1=2", "x2=0", "w1=-3", "w2=1", "b=6.8813735870195432")

_LANGUAGE = """\
EXPR is written as in Python: numbers, names, + - * / // % **, and calls of
autograd's functions, such as tanh(x), maximum(x, y), sum([x, y]) and
where(x > 0, x, y). 'name = expression;' before the last expression names a
part. pi, e and inf are constants, unless you give them a value. Quote EXPR,
so that the shell leaves it alone.
"""


class WrongUse(Exception):
    """What the user asked for can't be done; the message is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stepgrad command.

    Args:
        arguments: what follows ``stepgrad`` on the command line (default: sys.argv).

    Returns:
        The exit status: 0, or 1 if a gradient check fails, 2 for wrong use, 130 after Ctrl-C.

    >>> main(["explain", "x*x"])  # and on stderr: stepgrad: 'x' has no value: add x=…
    2
    """
    _replace_what_cannot_be_printed()
    try:
        status = _attempt(list(sys.argv[1:] if arguments is None else arguments))
        print(end="", flush=True)
    except OSError as error:
        _close_stdout()
        broken = isinstance(error, BrokenPipeError)
        return BROKEN_PIPE if broken else _complain(f"can't write the output: {error.strerror}")
    return status


def _attempt(arguments: list[str]) -> int:
    """Run a command; turn every failure but that of stdout into a line and an exit status."""
    try:
        return _run(arguments)
    except (WrongUse, ExpressionError, ImportError) as error:
        return _complain(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        return _complain(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        print("\nstepgrad: interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as stop:  # argparse has shown a help text
        return int(stop.code or 0)


def _run(arguments: list[str]) -> int:
    if not hasattr(autograd, "Sweep"):
        raise WrongUse(
            f"another distribution's autograd, at {autograd.__file__}, hides stepgrad's: "
            "run `pip uninstall autograd` and then reinstall stepgrad"
        )
    parser, commands = _parsers()
    if not arguments:
        parser.print_help()
        return PASSED
    name, *rest = arguments
    if name not in commands:
        parser.parse_args([name])  # shows help or the version, or complains
        return PASSED
    command = commands[name]
    if name == "train":
        _add_recipes(command, _add_settings)
    if name == "search":
        _add_recipes(command, _add_choices)
    chosen = command.parse_args(command.options_first(rest) if command.takes_expression else rest)
    run: Callable[[argparse.Namespace], int] = chosen.run
    return run(chosen)


def _complain(message: str) -> int:
    line = " ".join(message.split())
    shortened = line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…"
    print(f"stepgrad: {shortened}", file=sys.stderr)
    return WRONG_USE


def _replace_what_cannot_be_printed() -> None:
    """Print a question mark for what the terminal's encoding hasn't, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        fails = getattr(stream, "errors", "") in ("strict", "surrogateescape")
        if fails and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _close_stdout() -> None:
    """Let Python's own last flush go nowhere, if stdout is a file at all."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# Reading the command line ---------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and in which an expression may begin with '-'."""

    def __init__(self, *, takes_expression: bool = False, **settings: Any) -> None:
        self.takes_expression = takes_expression
        self.takes_value: dict[str, bool] = {}  # the options, and whether a value follows
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        action = super().add_argument(*names, **settings)
        for option in action.option_strings:
            self.takes_value[option] = action.nargs != 0
        return action

    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{message} (see {self.prog} --help)")

    def options_first(self, arguments: Iterable[str]) -> list[str]:
        """Sort the options to the front, so that no expression or value is taken for one."""
        options: list[str] = []
        others: list[str] = []
        rest = iter(arguments)
        for argument in rest:
            name, equals, _ = argument.partition("=")
            if argument == "--":
                others += rest
            elif name in self.takes_value and (not equals or name.startswith("--")):
                options.append(argument)
                if self.takes_value[name] and not equals:
                    options += islice(rest, 1)
            elif argument.startswith("-") and others:
                options.append(argument)  # unknown: argparse will say so
            else:
                others.append(argument)
        return [*options, "--", *others]


def _parsers() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(
        prog="stepgrad",
        description="Differentiate an expression step by step, check it, draw it.",
        epilog="examples:\n"
        f'  stepgrad explain "{NEURON}" \\\n      {" ".join(NEURON_POINT)}\n'
        '  stepgrad check "log(x)*y" x=2 y=3\n'
        '  stepgrad draw "x*y + sin(x)" x=2 y=3 -o graph.svg\n'
        '  stepgrad step "x*y + sin(x)" x=2 y=3 -o steps.html\n'
        "  stepgrad train moons\n"
        "  stepgrad search moons --lr 0.001:0.1 --optimizer Adam SGD\n"
        "  stepgrad failures\n"
        "  stepgrad paths -o paths.png\n"
        "  stepgrad demo",
    )
    parser.add_argument("--version", action="version", version=f"stepgrad {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    parsers = {
        "explain": _explain_parser(commands),
        "check": _check_parser(commands),
        "draw": _draw_parser(commands),
        "step": _step_parser(commands),
        "train": _train_parser(commands),
        "search": _search_parser(commands),
        "failures": _failures_parser(commands),
        "paths": _paths_parser(commands),
        "demo": _demo_parser(commands),
    }
    return parser, parsers


def _version() -> str:
    return str(getattr(autograd, "__version__", "unknown"))


def _expression_parser(commands: Any, name: str, summary: str, example: str) -> _Parser:
    parser: _Parser = commands.add_parser(
        name,
        takes_expression=True,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\n{_LANGUAGE}",
        epilog=f"example:\n  stepgrad {name} {example}",
    )
    parser.add_argument("expression", metavar="EXPR", help='such as "tanh(x*w + b)"')
    parser.add_argument("values", metavar="NAME=NUMBER", nargs="*", help="a value per variable")
    return parser


def _explain_parser(commands: Any) -> _Parser:
    parser = _expression_parser(
        commands,
        "explain",
        "differentiate an expression step by step",
        f'"{NEURON}" \\\n      {" ".join(NEURON_POINT)}',
    )
    parser.add_argument("--svg", metavar="FILE", help="draw the graph, too")
    parser.add_argument(
        "--json",
        action="store_true",
        help='as data, with all digits; nan and infinities as "nan", "inf", "-inf"',
    )
    parser.add_argument("--latex", action="store_true", help="as LaTeX, for use with amsmath")
    parser.set_defaults(run=_explain)
    return parser


def _check_parser(commands: Any) -> _Parser:
    parser = _expression_parser(
        commands,
        "check",
        "compare the gradients with independent computations (exit status 1 if wrong)",
        '"log(x)*y" x=2 y=3 --order 2',
    )
    parser.add_argument("--order", type=int, choices=(1, 2), default=1, help="2: second, too")
    parser.set_defaults(run=_check)
    return parser


def _draw_parser(commands: Any) -> _Parser:
    parser = _expression_parser(
        commands, "draw", "draw the graph of an expression", '"x*y + sin(x)" x=2 y=3 -o graph.svg'
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="FILE.svg, .png, .pdf, .dot, .html"
    )
    parser.add_argument(
        "--detail", choices=("all",), help="show all nodes, also of a graph of more than 100"
    )
    parser.set_defaults(run=_draw)
    return parser


def _step_parser(commands: Any) -> _Parser:
    parser = _expression_parser(
        commands,
        "step",
        "write a page that walks through backpropagation, one node at a time",
        '"x*y + sin(x)" x=2 y=3 -o steps.html',
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="steps.html",
        help="FILE.html, to be opened in a browser (default: steps.html)",
    )
    parser.set_defaults(run=_step)
    return parser


def _train_parser(commands: Any) -> _Parser:
    parser: _Parser = commands.add_parser(
        "train",
        help="train a small network on real data",
        description="Train a small network on real data, and plot what it has learned.\n"
        "stepgrad train RECIPE --help tells its settings.",
        epilog="examples:\n"
        "  stepgrad train moons\n"
        "  stepgrad train digits --optimizer AdamW --schedule one-cycle --folder digits\n"
        "  stepgrad train digits --checkpoint digits.json\n"
        "  stepgrad train xor --seeds 100",
    )
    return parser


def _search_parser(commands: Any) -> _Parser:
    parser: _Parser = commands.add_parser(
        "search",
        help="train with many settings, and compare them",
        description="Train a small network with many settings, and compare what comes out: as a\n"
        "table and a plot. Each trial is written down when it is finished: the same\n"
        "command, run again after Ctrl-C or a crash, goes on with the others.\n"
        "stepgrad search RECIPE --help tells the settings.",
        epilog="examples:\n"
        "  stepgrad search moons --lr 0.001:0.1 --optimizer Adam SGD --trials 20\n"
        "  stepgrad search iris --lr 0.01 0.03 0.1 --batch-size 8 16 --folder iris\n"
        "  stepgrad search digits --lr 0.001:0.1 --scheduler tcp://10.0.0.1:8786",
    )
    return parser


def _add_recipes(parser: _Parser, add_options: Callable[[_Parser, Any], None]) -> None:
    """Add a parser for each recipe: not before one is wanted, since importing them takes time."""
    from nn.recipes import RECIPES

    choices = parser.add_subparsers(
        title="recipes", metavar="RECIPE", dest="recipe", required=True, parser_class=_Parser
    )
    command = parser.prog.split()[-1]
    example = "--seed 1" if command == "train" else "--lr 0.001:0.1"
    for recipe in RECIPES.values():
        add_options(
            choices.add_parser(
                recipe.name,
                help=recipe.summary,
                description=f"Train a network: {recipe.summary}.",
                epilog="example:\n"
                f"  stepgrad {command} {recipe.name} {example} --folder {recipe.name}",
            ),
            recipe.defaults,
        )


def _add_settings(parser: _Parser, defaults: Any) -> None:
    from nn.recipes import OPTIMIZERS, SCHEDULES

    size = "all" if defaults.batch_size is None else defaults.batch_size
    add = parser.add_argument
    add("--optimizer", metavar="NAME", help=_choices(OPTIMIZERS, defaults.optimizer))
    add("--lr", type=float, help=_rates(defaults))
    add("--schedule", metavar="NAME", help=_choices(SCHEDULES, defaults.schedule))
    add("--batch-size", type=int, metavar="N", help=f"samples per step (default: {size})")
    add(
        "--epochs",
        type=int,
        metavar="N",
        help=f"how often to go through the samples, at most (default: {defaults.epochs})",
    )
    add(
        "--seed",
        type=int,
        metavar="N",
        help=f"the same seed gives the same result to the bit (default: {defaults.seed})",
    )
    add(
        "--compile",
        action="store_true",
        default=None,
        help="run the passes as machine code, and say how long it took: the results are the same "
        "but for rounding",
    )
    _add_own(parser, defaults)
    add("--seeds", type=int, metavar="N", help="train from N seeds, and compare what came out")
    add(
        "--checkpoint",
        metavar="FILE",
        help="a file to write while training, and to go on from if it is there: the same command, "
        "run again after a crash, ends with the same result to the bit",
    )
    add(
        "--plot",
        action=argparse.BooleanOptionalAction,
        help="draw what was learned, and how (the default)",
    )
    add("--folder", type=Path, help="where to put the pictures (default: .)")
    parser.set_defaults(run=_train)


def _add_choices(parser: _Parser, defaults: Any) -> None:
    from nn.recipes import OPTIMIZERS, SCHEDULES

    size = "all" if defaults.batch_size is None else defaults.batch_size
    several: dict[str, Any] = {"nargs": "+"}
    add = parser.add_argument
    add("--lr", metavar="LR", help=f"a range LOW:HIGH or numbers: {_rates(defaults)}", **several)
    add("--optimizer", metavar="NAME", help=_choices(OPTIMIZERS, defaults.optimizer), **several)
    add("--schedule", metavar="NAME", help=_choices(SCHEDULES, defaults.schedule), **several)
    add(
        "--batch-size", type=int, metavar="N", help=f"samples per step (default: {size})", **several
    )
    add(
        "--epochs",
        type=int,
        metavar="N",
        help=f"how often to go through the samples (default: {defaults.epochs})",
        **several,
    )
    _add_own(parser, defaults, **several)
    add(
        "--trials",
        type=int,
        metavar="N",
        help="how many, drawn by chance (default: 20 if there is a range, or all combinations)",
    )
    add(
        "--seed",
        type=int,
        default=defaults.seed,
        metavar="N",
        help="what the drawing and all trainings depend on (default: %(default)s)",
    )
    add("--compile", action="store_true", help="run the passes as machine code")
    add("--by", choices=("loss", "accuracy"), default="loss", help="what to sort by")
    add("--jobs", type=int, metavar="N", help="how many processors to use (default: all)")
    add("--scheduler", metavar="ADDRESS", help="run on the workers of a Dask scheduler instead")
    add("--folder", type=Path, default=Path(), help="where to put journal and plot (default: .)")
    parser.set_defaults(run=_search)


def _add_own(parser: _Parser, defaults: Any, **several: Any) -> None:
    """Add the settings that no other recipe has."""
    for setting in defaults.own:
        told = f"{setting.metadata['help']} (default: {getattr(defaults, setting.name)})"
        parser.add_argument(f"--{setting.name}", type=int, metavar="N", help=told, **several)


def _choices(names: Iterable[str], default: str) -> str:
    return f"one of {', '.join(names)} (default: {default})"


def _rates(defaults: Any) -> str:
    return (
        f"the learning rate (default: {defaults.lr:g} for {defaults.optimizer}, "
        "and for another optimizer what suits that one)"
    )


def _failures_parser(commands: Any) -> _Parser:
    parser: _Parser = commands.add_parser(
        "failures",
        help="see five trainings fail, what finds out why, and what mends them",
        description="Train five small networks that fail: say what was done, what finds the cause "
        "and\nwhat it says, what mends it, and the losses before and after.",
        epilog="examples:\n  stepgrad failures\n  stepgrad failures dead gradient --compile\n"
        "  stepgrad failures --folder failures",
    )
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help="exploding, vanishing, dead, rate or gradient (default: all)",
    )
    parser.add_argument("--compile", action="store_true", help="run the passes as machine code")
    parser.add_argument("--folder", type=Path, help="draw the losses, into this folder")
    parser.set_defaults(run=_failures)
    return parser


def _paths_parser(commands: Any) -> _Parser:
    parser: _Parser = commands.add_parser(
        "paths",
        help="plot the paths of all optimizers on the same surface",
        description="Plot the paths of all optimizers on the same surface.",
        epilog="examples:\n"
        "  stepgrad paths --surface rosenbrock -o rosenbrock.png\n"
        "  stepgrad paths --only SGD,momentum,Adam -o race.html",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="paths.png",
        help="FILE.png, .svg or .pdf; animated: FILE.gif or .html (default: paths.png)",
    )
    parser.add_argument("--surface", default="beale", help="beale or rosenbrock (default: beale)")
    parser.add_argument("--steps", type=int, metavar="N", help="how many steps each takes")
    parser.add_argument("--only", metavar="NAMES", help="those alone, such as SGD,Adam")
    parser.set_defaults(run=_paths)
    return parser


def _demo_parser(commands: Any) -> _Parser:
    parser: _Parser = commands.add_parser(
        "demo",
        help="see it all in a minute",
        description="Explain, check and draw a neuron and train a network, all into one folder.",
        epilog="example:\n  stepgrad demo --folder my-demo",
    )
    parser.add_argument("--folder", type=Path, default=Path("stepgrad-demo"), help="where to write")
    parser.set_defaults(run=_demo)
    return parser


# The expression and its point -----------------------------------------------------------------


class _Problem:
    """An expression, and the point at which it is to be differentiated."""

    def __init__(self, text: str, assignments: Sequence[str]) -> None:
        given = _given(text, assignments)
        self.expression: Expression = parse(text, given)
        self.point = _point(self.expression, given)

    def inputs(self) -> list[Value]:
        """Return the variables as fresh Values with their names."""
        return [Value(x, label=name) for name, x in self.point.items()]

    def gradcheck(self, order: int = 1) -> Any:
        """Check the gradients.

        Raises:
            WrongUse: if something is not finite at this point.
        """
        from autograd.checking import gradcheck

        inputs = self.inputs()
        fault = _not_finite(self.expression(*inputs), inputs)
        if fault:
            raise WrongUse(f"gradients can't be checked where {fault}")
        return gradcheck(self.expression, *inputs, order=order, raise_exception=False)


def _not_finite(root: Value, inputs: Sequence[Value]) -> str:
    """Say what is nan or infinite first, or has such a derivative; an empty text if nothing."""
    order = topological_order([root])
    names = Names(order)
    for node in inputs:
        if not math.isfinite(node.data):
            return f"{node.label} is {node.data}"
    for node in order:
        if not math.isfinite(node.data):
            return f"{visible(names.operation(node) or names[node])} is {node.data}"
        for partial in node.partials:
            if not math.isfinite(partial):
                return f"{visible(names.operation(node))} has the derivative {partial}"
    return ""


def _given(text: str, assignments: Sequence[str]) -> dict[str, float]:
    """Read ``name=number`` for each variable."""
    given: dict[str, float] = {}
    for assignment in assignments:
        name, equals, number = assignment.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())  # as Python does with names in the text
        if not equals or not name.isidentifier():
            raise WrongUse(
                f"{quoted(assignment)} is not of the form name=number; "
                f"the expression is {quoted(text)}"
            )
        if name in given:
            raise WrongUse(f"{name_in_message(name)} is given twice")
        try:
            given[name] = float(number)
        except ValueError:
            raise WrongUse(
                f"{name_in_message(name)} is not given as a number: {quoted(number)}"
            ) from None
    return given


def _point(expression: Expression, given: dict[str, float]) -> dict[str, float]:
    """Return the variables' values in their order; each must be given, and no other."""
    if not expression.variables:
        raise WrongUse("the expression has no variable, so there is nothing to differentiate")
    missing = [name for name in expression.variables if name not in given]
    superfluous = [name for name in given if name not in expression.variables]
    if missing:
        name = missing[0]
        hint = suggestion(name, superfluous) or f": add {quoted(name)[1:-1]}=…"
        raise WrongUse(f"{name_in_message(name)} has no value{hint}")
    if superfluous:
        raise WrongUse(
            f"{name_in_message(superfluous[0])} does not occur in the expression, "
            f"whose variables are {quoted(', '.join(expression.variables))[1:-1]}"
        )
    return {name: given[name] for name in expression.variables}


# The commands ---------------------------------------------------------------------------------


def _explain(chosen: argparse.Namespace) -> int:
    if chosen.json and chosen.latex:
        raise WrongUse("--json and --latex exclude each other")
    if chosen.svg is not None and Path(chosen.svg).suffix.lower() != ".svg":
        raise WrongUse(f"--svg writes a file whose name ends in .svg, not {quoted(chosen.svg)}")
    problem = _Problem(chosen.expression, chosen.values)
    inputs = problem.inputs()
    root = problem.expression(*inputs)
    explanation = Explanation(root, inputs)
    if chosen.latex:
        print(explanation.latex())
    elif chosen.json:
        print(json.dumps(_data(problem, explanation), indent=2, allow_nan=False))
    else:
        _print_sections(_sections(problem, explanation))
    if chosen.svg is not None:
        _save_picture(root, chosen.svg)
        if not (chosen.json or chosen.latex):
            print(f"\nThe graph is drawn in {chosen.svg}")
    return PASSED


def _sections(problem: _Problem, explanation: Explanation) -> list[Section]:
    """Return what explain prints; of a check that all passed, the verdict alone."""
    verdict, lines = _verdict(problem)
    in_short = list(takewhile(bool, lines)) if verdict == "passed" else lines
    return [*explanation.sections(), ("Check", in_short)]


def _data(problem: _Problem, explanation: Explanation) -> dict[str, Any]:
    """Return what --json prints."""
    verdict, lines = _verdict(problem)
    return {
        "expression": problem.expression.text,
        **explanation.data(),
        "check": {"verdict": verdict, "report": [line.strip() for line in lines]},
    }


def _verdict(problem: _Problem) -> tuple[str, list[str]]:
    """Return "passed", "failed", "can't tell" or "not checked", and the lines to show."""
    try:
        report = problem.gradcheck()
    except WrongUse as error:
        return "not checked", [f"  not checked: {error}"]
    lines = [f"  {line}".rstrip() for line in str(report).splitlines()]
    return report.verdict.lower(), lines


def _check(chosen: argparse.Namespace) -> int:
    report = _Problem(chosen.expression, chosen.values).gradcheck(chosen.order)
    print(report)
    return PASSED if report else FAILED


def _draw(chosen: argparse.Namespace) -> int:
    problem = _Problem(chosen.expression, chosen.values)
    _save_picture(problem.expression(*problem.inputs()), chosen.output, detail=chosen.detail)
    print(f"The graph is drawn in {chosen.output}")
    return PASSED


def _save_picture(root: Value, *paths: str | Path, detail: str | None = None) -> None:
    """Draw a graph with its gradients, to files in the formats of their suffixes."""
    from autograd.drawing import draw

    if root.requires_grad:
        root.backward()
    _save(lambda: draw(root, detail=detail), *paths)


def _step(chosen: argparse.Namespace) -> int:
    problem = _Problem(chosen.expression, chosen.values)
    root = problem.expression(*problem.inputs())
    _save_steps(root, chosen.output)
    print(f"The steps are in {chosen.output}: open it in a browser")
    return PASSED


def _save_steps(root: Value, path: str | Path) -> None:
    """Write a page that walks through both passes."""
    from autograd.drawing import stepper

    _save(lambda: stepper(root), path)


def _save(make: Callable[[], Any], *paths: str | Path) -> None:
    try:
        made = make()
        for path in paths:
            made.save(path)
    except (ValueError, RuntimeError) as error:
        raise WrongUse(str(error)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise WrongUse(f"can't write {os.fspath(path)}: {reason}") from None


def _train(chosen: argparse.Namespace) -> int:
    from nn.recipes import RECIPES

    names = [*(setting.name for setting in fields(RECIPES[chosen.recipe].defaults)), "checkpoint"]
    told = {name: getattr(chosen, name) for name in names}
    wanted = {name: setting for name, setting in told.items() if setting is not None}
    if chosen.seeds is not None:
        if chosen.checkpoint is not None:
            raise WrongUse("--checkpoint is for one training: leave out --seeds")
        if chosen.plot or chosen.folder is not None:
            raise WrongUse("--seeds tells numbers and draws nothing: leave out --plot and --folder")
        return _train_from_seeds(chosen.recipe, chosen.seeds, wanted)
    if chosen.plot is False and chosen.folder is not None:
        raise WrongUse("--folder is for the pictures, and --no-plot draws none: leave one out")
    folder = None if chosen.plot is False else chosen.folder or Path()
    result = _trained(chosen.recipe, folder, **wanted)
    print(f"{chosen.recipe}: {result.findings}")
    if chosen.compile:
        print(f"  trained in {result.seconds:.2f} s, compiling included")
    for path in result.files:
        print(f"  {path}")
    if result.history.stopped != "interrupted":
        return PASSED
    done, of = len(result.history.loss), result.settings.epochs
    goes_on = "" if chosen.checkpoint is None else ": the same command goes on"
    print(f"stepgrad: interrupted after {done} of {of} epochs{goes_on}", file=sys.stderr)
    return INTERRUPTED


def _train_from_seeds(name: str, count: int, wanted: dict[str, Any]) -> int:
    from nn.recipes import RECIPES

    with _training_problems_in_a_line():
        print(RECIPES[name].over_seeds(count, **wanted))
    return PASSED


def _trained(recipe: str, folder: Path | None, **wanted: Any) -> Any:
    """Run a recipe, with the folder made first: not to fail when all is trained."""
    from nn import recipes

    if folder is not None:
        _make_folder(folder)
    with _training_problems_in_a_line():
        return recipes.train(recipe, folder=folder, **wanted)


@contextlib.contextmanager
def _training_problems_in_a_line() -> Iterator[None]:
    from autograd.drawing import RenderingError
    from nn.training import DivergedError

    try:
        yield
    except (ValueError, DivergedError, RenderingError) as error:
        raise WrongUse(str(error)) from None


def _search(chosen: argparse.Namespace) -> int:
    from autograd.optional import needed
    from nn.recipes.search import search

    needed("matplotlib", "a plot")  # before the search, not after it
    if chosen.jobs is not None and chosen.scheduler is not None:
        raise WrongUse("--jobs is for this machine, and --scheduler for others: leave one out")
    if chosen.jobs is not None and chosen.jobs < 1:
        raise WrongUse(f"--jobs is a whole number above 0, got {chosen.jobs}")
    choices, fixed = _choices_and_fixed(chosen)
    _make_folder(chosen.folder)
    journal, picture = (chosen.folder / f"{chosen.recipe}-search{s}" for s in (".jsonl", ".png"))
    try:
        with _training_problems_in_a_line(), _warnings_in_a_line(), _on_dask(chosen.scheduler):
            found = search(
                chosen.recipe,
                choices,
                trials=chosen.trials,
                jobs=chosen.jobs or -1,
                by=chosen.by,
                journal=journal,
                **fixed,
            )
    except KeyboardInterrupt:
        print("\nstepgrad: interrupted: the same command goes on", file=sys.stderr)
        return INTERRUPTED
    print(found)
    found.plot(picture, title=f"{chosen.recipe}: the loss of {len(found)} trials")
    if found[0].succeeded:
        options = _as_options(fixed | found.best)
        print(f"\nthe best again: stepgrad train {chosen.recipe} {options}")
    for path in (picture, journal):
        print(f"  {path}")
    return PASSED


def _as_options(settings: dict[str, Any]) -> str:
    words = {name: "" if choice is True else f" {choice}" for name, choice in settings.items()}
    return " ".join(f"--{name.replace('_', '-')}{word}" for name, word in words.items())


def _choices_and_fixed(chosen: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings to vary, and those that are given once."""
    from nn.recipes import RECIPES

    own = [setting.name for setting in RECIPES[chosen.recipe].defaults.own]
    names = ("lr", "optimizer", "schedule", "batch_size", "epochs", *own)
    given = {name: getattr(chosen, name) for name in names if getattr(chosen, name) is not None}
    if "lr" in given:
        given["lr"] = _given_rates(given["lr"])
    choices = {name: among for name, among in given.items() if _varies(among)}
    if not choices:
        raise WrongUse(
            "there is nothing to search: give several values of a setting, or a range, such as "
            "--lr 0.001:0.1"
        )
    fixed = {name: among[0] for name, among in given.items() if name not in choices}
    return choices, {**fixed, "seed": chosen.seed} | ({"compile": True} if chosen.compile else {})


def _varies(among: Any) -> bool:
    return not isinstance(among, list) or len(among) > 1


def _given_rates(texts: Sequence[str]) -> Any:
    from nn.recipes.search import Range

    low, colon, high = " ".join(texts).partition(":")
    try:
        numbers = [float(text) for text in ([low, high] if colon else texts)]
    except ValueError:
        raise WrongUse(
            f"--lr is a range LOW:HIGH or numbers, not {quoted(' '.join(texts))}"
        ) from None
    with _training_problems_in_a_line():
        return Range(*numbers) if colon else numbers


@contextlib.contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    def show(message: Warning | str, *place: Any) -> None:
        print(f"stepgrad: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


@contextlib.contextmanager
def _on_dask(address: str | None) -> Iterator[None]:
    """Have joblib run on the workers of a Dask scheduler, if there is an address of one."""
    if address is None:
        yield
        return
    from autograd.optional import needed

    joblib = needed("joblib", "a search")
    distributed = needed("distributed", "a search on Dask", extra="distributed")
    try:
        client = distributed.Client(address, timeout=_DASK_TIMEOUT)
        client.wait_for_workers(1, timeout=_DASK_TIMEOUT)
    except (OSError, ValueError) as error:
        raise WrongUse(f"no Dask workers at {quoted(address)}: {error}") from None
    with client, joblib.parallel_config(backend="dask"):
        yield


def _failures(chosen: argparse.Namespace) -> int:
    from nn.recipes import failures

    if chosen.folder is not None:
        _make_folder(chosen.folder)
    with _training_problems_in_a_line():
        told = failures.tell(chosen.names, compile=chosen.compile, folder=chosen.folder)
        for number, paragraph in enumerate(told):
            print("\n" * bool(number) + paragraph, flush=True)
    return PASSED


def _paths(chosen: argparse.Namespace) -> int:
    from optim import paths

    animated = Path(chosen.output).suffix.lower() in (".gif", ".html")
    show = paths.animate if animated else paths.plot
    only = None if chosen.only is None else [name.strip() for name in chosen.only.split(",")]
    try:
        show(chosen.output, chosen.surface, steps=chosen.steps, only=only)
    except ValueError as error:
        raise WrongUse(str(error)) from None
    print(f"The paths are drawn in {chosen.output}")
    return PASSED


def _demo(chosen: argparse.Namespace) -> int:
    folder: Path = chosen.folder
    _make_folder(folder)
    problem = _Problem(NEURON, NEURON_POINT)
    inputs = problem.inputs()
    root = problem.expression(*inputs)
    print(f"A neuron: {NEURON}\n")
    sections = _sections(problem, Explanation(root, inputs))
    _print_sections(sections)
    _write_text(folder / "explanation.txt", as_text(sections) + "\n")
    _save_picture(root, folder / "neuron.svg", folder / "neuron.html")
    _save_steps(root, folder / "steps.html")
    print("\nA small network learns to tell three kinds of iris apart:\n", flush=True)
    result = _trained("iris", folder)
    print(f"It classifies {result.accuracy:.1%} of the flowers that it has not seen correctly.")
    _print_closing(folder, result.files)
    return PASSED


def _print_closing(folder: Path, pictures: Sequence[Path]) -> None:
    drawings = [path for path in pictures if path.suffix == ".svg"]
    plots = [path for path in pictures if path not in drawings]
    rows = [
        ("explanation.txt", "the passes above, to read at leisure"),
        ("steps.html", "the same, to walk through in a browser, one node at a time"),
        ("neuron.html", "the neuron's graph, in a browser"),
        ("neuron.svg", "the same as a picture"),
        *((path.name, "how the loss fell and the accuracy rose") for path in plots),
        *((path.name, "a neuron of the trained network") for path in drawings),
    ]
    width = max(len(name) for name, _ in rows)
    print(f"\nAll this is in {folder}{os.sep}, have a look:")
    for name, meaning in rows:
        print(f"  {name:{width}}  {meaning}")
    print('\nNow try your own: stepgrad explain "x*y + sin(x)" x=2 y=3')


# Writing --------------------------------------------------------------------------------------


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise WrongUse(
            f"{folder} can't be a folder, since a file is in its place: give another with --folder"
        ) from None


def _write_text(path: Path, text: str) -> None:
    from autograd.files import write_whole

    write_whole(path, text.encode())


def _print_sections(sections: Sequence[Section]) -> None:
    bold, normal = ("\033[1m", "\033[0m") if _terminal_has_styles() else ("", "")
    styled = [(f"{bold}{title}{normal}", lines) for title, lines in sections]
    print(as_text(styled))


def _terminal_has_styles() -> bool:
    stream = sys.stdout
    return stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")


if __name__ == "__main__":
    sys.exit(main())
