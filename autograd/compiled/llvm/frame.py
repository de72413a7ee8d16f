"""The function that is called from outside: blocks of samples, and their means, in LLVM's language.

It goes through the samples by blocks, lets the pieces of the code work on them, and turns the
sums over all samples into means.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

BLOCKS = 8  # blocks of samples whose products are added to sums at the same time

_POINTERS = ("numbers", "scalars", "vectors", "sums", "outputs", "samples")
PARAMETERS = ", ".join(f"ptr noalias %{name}" for name in _POINTERS)
ARGUMENTS = ", ".join(f"ptr %{name}" for name in _POINTERS)
"""What every function of the code is given: where everything is in memory."""


@dataclass
class Layout:
    """Where the results that are passed from function to function lie in memory.

    Attributes:
        scalars: those that are done once, by their place in the code.
        vectors: those of a block of samples.
        means: the places of the means, in the order of their sums.
        room: how many numbers there are of those that are done once.
        plain: the places among the sums of those that are added up by loops, for all samples of
            a vector at once: they are kept where their means will be.
    """

    scalars: dict[int, int] = field(default_factory=dict)
    vectors: dict[int, int] = field(default_factory=dict)
    means: list[int] = field(default_factory=list)
    room: int = 0
    plain: set[int] = field(default_factory=set)


FRAME = ("count", "numbers", "outputs", "totals", "scalars", "vectors", "sums", "spare")
"""What a call's frame holds, 8 bytes each; then the tables."""


def padded(count: int, width: int) -> int:
    """Return the next multiple of a vector's width.

    >>> padded(9, 8)
    16
    """
    return -(-count // width) * width


def sums_room(layout: Layout, width: int) -> int:
    """Return how many numbers the sums are; one sum more is there for what nobody wants."""
    return padded(len(layout.means) + 1, width) * width


def spare_size(width: int, widths: Sequence[int], outputs: int) -> int:
    """Return how many numbers an incomplete block needs: its samples' and its outputs."""
    return width * (sum(widths) + outputs)


def run_function(width: int, widths: Sequence[int], layout: Layout, outputs: int) -> str:
    """Return the function that is called from outside with a frame.

    Samples that don't fill a block are copied, with the first of them again to fill it; what is
    computed of the copies is left out of the sums.
    """
    sums, room = len(layout.means), len(layout.vectors) * width
    reads = []
    for k, name in enumerate(FRAME):
        kind = "i64" if name == "count" else "ptr"
        reads.append(f"  %at_{name} = getelementptr i64, ptr %frame, i64 {k}")
        reads.append(f"  %{name} = load {kind}, ptr %at_{name}, align 8")
    for k in range(len(widths)):
        reads.append(f"  %at_table{k} = getelementptr i64, ptr %frame, i64 {len(FRAME) + k}")
        reads.append(f"  %table{k} = load ptr, ptr %at_table{k}, align 8")
        reads.append(f"  %slot{k} = getelementptr ptr, ptr %samples, i64 {k}")
    moves, spares, copies = [], [], []
    place = width * outputs
    for k, columns in enumerate(widths):
        moves.append(f"  %skip{k} = mul i64 %block, {width * columns}")
        moves.append(f"  %rows{k} = getelementptr double, ptr %table{k}, i64 %skip{k}")
        moves.append(f"  store ptr %rows{k}, ptr %slot{k}, align 8")
        spares.append(f"  %spare{k} = getelementptr double, ptr %spare, i64 {place}")
        spares.append(f"  %past{k} = mul i64 %blocks, {width * columns}")
        spares.append(f"  %rest{k} = getelementptr double, ptr %table{k}, i64 %past{k}")
        copies.append(f"  %offset{k} = mul i64 %row, {columns}")
        copies.append(f"  %from{k} = getelementptr double, ptr %rest{k}, i64 %offset{k}")
        copies.append(f"  %steps{k} = mul i64 %lane, {columns}")
        copies.append(f"  %to{k} = getelementptr double, ptr %spare{k}, i64 %steps{k}")
        copies.append(copy(f"%to{k}", f"%from{k}", str(8 * columns)))
        copies.append(f"  store ptr %spare{k}, ptr %slot{k}, align 8")
        place += width * columns
    results = []
    for k in range(outputs):
        results.append(f"  %row{k} = mul i64 %count, {k}")
        results.append(f"  %from_row{k} = add i64 %row{k}, %done")
        results.append(f"  %end{k} = getelementptr double, ptr %outputs, i64 %from_row{k}")
        results.append(f"  %own{k} = getelementptr double, ptr %spare, i64 {k * width}")
        results.append(copy(f"%end{k}", f"%own{k}", "%bytes"))
    vector, lanes = f"<{width} x double>", ", ".join(f"i64 {lane}" for lane in range(width))
    calls = {
        "full": ARGUMENTS.replace("%outputs", "%rows").replace("%vectors", "%own_vectors"),
        "rest": ARGUMENTS.replace("%outputs", "%spare")
        .replace("%sums", "%other")
        .replace("%vectors", "%last_vectors"),
    }
    groups = padded(sums, width) // width
    masks = [
        sum(1 << lane for lane in range(width) if group * width + lane in layout.plain)
        for group in range(groups)
    ]
    every = (1 << width) - 1
    marks = ", ".join(f"i{width} {mask}" for mask in masks or [0])
    newline, same = "\n", f"<{width} x i32> zeroinitializer"
    return f"""
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
@plain = internal constant [{groups or 1} x i{width}] [{marks}]
{_clear_function(width, groups, every)}
define void @run(ptr %frame) {{
entry:
  %samples = alloca [{len(widths) + 1} x ptr], align 8
  %length = getelementptr i64, ptr %samples, i64 {len(widths)}
{newline.join(reads)}
  %other = getelementptr double, ptr %sums, i64 {sums_room(layout, width)}
  call void @once({ARGUMENTS})
  %blocks = udiv i64 %count, {width}
  %left = urem i64 %count, {width}
  %has_blocks = icmp ne i64 %blocks, 0
  %has_rest = icmp ne i64 %left, 0
  call void @clear(ptr %sums, i1 %has_blocks)
  call void @clear(ptr %other, i1 %has_rest)
  call void @llvm.memset.p0.i64(ptr %scalars, i8 0, i64 {8 * sums if layout.plain else 0}, i1 false)
  store i64 %count, ptr %length, align 8
  br label %check
check:
  %block = phi i64 [0, %entry], [%next, %work], [%next, %several]
  %more = icmp ult i64 %block, %blocks
  br i1 %more, label %work, label %singles
work:
{newline.join(moves)}
  %skip = mul i64 %block, {width}
  %rows = getelementptr double, ptr %outputs, i64 %skip
  %turn = urem i64 %block, {BLOCKS}
  %turned = mul i64 %turn, {room}
  %own_vectors = getelementptr double, ptr %vectors, i64 %turned
  call void @each({calls["full"]})
  %next = add i64 %block, 1
  %is_last = icmp eq i64 %turn, {BLOCKS - 1}
  br i1 %is_last, label %several, label %check
several:
  call void @outer({ARGUMENTS}, i64 {BLOCKS * width})
  br label %check
singles:
  %single_blocks = urem i64 %blocks, {BLOCKS}
  br i1 %has_rest, label %fill, label %last
fill:
  %last_turned = mul i64 %single_blocks, {room}
  %last_vectors = getelementptr double, ptr %vectors, i64 %last_turned
  store i64 {width}, ptr %length, align 8
{newline.join(spares)}
  br label %copy
copy:
  %lane = phi i64 [0, %fill], [%lane1, %copy]
  %is_own = icmp ult i64 %lane, %left
  %row = select i1 %is_own, i64 %lane, i64 0
{newline.join(copies)}
  %lane1 = add i64 %lane, 1
  %filled = icmp eq i64 %lane1, {width}
  br i1 %filled, label %part, label %copy
part:
  call void @each({calls["rest"]})
  %done = mul i64 %blocks, {width}
  %bytes = mul i64 %left, 8
{newline.join(results)}
  br label %last
last:
  %single_samples = mul i64 %single_blocks, {width}
  %last_samples = add i64 %single_samples, %left
  %any_last = icmp ne i64 %last_samples, 0
  br i1 %any_last, label %add_last, label %average
add_last:
  call void @outer({ARGUMENTS}, i64 %last_samples)
  br label %average
average:
  %left0 = insertelement <{width} x i64> poison, i64 %left, i64 0
  %lefts = shufflevector <{width} x i64> %left0, <{width} x i64> poison, {same}
  %own = icmp ult <{width} x i64> <{lanes}>, %lefts
  %counted = uitofp i64 %count to double
  %share = fdiv double 1.0, %counted
  %share0 = insertelement {vector} poison, double %share, i64 0
  %shares = shufflevector {vector} %share0, {vector} poison, <{width} x i32> zeroinitializer
  %any0 = insertelement <{width} x i1> poison, i1 %has_blocks, i64 0
  %any = shufflevector <{width} x i1> %any0, <{width} x i1> poison, <{width} x i32> zeroinitializer
  br label %means
means:
  %k = phi i64 [0, %average], [%k1, %kept]
  %summing = icmp ult i64 %k, {sums}
  br i1 %summing, label %mean, label %end_of_all
mean:
  %group = udiv i64 %k, {width}
  %at_marks = getelementptr i{width}, ptr @plain, i64 %group
  %marks = load i{width}, ptr %at_marks, align 1
  %at_mean = getelementptr double, ptr %scalars, i64 %k
  %plain_sums = load {vector}, ptr %at_mean, align 8
  %plain_means = fmul {vector} %plain_sums, %shares
  %all_plain = icmp eq i{width} %marks, {every}
  br i1 %all_plain, label %kept, label %add_up
add_up:
{newline.join(_means(width))}
  %is_plain = bitcast i{width} %marks to <{width} x i1>
  %either = select <{width} x i1> %is_plain, {vector} %plain_means, {vector} %mean_of_all
  br label %kept
kept:
  %kept_means = phi {vector} [%plain_means, %mean], [%either, %add_up]
  store {vector} %kept_means, ptr %at_mean, align 8
  %k1 = add i64 %k, {width}
  br label %means
end_of_all:
  call void @after({ARGUMENTS})
  call void @give(ptr %numbers, ptr %scalars, ptr %totals)
  ret void
}}
"""


def _clear_function(width: int, groups: int, every: int) -> str:
    """Return a function that sets sums to 0 if they are needed, but for those kept elsewhere."""
    vector = f"<{width} x double>"
    stores = []
    for k in range(width):
        stores.append(f"  %to{k} = getelementptr {vector}, ptr %start, i64 {k}")
        stores.append(f"  store {vector} zeroinitializer, ptr %to{k}, align {8 * width}")
    newline = "\n"
    return f"""
define internal void @clear(ptr %sums, i1 %needed) {{
entry:
  br i1 %needed, label %check, label %end
check:
  %k = phi i64 [0, %entry], [%k1, %next]
  %more = icmp ult i64 %k, {groups}
  br i1 %more, label %look, label %end
look:
  %at_marks = getelementptr i{width}, ptr @plain, i64 %k
  %marks = load i{width}, ptr %at_marks, align 1
  %all_plain = icmp eq i{width} %marks, {every}
  br i1 %all_plain, label %next, label %clear
clear:
  %first = mul i64 %k, {width}
  %start = getelementptr {vector}, ptr %sums, i64 %first
{newline.join(stores)}
  br label %next
next:
  %k1 = add i64 %k, 1
  br label %check
end:
  ret void
}}"""


def _means(width: int) -> list[str]:
    """Return instructions that turn as many sums as a vector has entries into their means.

    Of each sum there is a part per entry. Neighbours are added up: of two vectors at a time, so
    that after some rounds one vector holds all sums.
    """
    vector = f"<{width} x double>"
    lines, names = ["  %place = mul i64 %k, " + str(width)], []
    for k in range(width):
        lines += [
            f"  %place{k} = add i64 %place, {k * width}",
            f"  %at_sum{k} = getelementptr double, ptr %sums, i64 %place{k}",
            f"  %at_rest{k} = getelementptr double, ptr %other, i64 %place{k}",
            f"  %sum{k} = load {vector}, ptr %at_sum{k}, align {8 * width}",
            f"  %others{k} = load {vector}, ptr %at_rest{k}, align {8 * width}",
            f"  %of_blocks{k} = select <{width} x i1> %any, {vector} %sum{k}, "
            f"{vector} zeroinitializer",
            f"  %of_rest{k} = select <{width} x i1> %own, {vector} %others{k}, "
            f"{vector} zeroinitializer",
            f"  %all_0_{k} = fadd {vector} %of_blocks{k}, %of_rest{k}",
        ]
        names.append(f"%all_0_{k}")
    level = 0
    while len(names) > 1:
        level += 1
        halves = zip(names[::2], names[1::2], strict=True)
        names = []
        for k, (x, y) in enumerate(halves):
            for parity in (0, 1):
                places = ", ".join(f"i32 {n}" for n in range(parity, 2 * width, 2))
                lines.append(
                    f"  %half_{level}_{k}_{parity} = shufflevector {vector} {x}, {vector} {y}, "
                    f"<{width} x i32> <{places}>"
                )
            names.append(f"%all_{level}_{k}")
            lines.append(f"  {names[-1]} = fadd {vector} %half_{level}_{k}_0, %half_{level}_{k}_1")
    lines.append(f"  %mean_of_all = fmul {vector} {names[0]}, %shares")
    return lines


def copy(to: str, source: str, size: str) -> str:
    """Return the instruction that copies so many bytes from one place to another."""
    return f"  call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {size}, i1 false)"
