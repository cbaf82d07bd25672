#!/usr/bin/env python3
"""Checks docs/notes/attacks.md: at least 100 attacks, each with a test that exists and an error that the test names, and that the sources know.

Ends with 1 when something is wrong, one line each.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/notes/attacks.md"
LEAST = 100
ROW = re.compile(r"^\| (?P<attack>[^|]+) \| `(?P<file>[^`]+)` `(?P<test>\w+)` \| `(?P<error>[^`]+)` \|$", re.MULTILINE)
FOLDERS = {
    "attacks.rs": "host/rollup/circuit/tests",
    "public_data.rs": "host/rollup/circuit/tests",
    "rules.rs": "host/rollup/state/tests",
    "state.rs": "host/rollup/state/src",
    "l1/": "host/l1/tests",
    "rollup/": "host/l1/tests",
    "": "host/rollup/contracts/test",
}
SOURCES = ["host/rollup/contracts/src", "host/rollup/circuit/src", "host/rollup/state/src", "host/l1/src"]
# Outcomes that are no error with a name of its own: the verifier's answer false, an unknown selector.
PLAIN = {
    "false": re.compile(r"assert_rejected|Rejected"),
    "no such function": re.compile(r"data\.is_empty\(\)"),
    "Rejected": re.compile(r"Verdict::Rejected"),
}


def source_of(name: str) -> pathlib.Path:
    """The file that a row means."""
    folder = next(folder for prefix, folder in FOLDERS.items() if name.startswith(prefix))
    return ROOT / folder / name


def body(text: str, test: str) -> str | None:
    """A test function with what it calls in its file, or None."""
    functions = {}
    for found in re.finditer(r"^[ ]*(?:pub(?:\(crate\))? )?(?:fn|function) (\w+)", text, re.MULTILINE):
        functions.setdefault(found[1], found.start())
    if test not in functions:
        return None
    ends = sorted(functions.values()) + [len(text)]
    parts = {name: text[start : next(end for end in ends if end > start)] for name, start in functions.items()}
    reached, waiting = set(), [test]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [called for called in re.findall(r"\b(\w+)(?:::<[^>]*>)?\(", parts[name]) if called in parts]
    return "\n".join(parts[name] for name in reached)


def main() -> int:
    """Prints what is wrong."""
    wrong = []
    rows = list(ROW.finditer(PAGE.read_text(encoding="utf-8")))
    known = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in SOURCES
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".rs", ".sol", ".in"}
    )
    attacks = [row["attack"] for row in rows]
    wrong += [f"twice: {attack}" for attack in sorted({a for a in attacks if attacks.count(a) > 1})]
    for row in rows:
        path, test, error = source_of(row["file"]), row["test"], row["error"]
        text = body(path.read_text(encoding="utf-8"), test) if path.is_file() else None
        if text is None:
            wrong.append(f"no test {test} in {row['file']}")
        elif error in PLAIN:
            if not PLAIN[error].search(text):
                wrong.append(f"{test} ({row['file']}) does not assert {error!r}")
        else:
            if error not in text:
                wrong.append(f"{test} ({row['file']}) does not name {error!r}")
            if error.split("::")[-1].split(" 8 ")[0] not in known:
                wrong.append(f"{error!r} is no error or rule of the sources")
    tables = sum(line.startswith("| ") for line in PAGE.read_text(encoding="utf-8").splitlines())
    headings = PAGE.read_text(encoding="utf-8").count("| attack | test |")
    if tables - headings - 6 != len(rows):
        wrong.append(f"{tables - headings - 6} lines look like attacks, {len(rows)} can be read")
    if len(rows) < LEAST:
        wrong.append(f"{len(rows)} attacks, expected at least {LEAST}")
    print("\n".join(f"attacks: {line}" for line in wrong) or f"attacks: {len(rows)}, each with its test and its error")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
