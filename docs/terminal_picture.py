#!/usr/bin/env python3
"""Draws what a command prints on a terminal as an SVG picture.

  terminal_picture.py OUT.svg [--columns N] [--from TEXT] [--to TEXT] -- COMMAND ARGUMENT...

Runs the command with COLUMNS set and turns its colours (SGR sequences) into styled text. `--from` and `--to` keep the lines
from the first that starts with one text to the one before the next that starts with the other. The command's own line is
drawn above, as it would be typed: programs without their folder, `--color always` left out. Standard library only.
"""
import argparse
import html
import os
import re
import subprocess
import sys

SGR = re.compile(r"\x1b\[([0-9;]*)m")
CHAR_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 18, 14
BACKGROUND, FOREGROUND = "#16181d", "#d5d8de"
COLORS = {31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79b8ff", 35: "#d2a8ff", 36: "#56d4dd"}


def spans(line, style):
    """Splits a line into (column, text, style) and gives the style at its end."""
    found, column, at = [], 0, 0
    for match in list(SGR.finditer(line)) + [None]:
        text = line[at:match.start() if match else len(line)]
        if text.strip():
            found.append((column, text, dict(style)))
        column += len(text)
        if match is None:
            break
        at = match.end()
        for code in (int(c or 0) for c in match.group(1).split(";")):
            if code == 0:
                style = {}
            elif code == 1:
                style["bold"] = True
            elif code == 2:
                style["dim"] = True
            elif 30 <= code <= 37 or 90 <= code <= 97:
                style["color"] = COLORS.get(code if code < 90 else code - 60, FOREGROUND)
    return found, style


def draw(lines):
    columns = max(len(SGR.sub("", line)) for line in lines)
    width, height = columns * CHAR_WIDTH + 2 * MARGIN, len(lines) * LINE_HEIGHT + 2 * MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}">',
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="14" '
        f'fill="{FOREGROUND}">',
        # Newer browsers no longer hear xml:space, and collapse the spaces of a table.
        "<style>text { white-space: pre }</style>",
    ]
    style = {}
    for number, line in enumerate(lines):
        found, style = spans(line, style)
        y = MARGIN + (number + 0.75) * LINE_HEIGHT
        for column, text, look in found:
            lead = len(text) - len(text.lstrip())
            text = text.strip()
            x = MARGIN + (column + lead) * CHAR_WIDTH
            marks = f' fill="{look["color"]}"' if "color" in look else ""
            marks += ' font-weight="bold"' if look.get("bold") else ""
            marks += ' opacity="0.62"' if look.get("dim") else ""
            # The length keeps columns straight whatever the viewer's font.
            length = len(text) * CHAR_WIDTH
            out.append(f'<text x="{x:.1f}" y="{y:.1f}" textLength="{length:.1f}"{marks}>{html.escape(text)}</text>')
    return "\n".join(out + ["</g>", "</svg>", ""])


def main():
    if "--" not in sys.argv:
        sys.exit(__doc__)
    cut = sys.argv.index("--")
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("out")
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--from", dest="first")
    parser.add_argument("--to", dest="last")
    arguments = parser.parse_args(sys.argv[1:cut])
    command = sys.argv[cut + 1:]
    run = subprocess.run(command, stdout=subprocess.PIPE, env=dict(os.environ, COLUMNS=str(arguments.columns)), check=True)
    lines = run.stdout.decode().rstrip("\n").split("\n")

    def starts(text):
        return next((n for n, line in enumerate(lines) if SGR.sub("", line).startswith(text)), None)

    first = starts(arguments.first) if arguments.first else 0
    last = starts(arguments.last) if arguments.last else len(lines)
    if first is None or last is None:
        sys.exit("no line starts with the text of --from or --to")
    chosen = lines[first:last]
    while chosen and not SGR.sub("", chosen[-1]).strip():
        chosen.pop()
    typed = " ".join([os.path.basename(command[0])] + command[1:]).replace(" --color always", "")
    above = [f"\x1b[2m$\x1b[0m \x1b[1m{typed}\x1b[0m"]
    # An excerpt says that it is one.
    above += ["\x1b[2m…\x1b[0m"] if first else [""]
    below = ["\x1b[2m…\x1b[0m"] if last < len(lines) else []
    with open(arguments.out, "w", encoding="utf-8") as out:
        out.write(draw(above + chosen + below))


if __name__ == "__main__":
    main()
