"""TOML files: whatever is in them, one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crsea_infer.content.toml_files import read_toml
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a = " + "{a = " * 5000 + "1" + "}" * 5000, "nested too deeply"),
        ("seed = " + "9" * 6000, "thousands of digits"),
        ("seed = 1\nseed 2", "is not TOML: .*line 2"),
        ("day = 2025-99-99", "is not TOML"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_read_is_one_message_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"a\.toml: .*{said}") as caught:
        read_toml(path)
    assert "sys." not in str(caught.value), "Python's own advice is for programmers"
    assert caught.value.valid
