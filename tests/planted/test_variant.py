"""A planted bug becomes code to run: a copy of the store, loaded beside the store itself."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.contract import Mode
from harness.system import SettingError, SystemConfig
from nodes.adapters.reference import ReferenceSystem
from nodes.loading import OWN_CODE, load
from nodes.planted import BUGS, Bug, Edit, variant
from nodes.planted.variant import EditError, changed, source_tree

STORE = Path(OWN_CODE) / "nodes" / "reference"
ANY = BUGS["half-is-a-quorum"]


def system(**settings: Any) -> ReferenceSystem:
    return ReferenceSystem(
        SystemConfig(mode=Mode.QUORUM, nodes=("n1", "n2", "n3"), settings=settings, seed=1)
    )


def bug(edit: Edit) -> Bug:
    return Bug(name="trial", way=1, summary="Nothing.", edits=(edit,))


def test_a_variant_is_the_store_but_for_its_edits() -> None:
    package = source_tree(ANY) / "nodes" / "reference"
    names = {path.name for path in STORE.glob("*.py")}
    assert {path.name for path in package.glob("*.py")} == names
    differing = {name for name in names if (package / name).read_text() != (STORE / name).read_text()}
    assert differing == {"rules.py"}
    assert (package.parent / "__init__.py").is_file()


@pytest.mark.parametrize(
    "made",
    [
        "variant.code_of(name)",
        "pool.submit(variant.code_of, name).result()",
    ],
)
def test_the_folder_of_a_variant_ends_with_its_process(made: str) -> None:
    code = (
        "import sys; from concurrent.futures import ProcessPoolExecutor as Pool\n"
        "from nodes.planted import variant\n"
        f"name = sys.argv[1]\nwith Pool(1) as pool: print({made})"
    )
    done = subprocess.run([sys.executable, "-c", code, ANY.name], capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip())
    assert folder.name.startswith("acked-")
    assert not folder.exists()


@pytest.mark.parametrize(
    "edit,message",
    [
        (Edit("rules.py", "no such line", ""), "rules.py has 0 times"),
        (Edit("rules.py", "return", ""), "rules.py has .* times, instead of once"),
        (Edit("absent.py", "x", "y"), "the store has no absent.py"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(edit: Edit, message: str) -> None:
    with pytest.raises(EditError, match=f"trial: {message}"):
        source_tree(bug(edit))


def test_edits_of_one_module_add_up() -> None:
    text = changed(changed("one two", Edit("x", "one", "1")), Edit("x", "two", "2"))
    assert text == "1 2"


def test_a_variant_is_loaded_beside_the_store() -> None:
    code = variant.code_of(ANY.name)
    theirs, ours = load(code, "rules"), load(OWN_CODE, "rules")
    assert ours.__name__ == "nodes.reference.rules"
    assert theirs is not ours
    assert theirs is load(code, "rules")
    # Its modules know each other, not the store's.
    assert load(code, "node").Primary.__module__ == f"{theirs.__name__.partition('.')[0]}.primary"
    assert theirs.Mode is load(code, "settings").Mode is not ours.Mode


def test_a_folder_that_is_gone_leaves_what_was_loaded(tmp_path: Path) -> None:
    package = tmp_path / "nodes" / "reference"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from nodes.reference.two import VALUE\n")
    (package / "two.py").write_text("VALUE = 2\n")
    assert load(str(tmp_path), "one").VALUE == 2
    (package / "two.py").unlink()
    assert load(str(tmp_path), "one").VALUE == 2


def test_the_name_of_the_system_tells_what_is_planted() -> None:
    assert system().name == "reference"
    assert system(bug=ANY.name).name == "reference with the planted bug half-is-a-quorum"


@pytest.mark.parametrize("value", ["no-such-bug", ["half-is-a-quorum"], None, True])
def test_an_unknown_bug_is_refused_with_those_that_there_are(value: object) -> None:
    with pytest.raises(SettingError, match="is no planted bug") as caught:
        system(bug=value)
    assert caught.value.field == "bug"
    assert caught.value.allowed == tuple(BUGS)


def test_a_bug_is_planted_in_the_store_as_it_is_only(tmp_path: Path) -> None:
    (tmp_path / "nodes" / "reference").mkdir(parents=True)
    with pytest.raises(SettingError, match="not in other code"):
        system(bug=ANY.name, code=str(tmp_path))
