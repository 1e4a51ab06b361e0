"""Tests that need symbolic links are skipped where there are none, and only there."""

import os

import pytest

from tests.links import require_symlinks


@pytest.mark.skipif(os.name == "nt", reason="Windows asks for a right")
def test_where_links_are_made_nothing_is_skipped_or_left(tmp_path):
    require_symlinks(tmp_path)
    assert os.listdir(tmp_path) == []


def test_where_links_are_refused_the_test_is_skipped(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(1314, "A required privilege is not held by the client")

    monkeypatch.setattr(os, "symlink", refuse)
    with pytest.raises(pytest.skip.Exception, match="required privilege"):
        require_symlinks(tmp_path)
