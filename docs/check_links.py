#!/usr/bin/env python3
"""Checks the links of the book and of the Markdown beside the code: targets exist, anchors too, every page is in SUMMARY.md.

Links to other hosts are not followed. Ends with 1 when something is wrong, one line each.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.MULTILINE)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")


def pages() -> list[pathlib.Path]:
    """Markdown files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    return [path for line in listed.splitlines() if (path := ROOT / line).is_file()]


def prose(text: str) -> str:
    """The text without code, where brackets mean something else."""
    return CODE.sub("", FENCE.sub("", text))


def anchors(page: pathlib.Path) -> set[str]:
    """Anchors of a page's headings, made as mdBook and the common forges make them."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        found.add(slug if slug not in found else f"{slug}-{sum(a.startswith(slug) for a in found)}")
    return found


def problems_of(page: pathlib.Path) -> list[str]:
    found = []
    for target in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            found.append(f"{target}: no such file")
        elif not file.is_relative_to(ROOT):
            found.append(f"{target}: outside the checkout")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            found.append(f"{target}: no such heading")
    return found


def unlisted() -> list[str]:
    """Pages of the book that SUMMARY.md does not name: a reader could not find them."""
    summary = DOCS / "SUMMARY.md"
    named = {(DOCS / target).resolve() for target in LINK.findall(summary.read_text(encoding="utf-8"))}
    return [
        f"docs/SUMMARY.md: {page.relative_to(DOCS)} is not listed"
        for page in pages()
        if page.is_relative_to(DOCS) and page != summary and page not in named
    ]


def main() -> int:
    problems = [f"{page.relative_to(ROOT)}: {text}" for page in pages() for text in problems_of(page)]
    problems += unlisted()
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    print(f"links: {len(pages())} pages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
