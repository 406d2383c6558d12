from __future__ import annotations

from pathlib import Path

import pytest

from segbench.errors import DataError
from segbench.labels.files import read_label_space


def test_a_label_space_is_read_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "labels.yaml"
    file.write_text("name: mine\nclasses:\n  - road\n  - {name: car, ids: [3, 4], color: [1, 2, 3]}\nvoid:\n  - {name: none, id: 255}\n")
    labels = read_label_space(file)
    assert labels.name == "mine"
    assert [label.ids for label in labels.labels] == [(0,), (3, 4), (255,)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "missing"),
        ("classes: [", "1: "),
        ("- a\n- b\n", "1: label space must be a mapping of name, classes, void"),
        ("", "the file is empty"),
        ("name: x", "list 'classes'"),
        ("classes: [a, a]", "1: classes: .*more than once"),
        ("classes: [a]\nvoid:\n  - {nam: b}", "3: label has no key 'nam'; did you mean 'name'"),
        ("classes: [a]\nignore: 255", "2: label space has no key 'ignore'; its keys are"),
    ],
)
def test_a_label_file_that_cannot_be_used_is_refused_with_its_name(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "labels.yaml").write_text(content)
    with pytest.raises(DataError, match=rf"(?s)labels\.yaml.*{message}"):
        read_label_space(tmp_path / "labels.yaml")
