"""Count what the layout promises: rooms, imports that run back, the longest file and signature.

    python -m benchmarks.structure            # this checkout
    python -m benchmarks.structure FOLDER     # the package `skfrap` in another one

Nothing is imported; all is read off the source. An import runs back if two rooms (the folders and
modules of the package) import each other, directly or through others.
"""

import argparse
import ast
import re
from collections import defaultdict
from pathlib import Path

_VARIANCE = re.compile(r"np\.maximum\((curves|fitted|light|intensity|images|self\._noisy)\b")
_SECOND_OWNERS = re.compile(r"""\bPARAMETERS\b|scale == "log10"|\bLINEAR\b|hasattr\([^)]*"ppf"\)""")


def modules_of(package):
    """Return the source of every module, by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts).removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return found


def imports_of(name, source, modules):
    """Return the modules of the package that a module imports, within functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative, from within a folder
                base = ".".join([*name.split(".")[: -node.level], *filter(None, [base])])
            members = {f"{base}.{alias.name}" for alias in node.names}
            found |= (members & {*modules}) or {base}
    return {one for one in found if one in modules and one != name}


def in_circles(graph):
    """Return the edges of a graph that lie on a circle."""
    reached = {}
    for start in graph:
        seen, waiting = set(), [start]
        while waiting:
            for far in graph[waiting.pop()] - seen:
                seen.add(far)
                waiting.append(far)
        reached[start] = seen
    return sorted((a, b) for a in graph for b in graph[a] if a in reached.get(b, ()))


def longest_signature(modules):
    """Return how many arguments the function with most of them has, but for constructors."""
    counts = []
    for name, source in modules.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.name != "__init__":
                arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                n = len([one for one in arguments if one.arg not in ("self", "cls")])
                counts.append((n, f"{name}.{node.name}"))
    return max(counts)


def main():
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).resolve().parents[1]
    parser.add_argument("folder", nargs="?", type=Path, default=here)
    package = parser.parse_args().folder / "skfrap"
    modules = modules_of(package)
    graph = {name: imports_of(name, source, modules) for name, source in modules.items()}
    rooms = defaultdict(set)
    for name, imported in graph.items():
        room = ".".join(name.split(".")[:2])
        if room == package.name:
            continue
        others = {".".join(one.split(".")[:2]) for one in imported}
        rooms[room] |= others - {room, package.name}
    lines = {name: source.count("\n") for name, source in modules.items()}
    longest = max(lines, key=lines.get)
    n_arguments, function = longest_signature(modules)
    back = in_circles(rooms)
    print(f"rooms                                  {len(rooms)}")
    print(f"modules, lines                         {len(modules)}, {sum(lines.values())}")
    print(f"imports between rooms that run back    {len(back)}  {back or ''}")
    print(f"longest file                           {lines[longest]}  {longest}")
    print(f"arguments of the longest signature     {n_arguments}  {function}")
    for what, pattern in (
        ("files that know PARAMETERS and the like", _SECOND_OWNERS),
        ("files that compute a noise variance", _VARIANCE),
    ):
        files = [name for name, source in modules.items() if pattern.search(source)]
        print(f"{what:38} {len(files)}")


if __name__ == "__main__":
    main()
