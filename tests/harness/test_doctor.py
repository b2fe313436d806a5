"""What `acked doctor` says of a host, and whether it says that a verification can run."""

import json
from pathlib import Path

import pytest

from harness import cli, doctor
from nodes.local.host import Check

ALL_WELL = [
    Check(what, True, "/bin/x") for what in ("ip", "nft", "unshare", "mount", "namespaces", "machines")
]


def examine(monkeypatch: pytest.MonkeyPatch, checks: list[Check], folder: Path) -> list[Check]:
    monkeypatch.setattr(doctor, "probe_host", lambda: checks)
    return list(doctor.examine(folder))


def test_a_host_with_all_that_is_needed_can_verify(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    findings = examine(monkeypatch, [*ALL_WELL, Check("power cuts", False, "run as root")], tmp_path)
    assert doctor.can_verify(findings)
    assert {finding.what for finding in findings} >= doctor.NEEDED


@pytest.mark.parametrize("missing", sorted(check.what for check in ALL_WELL))
def test_without_one_of_them_it_can_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    checks = [Check(check.what, check.what != missing, "install it") for check in ALL_WELL]
    assert not doctor.can_verify(examine(monkeypatch, checks, tmp_path))


def test_the_disk_is_measured_where_runs_will_be(tmp_path: Path) -> None:
    assert doctor.flushes_per_second(tmp_path / "not" / "there" / "yet") > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ok,code", [(True, 0), (False, 2)])
def test_the_exit_code_and_the_object_agree(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    ok: bool,
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    checks = [Check("machines", ok, "said by the kernel"), *ALL_WELL[:-1]]
    monkeypatch.setattr(doctor, "probe_host", lambda: checks)
    assert cli.main(["doctor", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["verify"] is ok
    assert {"what": "machines", "ok": ok, "needed": True, "detail": "said by the kernel"} in told["checks"]
    assert cli.main(["doctor"]) == code
    lines = capsys.readouterr().out.splitlines()
    assert f"{'ok' if ok else 'missing':<8} machines       said by the kernel" in lines
    assert lines[-1].startswith(
        "acked verify can run here" if ok else "acked verify can't run here: machines missing"
    )
