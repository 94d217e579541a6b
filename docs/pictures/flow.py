"""The flow of `migrate run` as SVG."""

from xml.sax.saxutils import escape

# What happens, top to bottom: a title, a line below it, and where it ends if something is wrong.
STEPS = [
    ("psql connects, the files are read", "at the same time", None),
    ("lock, then ledgers", "one run at a time for these ledgers", "another run is busy: it waits"),
    ("plan", "core first, then the other tracks, each by timestamp", "changed or missing files: nothing runs"),
    ("checks", "validation scripts and closures", "a check fails: nothing runs"),
    ("BEGIN", "one transaction for all, where PostgreSQL allows it", None),
    ("each file", "its SQL, a check of the transaction, its ledger row", "an error: the transaction is rolled back"),
    ("COMMIT", "the ledger rows are read back before", "no answer: a new connection asks what became of it"),
    ("table", "a row for each migration", None),
]
BOX, TALL, GAP, LEFT, SIDE = 360, 50, 24, 20, 330


def box(x, y, width, title, below, fill, line):
    middle = x + width / 2
    texts = [f'<text x="{middle:g}" y="{y + 21}" font-weight="bold" fill="#1f2933">{escape(title)}</text>',
             f'<text x="{middle:g}" y="{y + 39}" class="small" fill="#3e4c59">{escape(below)}</text>']
    if not below:
        texts = [f'<text x="{middle:g}" y="{y + 30}" class="small" fill="#1f2933">{escape(title)}</text>']
    return [f'<rect x="{x}" y="{y}" width="{width}" height="{TALL}" rx="6" fill="{fill}" stroke="{line}"/>', *texts]


def arrow(x1, y1, x2, y2):
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#52606d" stroke-width="1.5" marker-end="url(#tip)"/>'


def picture():
    high = len(STEPS) * (TALL + GAP) - GAP + 40
    wide = LEFT + BOX + 50 + SIDE + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img" '
        'aria-label="The flow of migrate run">',
        "<title>The flow of migrate run</title>",
        "<style>text{font-family:system-ui,'DejaVu Sans',sans-serif;font-size:14px;text-anchor:middle}"
        "text.small{font-size:12px}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#52606d"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, (title, below, wrong) in enumerate(STEPS):
        y = 20 + number * (TALL + GAP)
        lines += box(LEFT, y, BOX, title, below, "#e3f0fb", "#2f76b5")
        if number + 1 < len(STEPS):
            lines.append(arrow(LEFT + BOX / 2, y + TALL, LEFT + BOX / 2, y + TALL + GAP - 2))
        if wrong:
            lines += box(LEFT + BOX + 50, y, SIDE, wrong, "", "#fdecea", "#c0392b")
            lines.append(arrow(LEFT + BOX, y + TALL / 2, LEFT + BOX + 48, y + TALL / 2))
    return "\n".join(lines + ["</svg>", ""])
