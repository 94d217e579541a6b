"""The measurements as an SVG: for each operation and tool, how many times as long as psql's own."""

import html
import math

WIDTH, LEFT, RIGHT, ROW, HEAD = 760, 190, 84, 22, 34
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #333 }
  .title { font-weight: 600 } .note { font-size: 12px; fill: #666 } .grid { stroke: #8884 }
  .floor { stroke: #888 } .bar { stroke: #999; stroke-width: 2 } .dot { fill: #777 }
  .ours .bar { stroke: #2a78d6 } .ours .dot { fill: #2a78d6 } .ours text { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .note { fill: #aaa } .dot { fill: #999 }
    .ours .bar { stroke: #5ba3f5 } .ours .dot { fill: #5ba3f5 }
  }
"""
STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]


def draw(title, note, panels):
    """`panels`: (heading, [(tool, ratio, is_ours)]) for each operation, drawn below each other."""
    ratios = [ratio for _, rows in panels for _, ratio, _ in rows]
    low = max(step for step in STEPS if step <= min(1, *ratios))
    high = min((step for step in STEPS if step >= max(ratios)), default=max(ratios))

    def x(ratio):
        share = math.log(ratio / low) / math.log(high / low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    out, y = [], 50
    for heading, rows in panels:
        bottom = y + HEAD + ROW * len(rows)
        out.append(f'<text class="title" x="0" y="{y + 20}">{html.escape(heading)}</text>')
        for step in (it for it in STEPS if low <= it <= high):
            kind = "floor" if step == 1 else "grid"
            out.append(f'<line class="{kind}" x1="{x(step):.1f}" x2="{x(step):.1f}" y1="{y + 26}" y2="{bottom}"/>')
            out.append(f'<text class="note" x="{x(step):.1f}" y="{y + 20}" text-anchor="middle">{step:g}×</text>')
        for number, (tool, ratio, is_ours) in enumerate(sorted(rows, key=lambda row: row[1])):
            middle = y + HEAD + ROW * number + 8
            out.append(
                f'<g class="{"ours" if is_ours else "other"}">'
                f'<text x="0" y="{middle + 4}">{html.escape(tool)}</text>'
                f'<line class="bar" x1="{x(1):.1f}" x2="{x(ratio):.1f}" y1="{middle}" y2="{middle}"/>'
                f'<circle class="dot" cx="{x(ratio):.1f}" cy="{middle}" r="5"/>'
                f'<text x="{x(ratio) + 10:.1f}" y="{middle + 4}">{ratio:.2f}×</text></g>')
        y = bottom + 14
    head = (f'<text class="title" x="0" y="18" style="font-size:16px">{html.escape(title)}</text>'
            f'<text class="note" x="0" y="38">{html.escape(note)}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" '
            f'role="img" aria-label="{html.escape(title)}"><style>{STYLE}</style>\n' + "\n".join([head, *out])
            + "\n</svg>\n")
