"""A board as one Markdown page: tables, the signature under each, pictures, and how to get the same numbers again. No dates, no paths."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined

from segbench.boards import Board
from segbench.core.scores import METRICS_VERSION
from segbench.profiles import Profile
from segbench.records import RunRecord
from segbench.report.board_texts import RANKS, evaluated_text
from segbench.report.formats import DASH, escape, to_markdown
from segbench.report.intervals import half_width, interval_note
from segbench.report.tables import (
    SPEEDS,
    Group,
    by_setting,
    comparable,
    leaderboard,
    per_class,
    row_labels,
)
from segbench.report.terminal import percent

Pictures = Sequence[tuple[str, str]]
Ranks = Sequence[int | None]

_TEMPLATE = """\
# {{ title }}

<!-- Made by `segbench leaderboard` from the files beside it. Change those, not this file. -->
{% if rules %}

{{ rules }}
{% endif %}
{% if sections | length > 1 %}

The records here were not measured alike, so they are in {{ sections | length }} tables that must not be compared with each other.
{% endif %}
{% for s in sections %}

{% if s.difference %}
## {{ s.difference }}

{% endif %}
Evaluated on {{ s.evaluated }}.

{{ s.board }}
Signature: `{{ s.signature }}`
{% for note in s.notes %}

{{ note }}
{% endfor %}
{% for setting, table in s.other_speeds %}

{{ heading }} Speed: {{ setting }}

{{ table }}
Signature: `{{ s.signature }}`
{% endfor %}

{{ heading }} IoU of each class

{{ s.per_class }}
Signature: `{{ s.signature }}`
{% if s.shown or s.linked %}

{{ heading }} Plots
{% for caption, path in s.shown %}

![{{ caption }}]({{ path }})
{% endfor %}
{% if s.linked %}

Confusion matrices: {% for caption, path in s.linked %}[{{ caption }}]({{ path }}){{ ", " if not loop.last }}{% endfor %}.
{% endif %}
{% endif %}
{% if s.models %}

{{ heading }} Models

{% for line in s.models %}
- {{ line }}
{% endfor %}
{% endif %}

{{ heading }} How to reproduce

```sh
{% for line in s.commands %}
{{ line }}
{% endfor %}
```

Measured with:

{% for line in s.environments %}
- {{ line }}
{% endfor %}
{% endfor %}
{% if published %}

{{ published }}
{% endif %}
{% if sections %}

## How to read this

Scores are in per cent; the best of a column (in the table of classes: of a row) is bold, the second best underlined; – is undefined.

- **IoU** of a class is TP / (TP + FP + FN) over the pixels of the whole data set; it is never averaged over images.
- **mIoU** is its mean over the classes. A class that occurs neither in the targets nor in the predictions has no IoU and is left out; one
  that is only predicted has 0.
- Pixels whose target is void are not evaluated. A prediction that is no class counts against the class of its target.
- **acc** is the share of right pixels, **acc_cls** the mean over classes of the share that is right, **fwIoU** the IoU weighted by the
  pixels of a class.
- **±** says how far a score would move with other images of the same kind. It knows nothing of images of another kind (another city), nor
  of training the network again. Two models are compared on the same images, so the difference of two rows is often more certain than
  either row: overlapping intervals do not mean that there is none.
- **MACs** are multiply-accumulates of one image, half of what is often called FLOPs. **network_ms** is the median time of the network
  alone; **images_per_s** includes normalisation, upsampling and argmax.
- Arguments in brackets are those that differ from the published network.
- Numbers are comparable if their signatures are equal. Metrics version {{ metrics_version }}.
{% endif %}
"""


def board_page(
    title: str,
    records: Sequence[RunRecord],
    profiles: Sequence[Profile] = (),
    *,
    pictures: Mapping[str, Pictures] | None = None,
    links: Mapping[str, Pictures] | None = None,
    ranks: Mapping[str, Ranks] | None = None,
    rules: str = "",
    published: str = "",
) -> str:
    """The page. Records of different signatures get tables of their own, under a heading that says how they differ.

    :param pictures: (caption, path relative to the page) of the plots to show, by signature.
    :param links: the same for the plots that are only linked.
    :param ranks: of the rows, by signature.
    :param rules: Markdown that stands above all tables, and ``published`` below them.
    :raises RecordError: see :func:`~segbench.report.tables.leaderboard`.
    """
    groups = comparable(records)
    shown, linked, places = pictures or {}, links or {}, ranks or {}
    sections = [_section(g, profiles, shown.get(g.signature, ()), linked.get(g.signature, ()), places.get(g.signature, ())) for g in groups]
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)
    page = environment.from_string(_TEMPLATE).render(
        title=escape(title),
        sections=sections,
        heading="###" if len(groups) > 1 else "##",
        metrics_version=METRICS_VERSION,
        rules=rules,
        published=published,
    )
    return re.sub(r"\n{3,}", "\n\n", page)


def index_page(title: str, rows: Sequence[tuple[Board, Group | None]]) -> str:
    """The list of boards, each with every group of comparable records, or with none, and its best row."""
    lines = [
        "| board | evaluated on | models | best | mIoU | published numbers |",
        "| :--- | :--- | ---: | :--- | ---: | ---: |",
    ]
    for board, group in rows:
        link = f"[{escape(board.name)}]({board.name.replace(' ', '%20')}/leaderboard.md)"
        measured = _best(group) if group else [evaluated_text(board.rules), "0", DASH, DASH]
        lines.append(f"| {' | '.join([link, *measured, str(len(board.reported) or DASH)])} |")
    signatures = [f"- {escape(board.name)}: `{group.signature}`" for board, group in rows if group]
    head = [f"# {escape(title)}", "", "<!-- Made by `segbench leaderboard` from the records of each board. -->", ""]
    return "\n".join([*head, *lines, "", "Signatures; rows of different ones are not comparable:", "", *signatures, ""])


def _best(group: Group) -> list[str]:
    first = group.records[0]
    best, miou = row_labels(group.records)[0], percent(first.scores.miou, float(half_width(first, "miou")))
    difference = f" ({group.difference})" if group.difference else ""
    return [f"{_evaluated(group)}{escape(difference)}", str(len(group.records)), escape(best), miou]


def portable(command: str) -> str:
    """A command without the folders of the machine it ran on: ``/data/CamVid`` becomes ``.../CamVid``."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return shlex.join(re.sub(r"(^|[=,])(?:/|~/|[A-Za-z]:[\\/])([^,]*)", _last_part, word) for word in words)


def _last_part(path: re.Match[str]) -> str:
    name = re.split(r"[/\\]", path[2].rstrip("/\\"))[-1]
    return f"{path[1]}.../{name}"


def _section(group: Group, profiles: Sequence[Profile], pictures: Pictures, links: Pictures, ranks: Ranks) -> dict[str, Any]:
    records = group.records
    names = row_labels(records)
    settings = by_setting(records, profiles)
    (setting, fastest), *others = list(settings.items()) or [("", [])]
    return {
        "difference": escape(group.difference),
        "evaluated": _evaluated(group),
        "signature": group.signature,
        "board": to_markdown(leaderboard(records, fastest, ranks)),
        "notes": [
            *([RANKS] if ranks else []),
            *([f"{note}."] if (note := interval_note(records)) else []),
            *_macs_note(records),
            *([f"Speed: {escape(setting)}, median of {_repeats(fastest)} runs."] if setting else []),
        ],
        "other_speeds": [(escape(name), _speed_table(records, measured)) for name, measured in others],
        "per_class": to_markdown(per_class(records), best_in="row"),
        "shown": [(escape(caption), path) for caption, path in pictures],
        "linked": [(escape(caption), path) for caption, path in links],
        "models": [line for record, name in zip(records, names, strict=True) if (line := _origin(record, name))],
        "commands": _by_value((portable(r.command) or "# no command was recorded" for r in records), names, "# {names}\n{value}"),
        "environments": _by_value((_environment(record) for record in records), names, "{value} ({names})"),
    }


def _speed_table(records: Sequence[RunRecord], profiles: Sequence[Profile]) -> str:
    table = leaderboard(records, profiles)[["model", "mIoU", *SPEEDS]]
    return to_markdown(table[table["network_ms"].notna()].reset_index(drop=True))


def _evaluated(group: Group) -> str:
    record = group.records[0]
    data, classes = record.dataset, len(record.labels.classes)
    images = f"{data['images']} of {data['of']}" if data.get("of", data["images"]) != data["images"] else f"{data['images']}"
    where = f"**{escape(str(data['name']))}**, split **{escape(str(data['split']))}**"
    return f"{where}: {images} images, {classes} classes ({escape(record.labels.name)})"


def _macs_note(records: Sequence[RunRecord]) -> list[str]:
    sizes = sorted({tuple(r.model["macs_input"]) for r in records if r.model.get("macs") and r.model.get("macs_input")})
    text = " or ".join(f"{height}x{width}" for height, width in sizes)
    return [f"MACs are for one image of {text} pixels (height x width)."] if sizes else []


def _repeats(profiles: Iterable[Profile]) -> str:
    return " or ".join(map(str, sorted({profile.repeats for profile in profiles})))


def _origin(record: RunRecord, name: str) -> str:
    """Paper, and what the weights were trained on; empty if the record knows neither."""
    paper, trained = record.model.get("paper") or {}, record.model.get("trained_on") or {}
    parts = []
    if paper.get("title"):
        title = f"[{escape(paper['title'])}]({paper['url']})" if paper.get("url") else escape(paper["title"])
        parts.append(title + (f", {paper['year']}" if paper.get("year") else ""))
    if trained.get("dataset"):
        images = f" ({trained['images']} images)" if trained.get("images") else ""
        parts.append(f"trained on {escape(str(trained['dataset']))} {escape(str(trained.get('split', '')))}".rstrip() + images)
    return f"{escape(name)}: {'; '.join(parts)}" if parts else ""


def _environment(record: RunRecord) -> str:
    return escape(", ".join(f"{key} {value}" for key, value in record.environment.items() if isinstance(value, str | int | float)))


def _by_value(values: Iterable[str], names: Sequence[str], form: str) -> list[str]:
    """Each value once, with the names it belongs to; names are left out where there is one value for all."""
    owners: dict[str, list[str]] = {}
    for value, name in zip(values, names, strict=True):
        owners.setdefault(value, []).append(name)
    if len(owners) == 1:
        return list(owners)
    return [form.format(value=value, names=", ".join(members)) for value, members in owners.items()]
