"""Pages of results in Markdown, and the tables and figures beside them."""

import math

import numpy as np

DPI = 140  # of figures


def write_csv(path, columns):
    """Write columns of one length as comma-separated values, None as nothing."""
    lines = [",".join(columns)]
    for values in zip(*columns.values(), strict=True):
        lines.append(",".join(_csv_cell(value) for value in values))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _csv_cell(value):
    if value is None:
        return ""
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    text = str(value)
    return f'"{text}"' if "," in text else text


def paragraphs(*parts):
    """Join paragraphs of Markdown."""
    return "\n\n".join(parts)


def markdown_table(header, rows):
    """Write a Markdown table; the first column is text, the others are aligned as numbers."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def picture(name, description):
    """Write a Markdown picture."""
    return f"![{description}]({name}.png)"


def with_error(value, error, scale=1.0, unit=""):
    """Write a number with its standard error, of which two digits count."""
    value, error = value * scale, error * scale
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 4
    return f"{value:.{digits}f} ± {error:.{digits}f}{unit}"
