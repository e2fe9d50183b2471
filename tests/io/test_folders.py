"""What lies in a folder, without what systems leave there."""

from vantage3d.io.folders import listing, matching, natural_order

FOREIGN = ("._9.png", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/1.png")


def write(root, *names):
    for name in (*names, *FOREIGN):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_foreign_files_are_left_out_and_9_comes_before_10(tmp_path):
    write(tmp_path, "10.png", "9.png", "a/2.png", ".git/1.png")
    names = [p.relative_to(tmp_path).as_posix() for p in listing(tmp_path)]
    assert names == ["9.png", "10.png", "a"]
    assert [p.name for p in matching(tmp_path, "*.png")] == ["9.png", "10.png"]
    found = [p.relative_to(tmp_path).as_posix() for p in matching(tmp_path, "*/*.png")]
    assert found == ["a/2.png"]
    assert listing(tmp_path / "nowhere") == matching(tmp_path / "nowhere", "*") == []


def test_any_names_have_an_order():
    names = ["b", "2", "²", "002", "10", "ä1", "1a"]
    assert sorted(sorted(names), key=natural_order)[:4] == ["1a", "002", "2", "10"]
