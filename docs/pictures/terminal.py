"""A terminal small enough for what nu and the plugin write, and its picture as SVG."""

import re
from xml.sax.saxutils import escape, quoteattr

WIDTH, HEIGHT, MARGIN, BAR = 8.4, 18, 14, 26
BACKGROUND, FOREGROUND = "#1e2127", "#d7dae0"
COLORS = {30: "#5c6370", 31: "#e06c75", 32: "#98c379", 33: "#e5c07b", 34: "#61afef", 35: "#c678dd", 36: "#56b6c2",
          37: "#d7dae0", 90: "#7f848e", 91: "#ff7b86", 92: "#b5e08f", 93: "#ffd580", 94: "#7cc4ff", 95: "#e09af0",
          96: "#7fdbe8", 97: "#ffffff"}
SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\][^\x07]*\x07|\x1b[()][AB0]|\x1b[=>78]")
PLAIN = (FOREGROUND, False)


class Screen:
    """Rows of cells, each a letter and its style. `steps` are the rows at which something new was typed."""

    def __init__(self, columns):
        self.columns, self.rows, self.row, self.column, self.style = columns, [[]], 0, 0, PLAIN
        self.steps = []

    def prompt(self, command):
        if self.rows != [[]]:
            self._line()
        self.steps.append(self.row)
        self.style = (COLORS[92], True)
        self._text("> ")
        self.style = (COLORS[97], False)
        self._text(command)
        self.style = PLAIN
        self._line()
        self.steps.append(self.row)

    def write(self, text):
        place = 0
        for found in SEQUENCE.finditer(text):
            self._text(text[place:found.start()])
            if found[2]:
                self._sequence(found[1], found[2])
            place = found.end()
        self._text(text[place:])
        while self.row and not self.rows[self.row]:
            self.rows.pop()
            self.row -= 1
        self.row, self.column = len(self.rows) - 1, 0
        self._line()

    def _line(self):
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.rows):
            self.rows.append([])

    def _text(self, text):
        for letter in text:
            if letter == "\n":
                self._line()
            elif letter == "\r":
                self.column = 0
            elif letter.isprintable():
                if self.column == self.columns:
                    self._line()
                row = self.rows[self.row]
                row.extend([(" ", PLAIN)] * (self.column + 1 - len(row)))
                row[self.column] = (letter, self.style)
                self.column += 1

    def _sequence(self, numbers, kind):
        values = [int(it) for it in numbers.split(";") if it.isdigit()]
        if kind == "m":
            self._graphics(values or [0])
        elif kind == "K":
            row = self.rows[self.row]
            del row[0 if values == [2] else self.column:]
        elif kind == "A":
            self.row = max(0, self.row - (values or [1])[0])
        elif kind == "J":
            del self.rows[self.row + 1:]
            del self.rows[self.row][self.column:]

    def _graphics(self, values):
        color, bold = self.style
        while values:
            value = values.pop(0)
            if value == 0:
                color, bold = PLAIN
            elif value == 1:
                bold = True
            elif value in (22, 39):
                color, bold = (FOREGROUND, bold) if value == 39 else (color, False)
            elif value in (38, 48):  # a colour by number; the pictures need none
                del values[:2 if values[:1] == [5] else 4]
            elif value in COLORS:
                color = COLORS[value]
        self.style = (color, bold)


def runs(row):
    """The stretches of one style in a row: where each begins, its text, its style."""
    begin = 0
    while begin < len(row):
        end = begin
        while end < len(row) and row[end][1] == row[begin][1]:
            end += 1
        yield begin, "".join(letter for letter, _ in row[begin:end]), row[begin][1]
        begin = end


def picture(screen, title):
    """The screen as SVG. What is typed, and what comes of it, appear one after the other; where pictures
    do not move, all of it is there."""
    rows = screen.rows
    while rows and not rows[-1]:
        rows.pop()
    wide, high = screen.columns * WIDTH + 2 * MARGIN, len(rows) * HEIGHT + 2 * MARGIN + BAR
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high}" width="{wide:g}" height="{high}" '
        f'role="img" aria-label={quoteattr(title)}>',
        f"<title>{escape(title)}</title>",
        "<style>text{font:14px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre}</style>",
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
    ]
    for place, color in enumerate(["#e06c75", "#e5c07b", "#98c379"]):
        lines.append(f'<circle cx="{MARGIN + 6 + 18 * place}" cy="{MARGIN + 4}" r="5.5" fill="{color}"/>')
    steps = screen.steps + [len(rows)]
    for number, (begin, end) in enumerate(zip(steps, steps[1:])):
        later = f'<set attributeName="visibility" to="hidden" begin="0s" dur="{number * 1.4:.1f}s"/>' if number else ""
        lines.append(f"<g>{later}")
        for index in range(begin, end):
            y = BAR + MARGIN + index * HEIGHT + 13
            for column, text, (color, bold) in runs(rows[index]):
                if not text.strip():
                    continue
                weight = ' font-weight="bold"' if bold else ""
                lines.append(
                    f'<text x="{MARGIN + column * WIDTH:g}" y="{y}" fill="{color}"{weight} xml:space="preserve" '
                    f'textLength="{len(text) * WIDTH:g}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>')
        lines.append("</g>")
    return "\n".join(lines + ["</svg>", ""])
